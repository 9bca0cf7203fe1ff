"""Removal curves of several seeds, read from a table: a study's rows, one a point."""

from collections.abc import Callable
from statistics import fmean

import numpy as np
import pyarrow as pa
from jaxtyping import Float64

Way = tuple[str, str | None]
"""A criterion and what goes first: `least`, `most`, or None where that means nothing."""

Curves = dict[tuple[str, str | None, int], Float64[np.ndarray, " removals+1"]]
"""Percent after 0, 1, 2, ... removals, by criterion, what goes first, and seed."""


def curves_of(table: pa.Table, model: str, layer: str) -> Curves:
    """A layer's curves, each seed's repeats (of random orders) averaged.

    Args:
        table: rows of `model, layer, seed, criterion, remove, repeat, removed, accuracy`, the last
            a fraction.
        model, layer: whose curves; of others nothing is read.
    """
    points: dict[tuple[str, str | None, int], dict[int, list[float]]] = {}
    for row in table.to_pylist():
        if (row["model"], row["layer"]) == (model, layer):
            curve = points.setdefault((row["criterion"], row["remove"], row["seed"]), {})
            curve.setdefault(row["removed"], []).append(100 * row["accuracy"])
    return {
        name: np.asarray([fmean(curve[removed]) for removed in sorted(curve)])
        for name, curve in points.items()
    }


def at(fraction: float) -> Callable[[np.ndarray], float]:
    """Reads a curve where that fraction of its units is removed, to the nearest unit."""
    return lambda curve: float(curve[round(fraction * (len(curve) - 1))])


def first_part(fraction: float) -> Callable[[np.ndarray], float]:
    """Reads a curve's mean from no removal until that fraction of its units is removed."""
    return lambda curve: float(curve[: round(fraction * (len(curve) - 1)) + 1].mean())
