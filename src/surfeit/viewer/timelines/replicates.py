"""Replicates of a timeline: the same under other seeds, and between what they lie."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from surfeit.core import StoreError
from surfeit.store import Run
from surfeit.viewer.timelines.timeline import Learning, Timeline

MOST = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Band:
    """Between what the metrics of replicates lie, row by row of one of them.

    Args:
        count: of the replicates, the one itself included.
        least, most: by column float64 [rows]; NaN where no other one was measured.
    """

    count: int
    least: Mapping[str, np.ndarray]
    most: Mapping[str, np.ndarray]


def same_but_seed(one: Run, other: Run) -> bool:
    """Whether two runs differ in their seeds alone: replicates of one training.

    A run with a mask or with parents has none: its seed is not all that drew it.
    """
    try:
        first, second = _identity(one), _identity(other)
    except StoreError:
        return False
    if first is None or second is None or one.config.get("seed") == other.config.get("seed"):
        return False
    return first == second


def searched_together(timeline: Timeline, others: Iterable[Timeline]) -> Iterator[Timeline]:
    """The other replicates of one search for tickets."""
    search = timeline.id.rpartition("-")[0]
    for other in others:
        together = bool(search) and other.id.rpartition("-")[0] == search
        if together and other.id != timeline.id and other.axis == "level":
            yield other


def band_of(own: Learning, others: Sequence[Learning]) -> Band | None:
    """Between what a timeline's metrics and those of its replicates lie; None without any.

    Rows of the others count where they were measured at the same step or level.
    """
    if not others:
        return None
    least, most = {}, {}
    for name, values in own.columns.items():
        rows = [values, *(_at(other, name, own.at) for other in others)]
        stacked = np.stack(rows)
        alone = ~np.isfinite(stacked[1:]).any(0) | ~np.isfinite(values)
        stacked = np.where(np.isfinite(stacked), stacked, np.nan)
        low, high = np.full(len(values), np.nan), np.full(len(values), np.nan)
        if not alone.all():
            low[~alone] = np.nanmin(stacked[:, ~alone], axis=0)
            high[~alone] = np.nanmax(stacked[:, ~alone], axis=0)
        least[name], most[name] = low, high
    return Band(count=1 + len(others), least=least, most=most)


def _at(learning: Learning, name: str, at: np.ndarray) -> np.ndarray:
    """A column's values at these steps or levels, NaN where there are none."""
    if name not in learning.columns:
        return np.full(len(at), np.nan)
    known = dict(zip(learning.at.tolist(), learning.columns[name].tolist(), strict=True))
    return np.array([known.get(place, np.nan) for place in at.tolist()])


def _identity(run: Run) -> dict[str, Any] | None:
    """All that makes a run what it is but its seed; None of one that others led to."""
    identity = dict(run.identity)
    config = {name: value for name, value in identity["config"].items() if name != "seed"}
    if identity.get("parents") or config.get("mask") is not None or not identity.get("data"):
        return None
    return {**identity, "config": config}
