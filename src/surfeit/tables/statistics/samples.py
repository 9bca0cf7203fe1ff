"""What a statistic may rest on: finite values, enough of them, and pairs that belong together."""

import numpy as np
from numpy.typing import ArrayLike

_ROUNDING = 1e-9


def sample_of(values: ArrayLike, *, least: int = 1) -> np.ndarray:
    """The values as float64 [n], or an error.

    Raises:
        ValueError: if there are fewer than `least`, they have more than one axis, or one is not
            finite.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or len(sample) < least:
        few = "one value" if least == 1 else f"{_COUNTS.get(least, least)} values"
        raise ValueError(f"at least {few} along one axis needed, got {sample.tolist()}")
    if not np.isfinite(sample).all():
        raise ValueError(f"values must be finite, got {sample.tolist()}")
    return sample


def varied(values: ArrayLike, *, least: int = 2) -> np.ndarray:
    """Values that tell how much they vary, as float64 [n], or an error.

    Raises:
        ValueError: as `sample_of`, or if all are equal.
    """
    sample = sample_of(values, least=least)
    if all_equal(sample):
        raise ValueError(
            f"{len(sample)} equal values do not tell how much they vary, got {sample.tolist()}"
        )
    return sample


def pairs_of(
    first: ArrayLike, second: ArrayLike, *, least: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Two samples whose values belong together in order, or an error.

    Raises:
        ValueError: as `sample_of`, or if the lengths differ.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != other.shape:
        raise ValueError(
            f"paired values must be as many on both sides, got {one.shape} and {other.shape}"
        )
    return sample_of(one, least=least), sample_of(other, least=least)


def all_equal(sample: np.ndarray) -> bool:
    """Whether values are equal but for rounding, so that they do not tell how much they vary.

    0.97 − 0.95 and 0.96 − 0.94 differ by 1e-17 in floating point: their sample deviation is no
    measure of anything, and an interval from it would claim certainty.
    """
    return bool(np.ptp(sample) <= _ROUNDING * np.abs(sample).max())


def checked_confidence(confidence: float) -> float:
    """A confidence in (0, 1), or an error."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    return confidence


_COUNTS = {2: "two", 3: "three", 4: "four", 5: "five"}
