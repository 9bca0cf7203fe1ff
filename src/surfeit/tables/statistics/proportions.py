"""Shares of right answers and rates of success: one of them, and the change from one to another."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import root_scalar
from scipy.special import betaincinv, ndtri

from surfeit.core import tango_score
from surfeit.tables.statistics.intervals import Interval
from surfeit.tables.statistics.samples import checked_confidence

_NEXT = 1e-12  # to a fall or rise of everything, where the score has no value


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
    _check_counts(correct, n)
    p = correct / n
    return Interval(p, *_wilson(p, n, confidence), n, confidence)


def exact_interval(successes: int, n: int, *, confidence: float = 0.95) -> Interval:
    """A rate of success with the interval that covers it at least as often as it says, at any n.

    The rates that neither one-sided binomial test rejects, from quantiles of the beta distribution.
    Wilson's is narrower and right on average over rates; at some rate it may cover less often.

    Args:
        successes: in [0, n].
        n: attempts, at least 1.
        confidence: in (0, 1).

    Raises:
        ValueError: as `wilson_interval`.

    Source: Clopper and Pearson 1934.
    """
    _check_counts(successes, n)
    tail = (1 - checked_confidence(confidence)) / 2
    failures = n - successes
    lower = float(betaincinv(successes, failures + 1, tail)) if successes else 0.0
    upper = float(betaincinv(successes + 1, failures, 1 - tail)) if failures else 1.0
    return Interval(successes / n, lower, upper, n, confidence)


def difference_interval(
    first: tuple[int, int], second: tuple[int, int], *, confidence: float = 0.95
) -> Interval:
    """The difference of two independent rates of success, second − first.

    With the rates `p`, `q` and Wilson's limits `l ≤ p ≤ u`, `l' ≤ q ≤ u'` of each:
    `q − p − √((q − l')² + (u − p)²)` to `q − p + √((u' − q)² + (p − l)²)`.

    Args:
        first: successes and attempts.
        second: the same of the other, of other attempts; where they are paired by seed or image,
            `paired_interval` is narrower.
        confidence: in (0, 1).

    Returns:
        `n` counts all attempts.

    Raises:
        ValueError: as `wilson_interval`.

    Source: Newcombe 1998 (Statistics in Medicine 17:873), method 10.
    """
    one = wilson_interval(*first, confidence=confidence)
    other = wilson_interval(*second, confidence=confidence)
    change = other.estimate - one.estimate
    down = math.hypot(other.estimate - other.lower, one.upper - one.estimate)
    up = math.hypot(other.upper - other.estimate, one.estimate - one.lower)
    return Interval(change, change - down, change + up, one.n + other.n, confidence)


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

    With `b` images right only before and `c` right only after, the changes whose score
    (`surfeit.core.tango_score`) is within ± z. Images on which both agree do not blur the change,
    as they would with two separate intervals, and no change at all still has an interval of some
    width. It covers 94.3 % at least of true changes of 0.1 to 20 points, at 60 to 2,000 images,
    gains none or up to 2 points, where Wald's interval with half an image added to each cell falls
    to 92.3 %.

    Examples with several positions may be partly right: with each one's change `d_i` of its share,
    `N = n + 2`, `d = Σ d_i / N`, it is that of Wald: `d ± z √(Σ d_i² + 1 − (Σ d_i)² / N) / N`.

    Args:
        before: bool [n], whether each image was classified rightly before; or the share of its
            positions that was, in [0, 1].
        after: the same of the same images after.
        confidence: in (0, 1).

    Returns:
        fractions in [-1, 1]; the estimate is `(c − b) / n`.

    Raises:
        ValueError: if the two differ in length or kind, are empty, no booleans and no shares.

    Source: Tango 1998; of shares Agresti and Min 2005 (their "Wald + 2").
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
    if np.isin(changes, (-1, 0, 1)).all():
        lost, gained = int((changes < 0).sum()), int((changes > 0).sum())
        return counted_interval(lost, gained, len(changes), confidence=confidence)
    return _changed(float(changes.sum()), float(np.square(changes).sum()), len(changes), confidence)


def counted_interval(lost: int, gained: int, n: int, *, confidence: float = 0.95) -> Interval:
    """`paired_interval` where only the images that changed were counted.

    Args:
        lost: images classified rightly before and wrongly after, `b` there.
        gained: the reverse, `c` there.
        n: all images.
        confidence: in (0, 1).

    Raises:
        ValueError: if the counts are negative or more than the images.
    """
    if lost < 0 or gained < 0 or n < max(1, lost + gained):
        raise ValueError(f"lost and gained must be counts of n images, got {lost}, {gained} of {n}")
    limit = _quantile(confidence)

    def end(score: float) -> float:
        """The fall at which the observed one lies `score` standard deviations above it."""

        def beyond(fall: float) -> float:
            return float(tango_score(lost, gained, examples=n, loss=fall)) - score

        least, most = -1 + _NEXT, 1 - _NEXT
        if beyond(least) <= 0:
            return -1.0
        if beyond(most) >= 0:
            return 1.0
        return float(root_scalar(beyond, bracket=(least, most), xtol=_NEXT).root)

    return Interval((gained - lost) / n, -end(-limit), -end(limit), n, confidence)


def _changed(change: float, moved: float, n: int, confidence: float) -> Interval:
    """The interval of a mean change, from the sum of the changes and that of their squares."""
    z, padded = _quantile(confidence), n + 2
    middle = change / padded
    half = z * math.sqrt(moved + 1 - change * change / padded) / padded
    return Interval(change / n, max(middle - half, -1.0), min(middle + half, 1.0), n, confidence)


def _check_counts(correct: int, n: int) -> None:
    if n < 1 or not 0 <= correct <= n:
        raise ValueError(f"correct must be in [0, n] and n at least 1, got {correct} of {n}")


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
    return float(ndtri((1 + checked_confidence(confidence)) / 2))
