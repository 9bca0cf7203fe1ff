"""One number a unit over many moments, a byte each: norms, angles, what masks keep."""

from dataclasses import dataclass

import numpy as np

_STEPS = 254
_MISSING = 255


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """Numbers rounded to 255 levels from the least to the largest, as differences over time.

    `value = low + level · (high − low) / 254`, so that it is off by at most (high − low) / 508; the
    level 255 stands for NaN. `changes[0]` are the first levels, `changes[t]` what is added to them
    modulo 256 at moment t.

    Args:
        changes: uint8 [moments, units].
        low, high: the range; equal if all numbers are.
    """

    changes: np.ndarray
    low: float
    high: float


def series(values: np.ndarray) -> Series:
    """The series of numbers [moments, units]; NaN is kept."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    scale = _STEPS / (high - low) if high > low else 0.0
    level = np.rint((np.nan_to_num(values, nan=low) - low) * scale)
    level = np.where(np.isfinite(values), level, _MISSING).astype(np.uint8)
    changes = np.diff(level, axis=0, prepend=np.zeros((1, level.shape[1]), np.uint8))
    return Series(changes=changes, low=low, high=high)


def values_of(written: Series) -> np.ndarray:
    """The numbers that a series stands for, float64 [moments, units]; what the page does too."""
    level = np.cumsum(written.changes, axis=0, dtype=np.uint8)
    value = written.low + level * ((written.high - written.low) / _STEPS)
    return np.where(level == _MISSING, np.nan, value)
