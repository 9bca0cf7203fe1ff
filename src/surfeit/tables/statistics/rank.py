"""Rank correlation: whether one quantity rises with another, however curved the way."""

from itertools import combinations, permutations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from surfeit.tables.statistics.intervals import over_replicates
from surfeit.tables.statistics.samples import checked_confidence, pairs_of

Kind = Literal["spearman", "kendall"]
MOST_POINTS = 8
"""Up to so many points all orders are counted (40,320); of more, a sample is drawn."""


class RankCorrelation(NamedTuple):
    """A rank correlation over `n` points or replicates, its interval if any, and two-sided p."""

    n: int
    estimate: float
    lower: float | None
    upper: float | None
    p: float


def rank_correlation(
    x: ArrayLike,
    y: ArrayLike,
    *,
    kind: Kind = "spearman",
    confidence: float = 0.95,
    draws: int = 9_999,
    seed: int = 0,
) -> RankCorrelation:
    """How well the order of y follows that of x, over independent points.

    Spearman's ρ, Pearson's correlation of the ranks, or Kendall's τ_b; equal values share their
    mean rank. The interval is `tanh(atanh r ± z e)` with `e² = (1 + ρ²/2) / (n − 3)` for ρ and
    `e² = 0.437 / (n − 4)` for τ. The p-value is that of the permutation test: the share of all
    orders of y with at least so large an |r|; of more than 8 points a sample of orders is drawn and
    the observed one added.

    Args:
        x, y: [n] finite numbers, at least two, neither all equal.
        kind: spearman or kendall.
        confidence: in (0, 1).
        draws: orders drawn where there are more than `MOST_POINTS` points.
        seed: of the draws.

    Returns:
        without interval where r is ±1 or n is at most 3 (ρ) or 4 (τ). Points that share a seed are
        not independent: see `rank_correlation_over_replicates`.

    Raises:
        ValueError: if lengths differ, there are fewer than two points, all values of one side are
            equal, one is not finite, the confidence is out of range or the kind unknown.

    Source: Kendall 1938; Fieller, Hartley and Pearson 1957 (τ); Bonett and Wright 2000 (ρ).
    """
    first, second = pairs_of(x, y, least=2)
    z = float(ndtri((1 + checked_confidence(confidence)) / 2))
    estimate = _correlation(first, second, kind)
    p = _permutation_p([(first, second)], kind, draws, seed)
    n = len(first)
    freedom = n - (3 if kind == "spearman" else 4)
    if abs(estimate) >= 1 - 1e-12 or freedom < 1:
        return RankCorrelation(n, estimate, None, None, p)
    variance = (1 + estimate**2 / 2) if kind == "spearman" else 0.437
    half = z * np.sqrt(variance / freedom)
    lower, upper = np.tanh(np.arctanh(estimate) + half * np.array([-1, 1]))
    return RankCorrelation(n, estimate, float(lower), float(upper), p)


def rank_correlation_over_replicates(
    x: ArrayLike,
    y: ArrayLike,
    *,
    kind: Kind = "spearman",
    confidence: float = 0.95,
    draws: int = 9_999,
    seed: int = 0,
) -> RankCorrelation:
    """How well the order of y follows that of x within each replicate, on average over replicates.

    Points of one replicate share its seed, so that n counts replicates and not points. The estimate
    is the mean of the replicates' correlations, with Student's interval over replicates cut to
    [-1, 1]. They are averaged as they are and not as Fisher's z, since with few conditions many are
    exactly ±1. The p-value is that of Page's test: the sum of all replicates' rank products under
    all orders of y within each.

    Args:
        x: [conditions], or [replicates, conditions].
        y: [replicates, conditions], finite; neither side all equal in a replicate.
        kind, confidence, draws, seed: as of `rank_correlation`.

    Returns:
        without interval where there is one replicate or all have the same correlation.

    Raises:
        ValueError: as `rank_correlation`, or if y does not have two axes.

    Source: Page 1963.
    """
    outcomes = np.asarray(y, dtype=np.float64)
    if outcomes.ndim != 2 or len(outcomes) == 0:
        raise ValueError(f"y must be [replicates, conditions], got {outcomes.shape}")
    conditions = np.asarray(x, dtype=np.float64)
    if conditions.ndim == 1:
        conditions = np.tile(conditions, (len(outcomes), 1))
    if conditions.shape != outcomes.shape:
        raise ValueError(
            f"x must have y's conditions, got x {conditions.shape} for y {outcomes.shape}"
        )
    pairs = [pairs_of(*pair, least=2) for pair in zip(conditions, outcomes, strict=True)]
    each = [_correlation(first, second, kind) for first, second in pairs]
    over = over_replicates(each, confidence=confidence)
    p = _permutation_p(pairs, kind, draws, seed)
    if over.lower is None or over.upper is None:
        return RankCorrelation(over.n, over.mean, None, None, p)
    return RankCorrelation(over.n, over.mean, max(over.lower, -1.0), min(over.upper, 1.0), p)


