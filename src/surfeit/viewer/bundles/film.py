"""A layer's links over many moments in few bytes: what changes from one moment to the next.

Inner products are rounded to evenly spaced levels, 0 standing for "not carried". A pair keeps its
level while its inner product stays within `_STAY` steps of it, and stays carried until it is so far
below the least that is complete: rounding is done against what the reader has, so that errors never
add up and what trembles between two levels costs nothing.

A moment is written as the pairs that change, counted through `(0, 1), (0, 2), ..., (1, 2), ...`:

    gaps: unchanged pairs in between, as bytes; 255 stands for 255 of them and goes on
    changes: new level − old level modulo 256, a byte a change
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from surfeit.similarity import similarity_blocks

_LEVELS = 120
_BELOW = 8
_HIGHEST = 255
_STAY = 0.75
_ESCAPE = 255
_MOST_UNITS = 8_192


@dataclass(frozen=True, kw_only=True, eq=False)
class Film:
    """The links of one layer over some moments.

    Args:
        gaps, changes: uint8, all moments one after another.
        gap_ends, change_ends: uint32 [moments], where each moment's bytes end.
        floor: float32 [moments], the inner product from which on links are complete; −1 for all.
        lowest: the inner product of level 1.
        step: from one level to the next.
        error: the largest difference between an inner product and its level.
    """

    gaps: np.ndarray
    changes: np.ndarray
    gap_ends: np.ndarray
    change_ends: np.ndarray
    floor: np.ndarray
    lowest: float
    step: float
    error: float


@dataclass(frozen=True)
class Scale:
    """Where the levels are: the inner product of level 1, and the step between two."""

    lowest: float
    step: float


def film(products: Iterable[np.ndarray], scale: Scale, links: int) -> Film:
    """Writes a film.

    Args:
        products: for each moment `pair_products`.
        scale: from `scale_of` some of them.
        links: how many of each moment are complete; a few more are carried.

    Cost: about 1.5 ms a moment for 512 units.
    """
    parts, state, error = [], None, 0.0
    for found in products:
        state = np.zeros(len(found), np.uint8) if state is None else state
        least = least_of(found, links)
        after, off = _next(state, found, least, scale)
        changed = np.flatnonzero(after != state)
        parts.append((_gap_bytes(changed), (after - state)[changed], least))
        state, error = after, max(error, off)
    gaps, changes, floors = zip(*parts, strict=True)
    return Film(
        gaps=np.concatenate(gaps),
        changes=np.concatenate(changes),
        gap_ends=np.cumsum([len(part) for part in gaps]).astype(np.uint32),
        change_ends=np.cumsum([len(part) for part in changes]).astype(np.uint32),
        floor=np.maximum(np.array(floors, np.float32), -1),
        lowest=scale.lowest,
        step=scale.step,
        error=error,
    )


def levels(written: Film, pairs: int) -> Iterable[np.ndarray]:
    """Reads a film: the level of every pair at each moment, uint8; what the page does too."""
    state, gap, change = np.zeros(pairs, np.uint8), 0, 0
    for gap_end, change_end in zip(written.gap_ends, written.change_ends, strict=True):
        gaps = written.gaps[gap:gap_end].astype(np.int64)
        ends = np.flatnonzero(gaps != _ESCAPE)
        at = np.cumsum(gaps)[ends] + np.arange(len(ends))
        state = state.copy()
        state[at] += written.changes[change:change_end]
        gap, change = gap_end, change_end
        yield state


def pair_products(directions: Float[Tensor, "units columns"]) -> np.ndarray:
    """The inner products of all pairs of units, float32 [pairs]; NaN where one has no direction.

    Args:
        directions: rows of length 1 or 0.

    Raises:
        ValueError: if there are more than 8,192 units: 33 million pairs are too many for a page.
    """
    if len(directions) > _MOST_UNITS:
        raise ValueError(
            f"a page holds graphs of up to {_MOST_UNITS} units, this layer has {len(directions)}"
        )
    parts = [
        block[place, start + place + 1 :]
        for start, similar in similarity_blocks(directions.float())
        for block in (similar.numpy(),)
        for place in range(len(block))
    ]
    return np.concatenate(parts)


def least_of(products: np.ndarray, links: int) -> float:
    """The inner product that so many pairs reach; −infinity if there are no more."""
    there = products[~np.isnan(products)]
    if len(there) <= links:
        return -np.inf
    return float(np.partition(there, len(there) - links)[len(there) - links]) if links else np.inf


def scale_of(samples: Sequence[np.ndarray], links: int) -> Scale:
    """Levels for what is carried of some moments: 120 from the least to the largest.

    There are 8 more below and 127 above for the moments in between; beyond these inner products
    are cut off, which the film's error tells.
    """
    carried = [found[found >= least] for found in samples for least in (least_of(found, links),)]
    values = np.concatenate(carried) if carried else np.empty(0, np.float32)
    if not len(values):
        return Scale(0.0, 1 / _LEVELS)
    low, high = float(values.min()), float(values.max())
    step = max((high - low) / (_LEVELS - 1), 1e-6)
    return Scale(low - _BELOW * step, step)


def _next(
    state: np.ndarray, products: np.ndarray, least: float, scale: Scale
) -> tuple[np.ndarray, float]:
    """The levels after a moment, and the largest error of those carried."""
    exact = (products - np.float32(scale.lowest)) / np.float32(scale.step) + 1
    limit = (least - scale.lowest) / scale.step + 1
    there = state > 0
    # Comparisons with NaN are false: units without a direction have no links.
    carried = (products >= least) | (there & (exact >= limit - _STAY))
    stays = there & (np.abs(exact - state) <= _STAY)
    rounded = np.clip(np.rint(exact), 1, _HIGHEST)
    after = np.where(carried, np.where(stays, state, rounded), 0).astype(np.uint8)
    off = np.abs(exact - after)[carried]
    return after, float(off.max()) * scale.step if len(off) else 0.0


def _gap_bytes(changed: np.ndarray) -> np.ndarray:
    """How many pairs stand between the changed ones."""
    gaps = np.diff(changed, prepend=-1) - 1
    whole, rest = np.divmod(gaps, _ESCAPE)
    ends = np.cumsum(whole + 1) - 1
    found = np.full(int(ends[-1]) + 1 if len(ends) else 0, _ESCAPE, np.uint8)
    found[ends] = rest
    return found
