"""Equivalence: that a mean is no further from zero than a margin, shown and not merely assumed."""

from typing import NamedTuple

from numpy.typing import ArrayLike
from scipy.special import stdtr

from surfeit.tables.statistics.intervals import mean_interval, standard_error
from surfeit.tables.statistics.samples import checked_confidence, varied


class Equivalence(NamedTuple):
    """A mean over `n` replicates with the interval and the p-value of two one-sided tests."""

    n: int
    mean: float
    lower: float
    upper: float
    p: float


def equivalence_test(values: ArrayLike, margin: float, *, confidence: float = 0.95) -> Equivalence:
    """Whether a mean lies within `± margin`: two one-sided Student tests.

    A difference that is "not significant" may be anything; equal is what has been shown to be
    small. `p = max(P(T > (m + margin) / e), P(T > (margin − m) / e))` with the mean `m`, its
    standard error `e` and Student's `T` with n − 1 degrees of freedom.

    Args:
        values: [n] finite numbers, at least two, not all equal; such as paired differences.
        margin: above 0, in the values' unit, set before the values are known.
        confidence: of each test, in (0.5, 1).

    Returns:
        the interval has confidence `2 · confidence − 1`: it lies within the margins exactly where
        `p < 1 − confidence`.

    Raises:
        ValueError: if there are fewer than two values, all are equal, one is not finite, the
            margin is not above 0 or the confidence is out of range.

    Source: Schuirmann 1987.
    """
    if not 0 < margin < float("inf"):
        raise ValueError(f"the margin must be above 0 and finite, got {margin}")
    if not checked_confidence(confidence) > 0.5:
        raise ValueError(f"confidence must be in (0.5, 1), got {confidence}")
    sample = varied(values)
    n, mean, error = len(sample), float(sample.mean()), standard_error(sample)
    p = float(stdtr(n - 1, (abs(mean) - margin) / error))
    interval = mean_interval(sample, confidence=2 * confidence - 1)
    return Equivalence(n, mean, interval.lower, interval.upper, p)
