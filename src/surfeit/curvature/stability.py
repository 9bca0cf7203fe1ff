"""Which minima SGD can stay at: sharpness and non-uniformity against rate and batch."""

import math

from surfeit.core import check_positive
from surfeit.curvature.noise import batch_share


def expected_growth(
    sharpness: float, nonuniformity: float, *, rate: float, batch: int, examples: int
) -> float:
    """What a step of SGD multiplies the mean squared distance from a minimum by.

    `(1 − η a)² + η² s² (n − B) / (B (n − 1))`: of the loss `mean_i h_i w² / 2` a step takes w to
    `(1 − η h) w`, with h the mean over a batch of B of n examples, drawn without repetition. Its
    mean is `a`, its variance `s² (n − B) / (B (n − 1))`. Above 1 the minimum is unstable.

    It is exact for one parameter. Of many, with a the largest eigenvalue of the Hessian and s² that
    of the examples' deviation from it, it is exact where one vector belongs to both; else it
    describes no single direction, and neither stability nor its opposite follows.

    Args:
        sharpness: a, the largest eigenvalue of `hessian(surface)`.
        nonuniformity: s, the root of the largest eigenvalue of `deviation(surface)`, at least 0.
        rate: η, above 0.
        batch: B, examples a step, from 1 to n.
        examples: n, at least 1.

    Raises:
        ValueError: if an argument is out of range.

    Source: Wu, Ma and E 2018. They let batches be drawn independently of each other: a
    training that goes through its examples in epochs has less noise.
    """
    _check_nonnegative(nonuniformity)
    variance = nonuniformity**2 * _share(rate, batch, examples)
    return (1 - rate * sharpness) ** 2 + rate**2 * variance


def largest_nonuniformity(*, rate: float, batch: int, examples: int) -> float:
    """The bound `s ≤ √(B (n − 1) / (n − B)) / η` on what SGD can stay at, whatever the sharpness.

    It follows from `expected_growth ≤ 1` by leaving out the first term; infinite for full batches,
    whose only bound is `a ≤ 2 / η`.

    Args:
        rate, batch, examples: as of `expected_growth`.

    Raises:
        ValueError: if an argument is out of range.

    Source: Wu, Ma and E 2018.
    """
    share = _share(rate, batch, examples)
    return math.inf if share == 0 else 1 / (rate * math.sqrt(share))


def _share(rate: float, batch: int, examples: int) -> float:
    """The variance of a batch's mean over that of single examples, once the rate is checked."""
    check_positive("rate", rate)
    return batch_share(batch, examples)


def _check_nonnegative(nonuniformity: float) -> None:
    if not 0 <= nonuniformity < math.inf:
        raise ValueError(f"nonuniformity must be at least 0 and finite, got {nonuniformity}")
