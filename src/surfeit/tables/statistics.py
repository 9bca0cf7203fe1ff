"""Estimates with their intervals: a mean, an accuracy, the change of an accuracy on one split."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

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


class Mean(NamedTuple):
    """A mean over `n` replicates and its interval, or none: see `over_replicates`."""

    n: int
    mean: float
    lower: float | None
    upper: float | None

    @property
    def doubt(self) -> str:
        """Why there is no interval, in words; empty where there is one."""
        if self.lower is not None:
            return ""
        if self.n == 1:
            return "one replicate, so no interval"
        return f"{self.n} equal values, too few for an interval"


def over_replicates(values: Sequence[float] | np.ndarray, *, confidence: float = 0.95) -> Mean:
    """The mean over replicates, with Student's interval where they tell how much they vary.

    A single replicate does not, and neither do equal ones: two trainings that end with the same
    accuracy have a sample deviation of 0, and an interval of no width would claim certainty.

    Args:
        values: [n] finite numbers, at least one.
        confidence: in (0, 1).

    Returns:
        `lower` and `upper` are None where there is no interval.

    Raises:
        ValueError: as `mean_interval`.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.shape == (1,) or (len(sample) > 1 and (sample == sample[0]).all()):
        # Through the interval's own checks, NaN and infinity included.
        mean_interval(np.resize(sample, max(len(sample), 2)), confidence=confidence)
        return Mean(len(sample), float(sample[0]), None, None)
    found = mean_interval(sample, confidence=confidence)
    return Mean(found.n, found.estimate, found.lower, found.upper)


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
    p = correct / n
    return Interval(p, *_wilson(p, n, confidence), n, confidence)


def share_interval(shares: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """An accuracy over several positions of each example, which do not err independently.

    Wilson's interval of the mean share `p` with as many answers as are worth those given:
    `p(1 − p) / (s² / n)` with the sample's variance `s²`, in [n, ∞), since no share in [0, 1]
    varies by more than single answers do. Where all shares are equal an example counts as one
    answer.

    Args:
        shares: [n], of each example the share of its positions that is right, in [0, 1].
        confidence: in (0, 1).

    Returns:
        fractions; the estimate is the mean share.

    Raises:
        ValueError: if there is no share or one is not in [0, 1].

    Source: Wilson 1927, with the effective number of answers of Korn and Graubard 1998.
    """
    sample = _shares(shares)
    n, p = len(sample), float(sample.mean())
    variance = float(sample.var(ddof=1)) if n > 1 else 0.0
    answers = max(p * (1 - p) * n / variance, n) if variance > 0 else n
    return Interval(p, *_wilson(p, answers, confidence), n, confidence)


def paired_interval(before: ArrayLike, after: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """The change of accuracy, after − before, of two classifiers on the same images.

    With `b` images right only before and `c` right only after, `N = n + 2` and `d = (c − b) / N`:
    `d ± z √(b + c + 1 − (c − b)² / N) / N`, Wald's interval with half an image added to each of
    the four cells. Images on which both agree do not blur the change, as they would with two
    separate intervals, and no change at all still has an interval of some width.

    Examples with several positions may be partly right: with each one's change `d_i` of its share
    the same formula has `Σ d_i` for `c − b` and `Σ d_i²` for `b + c`.

    Args:
        before: bool [n], whether each image was classified rightly before; or the share of its
            positions that was, in [0, 1].
        after: the same of the same images after.
        confidence: in (0, 1).

    Returns:
        fractions in [-1, 1]; the estimate is `(c − b) / n`.

    Raises:
        ValueError: if the two differ in length or kind, are empty, no booleans and no shares.

    Source: Agresti and Min 2005 (their "Wald + 2").
    """
    first, second = np.asarray(before), np.asarray(after)
    floating = {np.dtype(np.float64), np.dtype(np.float32)}
    if first.dtype != second.dtype or first.dtype not in {np.dtype(np.bool_), *floating}:
        raise ValueError(
            "right or wrong must be bool, or floating-point shares, got "
            f"{first.dtype} and {second.dtype}"
        )
    if first.shape != second.shape or first.ndim != 1 or len(first) == 0:
        raise ValueError(
            f"before and after must be [n] for the same images, got {first.shape}, {second.shape}"
        )
    changes = _shares(second) - _shares(first)
    z, n, change = _quantile(confidence), len(changes), float(changes.sum())
    padded, moved = n + 2, float(np.square(changes).sum())
    middle = change / padded
    half = z * math.sqrt(moved + 1 - change * change / padded) / padded
    return Interval(change / n, max(middle - half, -1.0), min(middle + half, 1.0), n, confidence)


def _wilson(p: float, n: float, confidence: float) -> tuple[float, float]:
    z = _quantile(confidence)
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    lower, upper = (centre - half) / scale, (centre + half) / scale
    # At the ends the formula gives 0 and 1 exactly; rounding must not push the estimate outside.
    return min(max(lower, 0.0), p), max(min(upper, 1.0), p)


def _shares(values: ArrayLike) -> np.ndarray:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or len(sample) == 0 or not ((sample >= 0) & (sample <= 1)).all():
        raise ValueError(f"shares must be [n] fractions in [0, 1], got {sample.tolist()[:5]}")
    return sample


def _quantile(confidence: float) -> float:
    return float(ndtri((1 + _checked(confidence)) / 2))


def _checked(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    return confidence
