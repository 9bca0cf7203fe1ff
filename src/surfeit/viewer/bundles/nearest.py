"""Pairs of units by their number among all pairs, and each unit's nearest among them.

Pairs are counted through `(0, 1), (0, 2), ..., (1, 2), ...`.
"""

import math
from functools import lru_cache

import numpy as np
import torch

from surfeit.similarity.pairs import ends_of, starts_of

_UNITS = 256  # looked at together
_KEPT = 1_024  # of layers up to so many units the numbers of all pairs are kept: 4 MiB


def nearest_pairs(products: np.ndarray, count: int, least: float) -> np.ndarray:
    """The pairs of each unit with its nearest, as far as these are not among the strongest of all.

    Only units with fewer than `count` pairs from `least` on are looked at: of the others the
    nearest are there already.

    Args:
        products: inner products of all pairs, [pairs]; NaN where a unit has no direction.
        count: how many nearest of each unit; all there are, where it has fewer.
        least: pairs from this inner product on are there in any case.

    Returns:
        numbers of pairs, int64; one may come twice.

    Cost: O(units² · share of units looked at).
    """
    if count == 0:
        return np.empty(0, np.int64)
    units = (1 + math.isqrt(1 + 8 * len(products))) // 2
    starts = starts_of(units).numpy()
    there = torch.from_numpy(np.flatnonzero(products >= least))
    one, other = (ends.numpy() for ends in ends_of(there, units))
    links = np.bincount(one, minlength=units) + np.bincount(other, minlength=units)
    few = np.flatnonzero(links < min(count, units - 1))
    parts = [
        _nearest(products, few[start : start + _UNITS], starts, count)
        for start in range(0, len(few), _UNITS)
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _nearest(products: np.ndarray, units: np.ndarray, starts: np.ndarray, count: int) -> np.ndarray:
    pairs = _pairs_of(len(starts))[units] if len(starts) <= _KEPT else _pairs(units, starts)
    values = products[pairs]
    values[np.isnan(values)] = -np.inf
    if count < pairs.shape[1]:
        best = np.argpartition(values, -count, axis=1)[:, -count:]
        pairs, values = (np.take_along_axis(array, best, axis=1) for array in (pairs, values))
    return pairs[values > -np.inf]


@lru_cache(maxsize=2)
def _pairs_of(units: int) -> np.ndarray:
    """The pairs of every unit, int32 [units, units − 1]; the same for all moments of a film."""
    return _pairs(np.arange(units), starts_of(units).numpy()).astype(np.int32)


def _pairs(units: np.ndarray, starts: np.ndarray) -> np.ndarray:
    every = np.arange(len(starts), dtype=np.int64)
    low, high = np.minimum(units[:, None], every), np.maximum(units[:, None], every)
    return (starts[low] + high - low - 1)[low != high].reshape(len(units), -1)
