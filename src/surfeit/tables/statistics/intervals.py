"""Means over replicates with Student's interval and test."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from surfeit.tables.statistics.samples import all_equal, checked_confidence, sample_of, varied


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


def over_replicates(values: ArrayLike, *, confidence: float = 0.95) -> Mean:
    """The mean over replicates, with Student's interval where they tell how much they vary.

    A single replicate does not, and neither do equal ones: two trainings that end with the same
    accuracy have a sample deviation of 0, and an interval of no width would claim certainty. What
    differs by rounding alone counts as equal.

    Args:
        values: [n] finite numbers, at least one.
        confidence: in (0, 1).

    Returns:
        `lower` and `upper` are None where there is no interval.

    Raises:
        ValueError: if there is no value, one is not finite, or the confidence is out of range.
    """
    sample = sample_of(values)
    checked_confidence(confidence)
    if len(sample) == 1 or all_equal(sample):
        return Mean(len(sample), float(sample[0]), None, None)
    interval = mean_interval(sample, confidence=confidence)
    return Mean(interval.n, interval.estimate, interval.lower, interval.upper)


def mean_interval(values: ArrayLike, *, confidence: float = 0.95) -> Interval:
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
    sample = sample_of(values, least=2)
    n, mean = len(sample), float(sample.mean())
    t = float(stdtrit(n - 1, (1 + checked_confidence(confidence)) / 2))
    half = t * standard_error(sample)
    return Interval(mean, mean - half, mean + half, n, confidence)


def mean_test(values: ArrayLike, null: float = 0.0) -> float:
    """How likely a mean at least as far from `null` is if `null` is the true one: two-sided p.

    Below `1 − confidence` exactly where `mean_interval` of that confidence leaves `null` out.

    Args:
        values: [n] finite numbers, at least two, not all equal.
        null: the mean under the hypothesis.

    Raises:
        ValueError: if there are fewer than two values, all are equal, or one is not finite.

    Source: Student 1908.
    """
    sample = varied(values)
    t = (sample.mean() - null) / standard_error(sample)
    return float(2 * stdtr(len(sample) - 1, -abs(t)))


def standard_error(sample: np.ndarray) -> float:
    """Of the mean of [n] values, n ≥ 2: `s / √n`."""
    return float(sample.std(ddof=1)) / math.sqrt(len(sample))
