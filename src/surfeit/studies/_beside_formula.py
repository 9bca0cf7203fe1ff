"""What replicates measured, beside what a formula says of the same place."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from surfeit.lab import Verdict, all_of, equals


def dense(ratios: Sequence[float], peak: float) -> list[float]:
    """Places at which a formula is a smooth line: close together, and closer about its peak.

    Args:
        ratios: those that are measured; they are among the places.
        peak: where the formula is infinite.
    """
    least, most = min(ratios), max(ratios)
    near = peak * np.concatenate([np.geomspace(0.7, 0.997, 25), np.geomspace(1.003, 1.4, 25)])
    places = np.concatenate([np.geomspace(least, most, 101), near]).round(4)
    return sorted({*ratios, peak, *(one for one in places.tolist() if least <= one <= most)})


class Beside:
    """A table of rows `part, of, place, ...`, where `of` is `drawn` or `formula`.

    Args:
        table: its drawn rows have one value a replicate, in the same order at every place.
        comparisons: how many verdicts the study makes.
    """

    def __init__(self, table: pa.Table, comparisons: int) -> None:
        self.comparisons = comparisons
        self._drawn: dict[tuple[str, float], list[dict[str, Any]]] = {}
        self._exact: dict[tuple[str, float], dict[str, Any]] = {}
        for row in table.to_pylist():
            place = row["part"], row["place"]
            if row["of"] == "formula":
                self._exact[place] = row
            else:
                self._drawn.setdefault(place, []).append(row)

    def values(self, part: str, column: str, place: float) -> np.ndarray:
        """What the replicates measured, float64; NaN where nothing was."""
        rows = self._drawn.get((part, float(place)), [])
        return np.array([math.nan if row[column] is None else row[column] for row in rows])

    def mean(self, part: str, column: str, place: float) -> float:
        """The mean over replicates."""
        return float(self.values(part, column, place).mean())

    def exact(self, part: str, column: str, place: float) -> float:
        """What the formula says; infinite where it has no value."""
        value = self._exact[part, float(place)][column]
        return math.inf if value is None else value

    def relative(self, part: str, column: str, place: float) -> np.ndarray:
        """By which share of the formula's value the replicates are above it."""
        return self.values(part, column, place) / self.exact(part, column, place) - 1

    def fall(self, part: str, column: str, first: float, second: float) -> np.ndarray:
        """By how much a column falls from one place to another, replicate by replicate."""
        return self.values(part, column, first) - self.values(part, column, second)

    def agrees(self, name: str, part: str, column: str, place: float, *, margin: float) -> Verdict:
        """Whether the mean at one place is the formula's, within a share of it."""
        return equals(
            name,
            self.relative(part, column, place),
            margin=margin,
            comparisons=self.comparisons,
            unit="of the formula's",
        )

    def agrees_everywhere(
        self, claim: str, part: str, column: str, places: Iterable[float], *, margin: float
    ) -> Verdict:
        """Whether it is at each place; says how many means lie within two standard errors."""
        off = {place: self.relative(part, column, place) for place in places}
        errors = {place: one.std(ddof=1) / math.sqrt(len(one)) for place, one in off.items()}
        within = sum(abs(one.mean()) <= 2 * errors[place] for place, one in off.items())
        largest = max(off, key=lambda place: abs(off[place].mean()))
        return all_of(
            claim,
            *(self.agrees(f"{at:.3g}", part, column, at, margin=margin) for at in off),
            says=f"{within} of {len(off)} means lie within two standard errors of the formula; the "
            f"farthest, at {largest:.3g}, is off by {off[largest].mean():+.1%}.",
            comparisons=self.comparisons,
        )
