"""Planted tables of tickets: a row a training, with what a study changes."""

from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa

SEEDS = (0, 1, 2, 3, 4)
NOISE = (0.004, -0.006, 0.001, 0.003, -0.002)
"""How far a seed's accuracies are from another's: the same in all arms, so that pairs cancel it."""

Change = Callable[[dict[str, Any]], dict[str, Any]]


def trainings(
    change: Change,
    *,
    levels: int,
    rate: float = 0.2,
    arms: Iterable[str] = ("ticket",),
    seeds: Iterable[int] = SEEDS,
    **columns: Any,
) -> list[dict[str, Any]]:
    """A search for tickets in which all is alike but what `change` says of a row."""
    rows = []
    for seed in seeds:
        for level in range(levels + 1):
            for arm in arms if level else ("ticket",):
                row = {"replicate": seed, "level": level, "arm": arm, **columns}
                row |= {"density": (1 - rate) ** level, "test_accuracy": 0.9 + NOISE[seed]}
                row |= {"validation_accuracy": 0.9, "early_stop_step": 500, "steps": 1000}
                rows.append(row | change(row))
    return rows


def table(rows: Iterable[dict[str, Any]]) -> pa.Table:
    """The rows as a table."""
    return pa.Table.from_pylist(list(rows))
