"""Estimates with their intervals: a mean, an accuracy, the difference of two paired accuracies."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit


@dataclass(frozen=True)
class Interval:
    """An estimate with the interval that covers the true value with the given confidence.

    Args:
        estimate: the point estimate.
        lower: the interval's lower end.
        upper: the interval's upper end.
        n: how many values or images it rests on.
        confidence: in (0, 1).
    """

    estimate: float
    lower: float
    upper: float
    n: int
    confidence: float = 0.95


def mean_interval(values: Sequence[float] | np.ndarray, *, confidence: float = 0.95) -> Interval:
    """The mean of independent values, with Student's interval.

    `mean ± t((1 + confidence) / 2, n − 1) · s / √n` with the sample's standard deviation `s`. For
    paired values (two methods over the same seeds) pass their differences.

    Args:
        values: [n] finite numbers, at least two.
        confidence: in (0, 1).

    Raises:
        ValueError: if there are fewer than two values, one is not finite, or the confidence is out
            of range.

    Source: Student 1908.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or len(sample) < 2:
        raise ValueError(f"an interval of a mean needs at least two values, got {sample.tolist()}")
    if not np.isfinite(sample).all():
        raise ValueError(f"values must be finite, got {sample.tolist()}")
    n, mean = len(sample), float(sample.mean())
    t = float(stdtrit(n - 1, (1 + _checked(confidence)) / 2))
    half = t * float(sample.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n, confidence)


def wilson_interval(correct: int, n: int, *, confidence: float = 0.95) -> Interval:
    """An accuracy of `correct` right answers out of `n`, with Wilson's score interval.

    `(p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)` with `p = correct / n`: the values that a
    score test does not reject. Unlike `p ± z s` it stays in [0, 1] and is right near both ends.

    Args:
        correct: right answers, in [0, n].
        n: images, at least 1.
        confidence: in (0, 1).

    Returns:
        fractions; the estimate is `correct / n`.

    Raises:
        ValueError: if the counts or the confidence are out of range.

    Source: Wilson 1927.
    """
    if n < 1 or not 0 <= correct <= n:
        raise ValueError(f"correct must be in [0, n] and n at least 1, got {correct} of {n}")
    z = float(ndtri((1 + _checked(confidence)) / 2))
    p = correct / n
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    lower, upper = (centre - half) / scale, (centre + half) / scale
    # At the ends the formula gives 0 and 1 exactly; rounding must not push the estimate outside.
    return Interval(p, min(max(lower, 0.0), p), max(min(upper, 1.0), p), n, confidence)


def paired_interval(before: ArrayLike, after: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """The change of accuracy, after − before, of two classifiers on the same images.

    With `b` images right only before and `c` right only after, `N = n + 2` and `d = (c − b) / N`:
    `d ± z √(b + c + 1 − (c − b)² / N) / N`, Wald's interval with half an image added to each of
    the four cells. Images on which both agree do not blur the change, as they would with two
    separate intervals, and no change at all still has an interval of some width.

    Args:
        before: bool [n], whether each image was classified rightly before.
        after: bool [n], the same images after.
        confidence: in (0, 1).

    Returns:
        fractions in [-1, 1]; the estimate is `(c − b) / n`.

    Raises:
        ValueError: if the two differ in length, are empty or no booleans.

    Source: Agresti and Min 2005 (their "Wald + 2").
    """
    first, second = np.asarray(before), np.asarray(after)
    if first.dtype != np.bool_ or second.dtype != np.bool_:
        raise ValueError(f"right or wrong must be bool, got {first.dtype} and {second.dtype}")
    if first.shape != second.shape or first.ndim != 1 or len(first) == 0:
        raise ValueError(
            f"before and after must be [n] for the same images, got {first.shape}, {second.shape}"
        )
    n, lost = len(first), int((first & ~second).sum())
    gained = int((second & ~first).sum())
    z, padded, change = float(ndtri((1 + _checked(confidence)) / 2)), n + 2, gained - lost
    middle = change / padded
    half = z * math.sqrt(lost + gained + 1 - change * change / padded) / padded
    return Interval(change / n, max(middle - half, -1.0), min(middle + half, 1.0), n, confidence)


def _checked(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    return confidence