def _correlation(x: np.ndarray, y: np.ndarray, kind: Kind) -> float:
    for sample in (x, y):
        if (sample == sample[0]).all():
            raise ValueError(f"{len(sample)} equal values have no order, got {sample.tolist()}")
    ranks, others = _ranks(x), _ranks(y)
    size = _agreement(ranks, ranks, kind) * _agreement(others, others, kind)
    return float(_agreement(ranks, others, kind) / np.sqrt(size))


def _permutation_p(
    pairs: list[tuple[np.ndarray, np.ndarray]], kind: Kind, draws: int, seed: int
) -> float:
    """How often the agreement of all pairs together is as far from 0 under orders of y within."""
    ranked = [(_ranks(x), _ranks(y)) for x, y in pairs]
    observed = abs(sum(int(_agreement(x, y, kind)) for x, y in ranked))
    if max(len(x) for x, _ in ranked) <= MOST_POINTS:
        return _exact_p(ranked, observed, kind)
    generator = np.random.default_rng(seed)
    totals = np.zeros(draws)
    for x, y in ranked:
        totals += _agreement(x, generator.permuted(np.tile(y, (draws, 1)), axis=1), kind)
    return float((1 + (np.abs(totals) >= observed).sum()) / (1 + draws))


def _exact_p(ranked: list[tuple[np.ndarray, np.ndarray]], observed: int, kind: Kind) -> float:
    """Agreements are whole numbers: their distribution over all orders, pair after pair."""
    chances, most = np.ones(1), 0
    for x, y in ranked:
        orders = np.array(list(permutations(y.tolist())))
        agreements = _agreement(x, orders, kind)
        bound = int(np.abs(agreements).max())
        counts = np.bincount(agreements + bound, minlength=2 * bound + 1)
        chances, most = np.convolve(chances, counts / len(orders)), most + bound
    extreme = np.abs(np.arange(-most, most + 1)) >= observed
    return min(1.0, float(chances[extreme].sum()))


def _ranks(x: np.ndarray) -> np.ndarray:
    """Twice the ranks less their mean, [n]: whole numbers, equal values sharing their mean rank."""
    return np.sign(x[:, None] - x).sum(axis=1).astype(np.int64)


def _agreement(x: np.ndarray, y: np.ndarray, kind: Kind) -> np.ndarray:
    """What a rank correlation is but for its scale, a whole number, for ranks y [..., n].

    Spearman: the sum of the ranks' products. Kendall: pairs of points in the same order less those
    in the opposite one.
    """
    if kind == "spearman":
        return (x * y).sum(axis=-1)
    if kind != "kendall":
        raise ValueError(f"kind must be 'spearman' or 'kendall', got {kind!r}")
    agreement = np.zeros(y.shape[:-1], dtype=np.int64)
    for i, j in combinations(range(len(x)), 2):
        agreement += np.sign(x[j] - x[i]) * np.sign(y[..., j] - y[..., i])
    return agreement
