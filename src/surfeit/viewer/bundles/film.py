"""A layer's links over many moments in few bytes: what changes from one moment to the next.

Inner products are rounded to evenly spaced levels, 0 standing for "not carried". A pair keeps its
level while its inner product stays within `_STAY` steps of it, and stays carried until it is so far
below the least that is complete: rounding is done against what the reader has, so that errors never
add up and what trembles between two levels costs nothing. No rounding takes a pair across the inner
product from which units are linked by default: what is drawn as linked is linked, to the link.

Besides the strongest pairs of all, each unit's own nearest are carried, for the layout.

Pairs are counted through `(0, 1), (0, 2), ..., (1, 2), ...`. A moment is written as what changes of
the pairs that are carried so far, and then as the pairs that come in:

    gaps: how many carried pairs keep their level before each one that changes, as bytes; 255 stands
        for 255 of them and goes on
    changes: new level − old level modulo 256, a byte a change; 0: no longer carried
    entries: as gaps, how many of all pairs lie before each one that comes in
    entered: its level
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from surfeit.similarity import order_statistic, pairwise_products
from surfeit.viewer.bundles.nearest import nearest_pairs
from surfeit.viewer.frames.quantised import apart_of, limit_of

_LEVELS = 120
_BELOW = 8
_HIGHEST = 255
_STAY = 0.75
_ESCAPE = 255
# The step grows so that a film keeps within about so many bytes, but to this many levels at most.
_BYTES = 450_000
_FEWEST_LEVELS = 20
_MOST_UNITS = 8_192


@dataclass(frozen=True, kw_only=True, eq=False)
class Film:
    """The links of one layer over some moments.

    Args:
        gaps, changes, entries, entered: uint8, all moments one after another.
        gap_ends, entry_ends: uint32 [moments], where each moment's gaps and entries end.
        floor: float32 [moments], the inner product from which on links are complete; −1 for all.
            Below it there are each unit's nearest alone.
        lowest: the inner product of level 1.
        step: from one level to the next.
        error: the largest difference between an inner product and its level.
    """

    gaps: np.ndarray
    changes: np.ndarray
    gap_ends: np.ndarray
    entries: np.ndarray
    entered: np.ndarray
    entry_ends: np.ndarray
    floor: np.ndarray
    lowest: float
    step: float
    error: float


@dataclass(frozen=True)
class Scale:
    """Where the levels are: the inner product of level 1, and the step between two."""

    lowest: float
    step: float


class Filming:
    """Writes a film, moment by moment.

    Args:
        scale: from `scale_of` some of the moments.
        links: how many of each moment are complete; a few more are carried.
        neighbours: how many of each unit's nearest are carried in any case.

    Cost: about 1.5 ms a moment for 512 units.
    """

    def __init__(self, scale: Scale, links: int, *, neighbours: int = 0) -> None:
        self._scale, self._links, self._neighbours = scale, links, neighbours
        self._aparts = apart_of(scale.lowest + np.arange(_HIGHEST) * scale.step)
        self._state: np.ndarray | None = None
        self._error = 0.0
        self._parts: list[tuple[np.ndarray, ...]] = []
        self._floors: list[float] = []

    def add(self, products: np.ndarray, level: float | None = None) -> None:
        """Writes the next moment.

        Args:
            products: `pair_products`.
            level: the inner product from which units are linked by default, where there is one.
        """
        state = np.zeros(len(products), np.uint8) if self._state is None else self._state
        least = least_of(products, self._links)
        near = nearest_pairs(products, self._neighbours, least)
        first = 0 if level is None else _first_linked(self._aparts, level)
        after, off = _next(state, products, least, self._scale, near, level, first)
        if level is not None and first <= 1:  # what is not linked has no level left
            least = max(least, level)
        self._parts.append((*_changes(state, after), *_entries(state, after)))
        self._floors.append(least)
        self._state, self._error = after, max(self._error, off)

    def film(self) -> Film:
        """What was written."""
        gaps, changes, entries, entered = zip(*self._parts, strict=True)
        return Film(
            gaps=np.concatenate(gaps),
            changes=np.concatenate(changes),
            gap_ends=_ends(gaps),
            entries=np.concatenate(entries),
            entered=np.concatenate(entered),
            entry_ends=_ends(entries),
            floor=np.maximum(np.array(self._floors, np.float32), -1),
            lowest=self._scale.lowest,
            step=self._scale.step,
            error=self._error,
        )


def film(products: Iterable[np.ndarray], scale: Scale, links: int) -> Film:
    """Writes a film of moments that have no level: see `Filming`."""
    filming = Filming(scale, links)
    for found in products:
        filming.add(found)
    return filming.film()


def levels(written: Film, pairs: int) -> Iterable[np.ndarray]:
    """Reads a film: the level of every pair at each moment, uint8; what the page does too."""
    state = np.zeros(pairs, np.uint8)
    changes, entered = written.changes, written.entered
    gaps = np.split(written.gaps, written.gap_ends[:-1])
    for changed, entries in zip(
        gaps, np.split(written.entries, written.entry_ends[:-1]), strict=True
    ):
        at, new = np.flatnonzero(state)[_places(changed)], _places(entries)
        state = state.copy()
        state[at] = np.where(changes[: len(at)] == 0, 0, state[at] + changes[: len(at)])
        state[new] = entered[: len(new)]
        changes, entered = changes[len(at) :], entered[len(new) :]
        yield state


def pair_products(
    directions: Float[Tensor, "units columns"], *, level: float | None = None
) -> np.ndarray:
    """The inner products of all pairs of units, [pairs]; NaN where one has no direction.

    Args:
        directions: rows of length 1 or 0.
        level: from which units are linked, as for `surfeit.similarity.similarity_blocks`.

    Raises:
        ValueError: if there are more than 8,192 units: 33 million pairs are too many for a page.
    """
    if len(directions) > _MOST_UNITS:
        raise ValueError(
            f"a page holds graphs of up to {_MOST_UNITS} units, this layer has {len(directions)}"
        )
    return pairwise_products(directions, level=level).numpy()


def least_of(products: np.ndarray, links: int) -> float:
    """The inner product that so many pairs reach; −infinity if there are no more."""
    there = products[~np.isnan(products)]
    if len(there) <= links:
        return -np.inf
    return order_statistic(there, len(there) - links) if links else np.inf


def drift_of(before: np.ndarray, after: np.ndarray, links: int) -> float:
    """How far the inner products that are carried move from one moment to the next, on average."""
    carried = (before >= least_of(before, links)) & ~np.isnan(after)
    return float(np.abs(after - before)[carried].mean()) if carried.any() else 0.0


def scale_of(
    samples: Sequence[np.ndarray],
    links: int,
    *,
    moments: int = 1,
    drift: float = 0.0,
    reach: float = -1.0,
    neighbours: int = 0,
    size: int | None = None,
) -> Scale:
    """Levels for what is carried of some moments: 120 from the least to the largest, or fewer.

    There are at least 8 more below and 127 above for the moments in between; beyond these inner
    products are cut off, which the film's error tells. A link costs about `3.2 √(drift / step)`
    bits a moment, as measured on trainings from calm to wild; where that would be too many bytes
    the step is larger, down to 20 levels.

    Args:
        samples: `pair_products` of some moments.
        links: as for `film`.
        moments: how many there are in all.
        drift: as `drift_of` some of them.
        reach: an inner product that the levels reach at least, such as where links begin.
        neighbours: as for `Filming`.
        size: bytes that the film should keep within; 450,000 if not given.
    """
    carried = [np.empty(0, np.float32)]
    for found in samples:
        least = least_of(found, links)
        carried += [found[found >= least], found[nearest_pairs(found, neighbours, least)]]
    values = np.concatenate(carried)
    if not len(values):
        return Scale(0.0, max(1.0, reach) / _LEVELS)
    low, high = float(values.min()), float(values.max())
    finest, coarsest = ((high - low) / (levels - 1) for levels in (_LEVELS, _FEWEST_LEVELS))
    carried_links = moments * min(links, len(samples[0]))
    wanted = drift * (3.2 * carried_links / (8 * (size or _BYTES))) ** 2
    reaching = (reach - low) / (_HIGHEST - _BELOW - 1)
    step = max(min(max(finest, wanted), coarsest), reaching, 1e-6)
    return Scale(low - _BELOW * step, step)


def _next(
    state: np.ndarray,
    products: np.ndarray,
    least: float,
    scale: Scale,
    near: np.ndarray,
    level: float | None,
    first: int,
) -> tuple[np.ndarray, float]:
    """The levels after a moment, and the largest error of those carried.

    Args:
        near: pairs that are carried in any case.
        level: from which inner product units are linked.
        first: the first level that stands for links.
    """
    # Comparisons with NaN are false: units without a direction have no links.
    carried = products >= np.where(state > 0, least - _STAY * scale.step, least)
    carried[near] = True
    at = np.flatnonzero(carried)
    before, found = state[at], products[at]
    exact = (found - np.float32(scale.lowest)) / np.float32(scale.step) + 1
    stays = (before > 0) & (np.abs(exact - before) <= _STAY)
    now = np.where(stays, before, np.clip(np.rint(exact), 1, _HIGHEST))
    if level is not None:
        now = np.where(found >= level, np.maximum(now, first), np.minimum(now, first - 1))
    after = np.zeros(len(state), np.uint8)
    after[at] = now
    off = np.abs(exact - now)[now > 0]
    return after, float(off.max()) * scale.step if len(off) else 0.0


def _first_linked(aparts: np.ndarray, level: float) -> int:
    """The first level whose quantised distance is that of a link, as the page has both."""
    return min(int((aparts > limit_of(level)).sum()) + 1, _HIGHEST)


def _changes(state: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gaps and changes of the pairs that were carried."""
    carried = np.flatnonzero(state > 0)
    before, now = state[carried], after[carried]
    changed = np.flatnonzero(before != now)
    return _gap_bytes(changed), np.where(now == 0, 0, now - before)[changed].astype(np.uint8)


def _entries(state: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gaps and levels of the pairs that come in."""
    new = np.flatnonzero((state == 0) & (after > 0))
    return _gap_bytes(new), after[new]


def _ends(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.cumsum([len(part) for part in parts]).astype(np.uint32)


def _places(gaps: np.ndarray) -> np.ndarray:
    """Where the gaps' pairs are: what `_gap_bytes` was given."""
    ends = np.flatnonzero(gaps != _ESCAPE)
    return np.cumsum(gaps, dtype=np.int64)[ends] + np.arange(len(ends))


def _gap_bytes(changed: np.ndarray) -> np.ndarray:
    """How many pairs stand before each of the changed ones."""
    gaps = np.diff(changed, prepend=-1) - 1
    whole, rest = np.divmod(gaps, _ESCAPE)
    ends = np.cumsum(whole + 1) - 1
    found = np.full(int(ends[-1]) + 1 if len(ends) else 0, _ESCAPE, np.uint8)
    found[ends] = rest
    return found
