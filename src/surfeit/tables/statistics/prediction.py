"""Prediction: where further values will lie, which is what a single published figure is one of."""

import math

from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from surfeit.tables.statistics.intervals import Interval
from surfeit.tables.statistics.many import shared_confidence
from surfeit.tables.statistics.samples import checked_confidence, varied


def prediction_interval(
    values: ArrayLike, *, averaged: int = 1, count: int = 1, confidence: float = 0.95
) -> Interval:
    """Where a further value, or the mean of several, will lie.

    `mean ± t · s √(1/n + 1/averaged)`. The interval of a mean shrinks to nothing with n; this one
    to the spread of single values, since one further value varies however well the mean is known.

    Args:
        values: [n] finite numbers, at least two, not all equal.
        averaged: how many further values the figure in question is the mean of.
        count: how many such figures are to lie within, all of them with this confidence
            (Bonferroni).
        confidence: in (0, 1).

    Raises:
        ValueError: if there are fewer than two values, all are equal, one is not finite, a count
            is below 1, or the confidence is out of range.

    Source: Hahn 1969; normal values.
    """
    sample = varied(values)
    n, mean = len(sample), float(sample.mean())
    each = shared_confidence(count, checked_confidence(confidence))
    half = float(stdtrit(n - 1, (1 + each) / 2)) * _spread(sample.std(ddof=1), n, averaged)
    return Interval(mean, mean - half, mean + half, n, confidence)


def prediction_test(values: ArrayLike, further: float, *, averaged: int = 1) -> float:
    """How likely a further value at least as far from the mean as this one is: two-sided p.

    Args:
        values: as of `prediction_interval`.
        further: a finite number, such as a published figure.
        averaged: how many values it is the mean of.

    Returns:
        below `1 − confidence` exactly where `prediction_interval` leaves `further` out.

    Raises:
        ValueError: as `prediction_interval`, or if `further` is not finite.
    """
    sample = varied(values)
    if not math.isfinite(further):
        raise ValueError(f"the further value must be finite, got {further}")
    n = len(sample)
    t = (further - sample.mean()) / _spread(sample.std(ddof=1), n, averaged)
    return float(2 * stdtr(n - 1, -abs(t)))


def _spread(deviation: float, n: int, averaged: int) -> float:
    if averaged < 1:
        raise ValueError(f"a figure is the mean of at least one value, got averaged={averaged}")
    return float(deviation) * math.sqrt(1 / n + 1 / averaged)
