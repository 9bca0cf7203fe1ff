"""Tests of paired differences that assume no distribution: signs flipped, signs counted."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtrc

from surfeit.tables.statistics.samples import sample_of

Alternative = Literal["two-sided", "greater", "less"]
MOST_FLIPS = 2**16
"""Up to so many patterns of signs all are counted; of more, a sample is drawn."""


def sign_flip_test(
    values: ArrayLike, *, alternative: Alternative = "two-sided", draws: int = 9_999, seed: int = 0
) -> float:
    """How likely so extreme a mean is if each difference could as well have the other sign.

    Exact up to 16 values: the share of the `2^n` patterns of signs whose mean is as extreme. Of
    more a sample is drawn, and `p = (1 + as extreme) / (1 + draws)`, which is valid for any number
    of draws. With n values p is at least `1 / 2^n` (twice that two-sided): four cannot reach 0.05.

    Args:
        values: [n] paired differences, at least one that is not zero.
        alternative: the mean is not zero, is above it, or below.
        draws: patterns drawn where there are more than `MOST_FLIPS`.
        seed: of the draws.

    Raises:
        ValueError: if there is no value, all are zero, one is not finite, or the alternative is
            unknown.

    Source: Fisher 1935; Phipson and Smyth 2010 for the added one. Cost: O(min(2^n, draws) n).
    """
    sample = sample_of(values)
    size = float(np.abs(sample).sum())
    if size == 0:
        raise ValueError(f"all {len(sample)} differences are zero: they have no sign to flip")
    n, exact = len(sample), 2 ** len(sample) <= MOST_FLIPS
    if exact:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    else:
        signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=(draws, n))
    totals, observed = signs @ sample, float(sample.sum())
    # Sums of the same numbers in another order differ by rounding; equal ones must count.
    extreme = int(
        (_score(totals, alternative) >= _score(observed, alternative) - 1e-9 * size).sum()
    )
    return extreme / len(totals) if exact else (1 + extreme) / (1 + draws)


def sign_test(values: ArrayLike, *, alternative: Alternative = "two-sided") -> float:
    """How likely so uneven a split of signs is if above and below zero are equally likely.

    Zeros say nothing either way and are left out. The binomial test of ½, exact.

    Args:
        values: [n] paired differences, at least one that is not zero.
        alternative: more on one side, whichever; more above; more below.

    Raises:
        ValueError: as `sign_flip_test`.

    Source: Arbuthnot 1710; Dixon and Mood 1946.
    """
    sample = sample_of(values)
    above, below = int((sample > 0).sum()), int((sample < 0).sum())
    if above + below == 0:
        raise ValueError(f"all {len(sample)} differences are zero: there is no sign to count")
    return split_test(above, below, alternative=alternative)


def split_test(above: int, below: int, *, alternative: Alternative = "two-sided") -> float:
    """The p-value of `sign_test` from the counts; 1 where both are 0."""
    n = above + below
    more = {"greater": above, "less": below, "two-sided": max(above, below)}
    if alternative not in more:
        raise ValueError(f"alternative must be one of {sorted(more)}, got {alternative!r}")
    least = more[alternative]
    tail = float(bdtrc(least - 1, n, 0.5)) if least > 0 else 1.0
    return min(1.0, 2 * tail) if alternative == "two-sided" else tail


def _score(totals: np.ndarray | float, alternative: Alternative) -> np.ndarray:
    if alternative == "two-sided":
        return np.abs(totals)
    if alternative not in ("greater", "less"):
        raise ValueError(
            f"alternative must be 'two-sided', 'greater' or 'less', got {alternative!r}"
        )
    return np.asarray(totals if alternative == "greater" else -totals)
