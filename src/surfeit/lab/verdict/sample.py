"""What a judge is given: values of replicates, of which some may be missing or say nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from surfeit.lab.verdict.verdict import Ruling, Verdict
from surfeit.tables import Mean, over_replicates

Values = Sequence[float | None] | np.ndarray | Mapping[object, float | None]
FEWEST = 3
"""Replicates that a ruling needs. The deviation of two is one difference, and too often tiny by
chance: where half of all trainings fail, two agree every other time."""
_ROUNDING = 1e-12
LARGEST = 1e150
"""The square of what is larger is no float any more, and its deviation cannot be computed."""


@dataclass(frozen=True)
class Sample:
    """The values that are there, and what keeps them from deciding anything.

    Args:
        values: [n], finite.
        doubt: why they cannot decide, in words; empty where they can.
        varies: whether they tell how much they vary, so that they have an interval.
        missing: how many were not there: a sentence that was made of all values has no figures.
    """

    values: np.ndarray
    doubt: str
    varies: bool
    missing: int = 0

    def mean(self, confidence: float) -> Mean | None:
        """The mean with its interval, if any; None where there is no value."""
        if len(self.values) == 0:
            return None
        if not self.varies:
            return Mean(len(self.values), float(self.values.mean()), None, None)
        return over_replicates(self.values, confidence=confidence)

    def doubted(self, doubt: str) -> "Sample":
        """The same values with one more thing in the way, behind what is there already."""
        return replace(self, doubt=self.doubt or doubt)

    def verdict(
        self,
        claim: str,
        ruling: Ruling,
        over: Mean | None,
        *,
        p: float | None,
        unit: str,
        says: str,
        against: str = "",
        signed: bool = True,
    ) -> Verdict:
        """The verdict on a mean: inconclusive where there is a doubt."""
        return Verdict(
            claim=claim,
            ruling="inconclusive" if self.doubt else ruling,
            effect=over.mean if over else None,
            lower=over.lower if over else None,
            upper=over.upper if over else None,
            n=len(self.values),
            unit=unit,
            says="" if self.missing else says,
            doubt=self.doubt,
            p=p,
            signed=signed,
            against=against,
        )


def sample_for(values: Values) -> Sample:
    """The sample of values in order of replicates, or by their names; None and NaN are missing.

    A finite value beyond ±1e150 is none that could be judged: there is no interval with it.

    Raises:
        ValueError: if the values have more than one axis.
    """
    given = numbers(values)
    if given.ndim != 1:
        raise ValueError(f"a judge needs one value for each replicate, got shape {given.shape}")
    huge = int((np.isfinite(given) & (np.abs(given) > LARGEST)).sum())
    present = given[np.abs(given) <= LARGEST]
    n, missing = len(present), len(given) - len(present)
    varies = n >= 2 and not missing and np.ptp(present) > _ROUNDING
    varies = bool(varies) and over_replicates(present).lower is not None
    doubt = f"{huge} of {len(given)} values beyond ±{LARGEST:g}" if huge else ""
    return Sample(present, doubt or _doubt(n, missing, varies), varies, missing)


def numbers(values: Values) -> np.ndarray:
    """The values as float64; None becomes NaN."""
    listed = list(values.values()) if isinstance(values, Mapping) else values
    try:
        return np.array(listed, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"values must be numbers or None, in rows of one length, got {listed!r}"
        ) from error


def paired_numbers(first: Values, second: Values) -> tuple[np.ndarray, np.ndarray]:
    """Values that belong together in order, or by name where they are mappings: both [n].

    Raises:
        ValueError: if they differ in length or names.
    """
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        if set(first) != set(second):
            raise ValueError(
                f"paired values need the same names on both sides, got {list(first)} and "
                f"{list(second)}: None where one is missing"
            )
        second = {name: second[name] for name in first}
    one, other = numbers(first), numbers(second)
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(
            f"paired values must be as many on both sides, got {one.shape} and {other.shape}: "
            "None where one is missing"
        )
    return one, other


def missing_in_words(missing: int, of: int, what: str = "value") -> str:
    """`2 of 5 values missing or not finite`; empty where none is."""
    if not missing:
        return ""
    return f"{missing} of {of} {what}{'' if of == 1 else 's'} missing or not finite"


def _doubt(n: int, missing: int, varies: bool) -> str:
    if missing:
        return missing_in_words(missing, n + missing)
    if n < 2:
        return "one replicate, so no interval" if n else "no values"
    if not varies:
        return f"{n} equal values, too few for an interval"
    return f"{n} replicates, too few for a ruling" if n < FEWEST else ""
