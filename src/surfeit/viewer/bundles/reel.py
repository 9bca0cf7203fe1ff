"""A layer's units at many moments, read and compared ahead by several threads."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from torch import Tensor

from surfeit.core import StoreError, one_thread
from surfeit.viewer.bundles.film import pair_products
from surfeit.viewer.frames.active import ActiveUnits
from surfeit.viewer.frames.graph import mean_product
from surfeit.viewer.frames.moments import VALUES
from surfeit.viewer.frames.places import Origin, Place, joined
from surfeit.viewer.frames.units import Units
from surfeit.viewer.timelines.records import Weights
from surfeit.viewer.timelines.timeline import Timeline

# Moments read at once, where what is the same for all is looked up once: fewer of large layers, of
# which together no more than so many inner products are kept by a thread.
_TOGETHER = 8
_READINGS = 64
_PRODUCTS = 2**21

T = TypeVar("T")
R = TypeVar("R")
Compared = dict[str, tuple[Units, str | None]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Take:
    """The pairs of units at one moment, by one likeness.

    Args:
        products: the inner products of all pairs, [pairs]; NaN where one has no direction.
        level: from which of them units are linked by default; None where that is unknown.
        mean: of the products; None without pairs.
        note: what is to be known of them, a sentence, or None.
        rows: the units' directions, of length 1 or 0.
    """

    products: np.ndarray
    level: float | None
    mean: float | None
    note: str | None
    rows: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Shot:
    """The units at one moment.

    Args:
        at: the moment.
        own: units of the first timeline.
        values: by name (norm, moved, angle, kept) float32 [units].
        takes: by what they are compared by.
    """

    at: int
    own: int
    values: dict[str, np.ndarray]
    takes: dict[str, Take]


class Reel:
    """A layer of one timeline, or of two merged, that is read moment by moment.

    Args:
        timeline: a run or tickets.
        layer: dotted name.
        sources: what units are compared by, of "weights", "updates" and "outputs".
        merged: the other timeline.
        active: the examples that outputs are of, and which units are active on them.
        link: the inner product from which weight vectors are joined; what chance does not reach if
            not given.
    """

    def __init__(
        self,
        timeline: Timeline,
        layer: str,
        *,
        sources: Sequence[str] = ("weights",),
        merged: Timeline | None = None,
        active: ActiveUnits | None = None,
        link: float | None = None,
    ) -> None:
        self._timeline = timeline
        self._layer = layer
        self._sources = tuple(sources)
        self._merged = merged
        self._active = active or ActiveUnits(None)
        self._link = link
        self._origins: dict[str, Origin] = {}
        self._lock = threading.Lock()

    def shots(self, at: Sequence[int]) -> Iterator[Shot | str]:
        """The units at each moment; a sentence where they cannot be read.

        Raises:
            ValueError: if two layers cannot be compared, or there are too many units.
        """
        together = self._together(len(at))
        parts = [at[start : start + together] for start in range(0, len(at), together)]
        for part in ahead(self._shots, parts):
            yield from part

    def _together(self, moments: int) -> int:
        timelines = filter(None, (self._timeline, self._merged))
        units = sum(timeline.layer(self._layer).units for timeline in timelines)
        # Each reading looks the run's record up anew, which is long where there are many moments.
        together = max(_TOGETHER, moments // _READINGS)
        return max(1, min(together, _PRODUCTS // max(1, units * (units - 1) // 2)))

    @one_thread()  # works side by side of one thread each beat one after another of several
    def _shots(self, at: Sequence[int]) -> list[Shot | str]:
        found = [self._read(self._timeline, at)]
        if self._merged is not None:
            beside = [self._merged.moment_beside(self._timeline, moment) for moment in at]
            found.append(self._read(self._merged, beside))
        return [self._shot(*entry) for entry in zip(at, *found, strict=True)]

    def _shot(self, at: int, *found: Compared | str) -> Shot | str:
        for entry in found:
            if isinstance(entry, str):
                return entry
        there = [entry for entry in found if not isinstance(entry, str)]
        shown = {
            source: joined([entry[source] for entry in there], source) for source in self._sources
        }
        units, own, _ = shown[self._sources[0]]
        return Shot(
            at=at,
            own=own,
            values={name: getattr(units, name).float().numpy() for name in VALUES},
            takes={
                source: self._take(source, units, note)
                for source, (units, _, note) in shown.items()
            },
        )

    def _take(self, source: str, units: Units, note: str | None) -> Take:
        level = units.level
        if source == "weights" and self._link is not None:
            level = self._link
        if units.products is None:
            products = pair_products(units.rows, level=level)
        else:
            products = units.products.numpy()
        mean = mean_product(units.rows[units.rows.norm(dim=1) > 0])
        return Take(products=products, level=level, mean=mean, note=note, rows=units.rows)

    def _read(self, timeline: Timeline, at: Sequence[int]) -> list[Compared | str]:
        try:
            weights = timeline.several(self._layer, at)
        except (StoreError, ValueError) as error:
            if len(at) == 1:
                return [str(error)]
            return [found for one in at for found in self._read(timeline, [one])]
        places = [Place(timeline, self._layer, one) for one in at]
        return [self._compared(*entry) for entry in zip(places, weights, strict=True)]

    def _compared(self, place: Place, weights: Weights) -> Compared | str:
        found: Compared = {}
        try:
            origin, active = self._origin(place), self._active
            known = None
            for source in self._sources:
                found[source] = place.compared(
                    weights, origin, source, active.examples, active, known
                )
                known = found[source][0]
        except (StoreError, ValueError) as error:
            return str(error)
        return found

    def _origin(self, place: Place) -> Origin:
        run, _ = place.timeline.place(place.at)
        with self._lock:
            if run.key not in self._origins:
                self._origins[run.key] = place.origin()
            return self._origins[run.key]


def ahead(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """The function of each item, in order, computed by as many threads as there are cores.

    Only a few results wait: those of large layers are too large to keep all.
    """
    workers = min(4, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[R]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
