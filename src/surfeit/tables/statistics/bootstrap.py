"""The bootstrap: an interval of any statistic of replicates, such as a ratio of two means."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from surfeit.tables.statistics.intervals import Interval
from surfeit.tables.statistics.samples import checked_confidence, pairs_of, sample_of

Statistic = Callable[..., np.ndarray]
_VALUES_AT_ONCE = 2_000_000


def mean_of(sample: np.ndarray) -> np.ndarray:
    """The mean over the last axis."""
    return sample.mean(-1)


def bootstrap_interval(
    *columns: ArrayLike,
    statistic: Statistic = mean_of,
    confidence: float = 0.95,
    draws: int = 4_999,
    seed: int = 0,
) -> Interval:
    """A statistic of replicates with its percentile-t interval; several columns stay paired.

    Each draw takes n replicates with replacement, all columns of a replicate together, and gives
    `t* = (θ* − θ) / e*`; the interval is `θ − t*(1 − α/2) e` to `θ − t*(α/2) e`. The standard
    errors `e` are the jackknife's, so that the statistic must be smooth: means, their ratio, not a
    median. At small n the bootstrap's other intervals are far too narrow. Measured coverage of 95 %
    intervals of a mean:

    | n | normal values: percentile-t, BCa, Student | exponential: percentile-t, BCa, Student |
    | --- | --- | --- |
    | 3 | none, 0.70, 0.95 | none, 0.69, 0.88 |
    | 5 | 0.94, 0.84, 0.95 | 0.93, 0.81, 0.89 |
    | 10 | 0.95, 0.89, 0.95 | 0.93, 0.86, 0.89 |

    So a mean over seeds takes `over_replicates`, and this is for other statistics, or skewed ones.

    Args:
        columns: each [n], finite, in the same order of replicates.
        statistic: `statistic(*columns) -> [...]` for columns [..., n], over the last axis.
        confidence: in (0, 1).
        draws: resamples.
        seed: of the draws, so that a table always gives the same interval.

    Raises:
        ValueError: if there is no column or fewer than two values, lengths differ, a value or the
            statistic is not finite, the statistic is the same without any one replicate, or there
            are too few replicates: with three, or four at a higher confidence, so many draws take
            one of them only that the interval has no end.

    Source: Efron and Tibshirani 1993, section 12.5; Hall 1988. Cost: O(draws n²).
    """
    sample = _stacked(columns)
    n, tail = sample.shape[-1], (1 - checked_confidence(confidence)) / 2
    estimate = float(statistic(*sample))
    error = float(_jackknife(sample, statistic))
    if not np.isfinite([estimate, error]).all():
        raise ValueError(f"the statistic must be finite, got {estimate} ± {error}")
    if error <= 1e-9 * abs(estimate):
        raise ValueError(f"{n} replicates do not tell how much the statistic varies: {estimate}")
    drawn, errors = _drawn(sample, statistic, draws, seed)
    t = _over(drawn - estimate, errors, least=1e-9 * error)
    lower, upper = np.quantile(t, [tail, 1 - tail], method="nearest")
    if not np.isfinite([lower, upper]).all():
        raise ValueError(
            f"{n} replicates are too few for a bootstrap interval of confidence {confidence}: use "
            "Student's interval of a mean, or more replicates"
        )
    return Interval(estimate, estimate - upper * error, estimate - lower * error, n, confidence)


def _stacked(columns: tuple[ArrayLike, ...]) -> np.ndarray:
    """All columns [columns, n], checked."""
    if not columns:
        raise ValueError("a bootstrap needs at least one column of values, got none")
    first = sample_of(columns[0], least=2)
    return np.stack([pairs_of(first, column)[1] for column in columns])


def _jackknife(sample: np.ndarray, statistic: Statistic) -> np.ndarray:
    """The standard error of a statistic of [columns, ..., n] from leaving each replicate out."""
    n = sample.shape[-1]
    others = np.array([[j for j in range(n) if j != i] for i in range(n)])
    without = statistic(*sample[..., others])  # [..., n]
    return np.sqrt((n - 1) * without.var(axis=-1))


def _drawn(
    sample: np.ndarray, statistic: Statistic, draws: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The statistic and its standard error of each draw, some draws at a time to spare memory."""
    generator, n = np.random.default_rng(seed), sample.shape[-1]
    at_once = max(1, _VALUES_AT_ONCE // (n * n * len(sample)))
    estimates, errors = [], []
    for begin in range(0, draws, at_once):
        chosen = generator.integers(0, n, (min(at_once, draws - begin), n))
        resample = sample[:, chosen]
        estimates.append(statistic(*resample))
        errors.append(_jackknife(resample, statistic))
    return np.concatenate(estimates), np.concatenate(errors)


def _over(distances: np.ndarray, errors: np.ndarray, *, least: float) -> np.ndarray:
    """Distances over errors; a draw of one replicate alone has no error, and is infinitely far."""
    alone = errors <= least
    far = np.where(distances == 0, 0.0, np.copysign(np.inf, distances))
    return np.where(alone, far, distances / np.where(alone, 1.0, errors))
