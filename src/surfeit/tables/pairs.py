"""Two kinds of rows compared within each replicate: what a verdict rests on."""

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import pyarrow as pa

Place = tuple[Any, ...]


def paired(
    first: pa.Table,
    second: pa.Table,
    quantity: str,
    *,
    on: Sequence[str] = (),
    seed: str = "seed",
    scale: float = 1.0,
) -> list[float]:
    """Of each replicate the mean difference first − second, of rows that belong together.

    >>> paired(where(table, arm="ticket"), where(table, arm="reinit"), "accuracy", on=["level"])

    Args:
        first, second: rows of one table. A row of the first belongs to the one row of the second
            with the same seed and equal columns `on`.
        quantity: a column of numbers.
        on: what must be equal beside the seed; nothing where the second has one row a seed, such
            as the dense network.
        seed: the column of replicates.
        scale: what differences are multiplied by: 100 for points of a fraction.

    Returns:
        by rising seed, one mean a replicate; NaN for one of which a value is missing, None or NaN,
        so that a verdict on them is inconclusive and says why.

    Raises:
        ValueError: if a row has no partner or several, there is no row, or replicates differ in
            what is compared: their means would be of different things.
    """
    partners: dict[Place, float] = {}
    for place, value in _values(second, quantity, on, seed):
        if place in partners:
            raise ValueError(f"two rows have {_words(place, on, seed)}: pairs need one")
        partners[place] = value
    differences: dict[int, list[float]] = {}
    for place, value in _values(first, quantity, on, seed):
        if place not in partners:
            raise ValueError(f"no row to compare with has {_words(place, on, seed)}")
        rows = differences.setdefault(int(place[0]), [])
        rows.append(scale * (value - partners[place]))
    if not differences:
        raise ValueError(f"there is no row whose {quantity} could be compared")
    _check_alike({one: len(rows) for one, rows in differences.items()}, {p[0] for p in partners})
    return [fmean(differences[one]) for one in sorted(differences)]


def _check_alike(counts: dict[int, int], partners: set[Any]) -> None:
    """All replicates have as many rows, and those of the second side are the first's."""
    if len(set(counts.values())) > 1:
        raise ValueError(
            f"replicates differ in how many rows are compared, {counts}: one lacks some"
        )
    if partners != set(counts):
        lacking = sorted(partners - set(counts))
        raise ValueError(f"replicates {lacking} have rows on the second side alone")


def _values(
    table: pa.Table, quantity: str, on: Sequence[str], seed: str
) -> list[tuple[Place, float]]:
    found = []
    for row in table.select([seed, *on, quantity]).to_pylist():
        place = (row[seed], *(row[name] for name in on))
        found.append((place, _number(row[quantity])))
    return found


def _number(value: float | None) -> float:
    """What was not measured is NaN, and so is every mean that would need it."""
    return math.nan if value is None else float(value)


def _words(place: Place, on: Sequence[str], seed: str) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip((seed, *on), place, strict=True))


def by_seed(
    table: pa.Table, value: str | Callable[[dict[str, Any]], float | None], *, seed: str = "seed"
) -> list[float]:
    """Of each replicate the mean of a column, or of a function of its rows, by rising seed.

    NaN for a replicate of which a value is missing, None or NaN. A function is given rows as they
    are, and says itself what it makes of None.

    Raises:
        ValueError: if there is no row.
    """
    values: dict[int, list[float]] = {}
    for row in table.to_pylist():
        found = row[value] if isinstance(value, str) else value(row)
        values.setdefault(row[seed], []).append(_number(found))
    if not values:
        raise ValueError("there is no row to take a mean of")
    return [fmean(values[one]) for one in sorted(values)]
