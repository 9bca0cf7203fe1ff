"""How a mask's kept weights lie over units and inputs, against weights placed at random."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Int64, Shaped
from torch import Tensor

from surfeit.core import check_tensor, unknown
from surfeit.models.structure import Part

Over = Literal["units", "inputs"]
OVER: tuple[Over, ...] = ("units", "inputs")


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Kept weights by group (unit or input) against the null of weights placed at random.

    Args:
        groups: number of groups `G`.
        kept: kept weights of the layer, `K`.
        weights: all its weights, `N = G c`.
        dispersion: variance of the counts over that of the null; 1 is expected by chance.
        z: deviations of `dispersion` from 1 in the null's own standard deviations.
        conditional: probability that another weight of a kept weight's group is kept; NaN where
            there is no other weight.
        null_conditional: the same by chance, `(K − 1) / (N − 1)`.
        empty: groups without a kept weight.
        null_empty: how many are expected by chance.
        p_value: two-sided, of `dispersion` and of `conditional` alike; 1 where nothing can vary.
    """

    groups: int
    kept: int
    weights: int
    dispersion: float
    z: float
    conditional: float
    null_conditional: float
    empty: int
    null_empty: float
    p_value: float


def kept_counts(
    mask: Bool[Tensor, "units inputs *kernel"], *, over: Over = "units"
) -> Int64[Tensor, " groups"]:
    """Kept weights of each unit (its in-degree) or of each input (its out-degree).

    Args:
        mask: bool, True = kept; a convolution's inputs are its input channels.
        over: "units" or "inputs".

    Raises:
        ValueError: if the mask is no bool tensor of two dimensions or more, or empty.
    """
    check_tensor("a layer's mask", mask)
    if mask.dtype != torch.bool or mask.dim() < 2 or mask.numel() == 0:
        raise ValueError(
            "a layer's mask must be bool [units, inputs, ...] with entries, "
            f"got {mask.dtype} {list(mask.shape)}"
        )
    if over not in OVER:
        raise unknown("way to count kept weights over", over, OVER)
    rows = mask if over == "units" else mask.transpose(0, 1)
    return rows.flatten(1).sum(1)


def units_first(
    value: Shaped[Tensor, "*shape"], part: Part
) -> Shaped[Tensor, "units inputs *rest"]:
    """A parameter's entries with one row a unit, whichever axis its units are: nothing is added.

    A transposed convolution's units are the second axis, group by group; an LSTM's unit has four
    rows, which come to stand side by side along the last axis.

    Args:
        value: shaped like the parameter: a mask, or weights.
        part: what `surfeit.models.structure` says of it.
    """
    if part.form == "columns":
        return value.movedim(-1, 0)
    if part.form == "transposed":
        apart = value.unflatten(0, (part.groups, -1)).movedim(2, 1)
        return apart.flatten(0, 1)
    if part.blocks > 1:
        rows = value.narrow(0, part.first, part.units * part.blocks)
        return rows.unflatten(0, (part.blocks, part.units)).movedim(0, -1)
    return value


def spread(
    mask: Bool[Tensor, "units inputs *kernel"],
    *,
    over: Over = "units",
    generator: torch.Generator | None = None,
    draws: int = 999,
) -> Spread:
    """Tests whether the kept weights lie more clumped, or more evenly, than by chance.

    Null: the `K` kept weights are any `K` of the layer's `N` with equal probability, so that the
    counts `k_g` of the `G` groups of `c` weights are multivariate hypergeometric. Then

        dispersion  = Σ (k_g − K/G)² / ((G − 1) (K/G) (N − K) / (N − 1)),   mean exactly 1
        conditional = Σ k_g (k_g − 1) / (K (c − 1)),                  mean exactly (K − 1)/(N − 1)

    Both grow with `Σ k_g²` and with nothing else, so that one p-value is that of both. It is
    `2 min(P(≤), P(≥))`, at most 1, from `a χ²(ν)` with the null's exact mean and variance (from its
    factorial moments), or from draws of the null.

    Args:
        mask: bool, True = kept.
        over: "units" (in-degrees) or "inputs" (out-degrees).
        generator: if given, the p-value comes from `draws` draws of the null: smallest
            possible `2 / (draws + 1)`, exact for layers of any size.
        draws: at least 1; only with a generator.

    Raises:
        ValueError: as `kept_counts`, or if draws is below 1.

    Source: the moments, Johnson, Kotz and Balakrishnan 1997, chapter 39; the Monte Carlo p-value,
    Davison and Hinkley 1997, section 4.2. Cost: O(N); with a generator O(draws · G) more.
    """
    counts = kept_counts(mask, over=over).numpy(force=True).astype(np.int64)
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    groups, size = len(counts), mask.numel() // len(counts)
    kept, weights = int(counts.sum()), mask.numel()
    pairs = int((counts * (counts - 1)).sum())
    mean, variance = _moments(groups, size, kept)
    # Both statistics are affine in the number of pairs: dispersion = 1 + (pairs − mean) / scale.
    scale = Fraction((groups - 1) * kept * (weights - kept), groups * max(weights - 1, 1))
    dispersion, p_value = math.nan, 1.0
    if variance > 0:
        dispersion = float(1 + (pairs - mean) / scale)
        p_value = _matched_p(dispersion, float(variance / scale**2))
        if generator is not None:
            p_value = _drawn_p(pairs, _null_pairs(groups, size, kept, draws, generator))
    return Spread(
        groups=groups,
        kept=kept,
        weights=weights,
        dispersion=dispersion,
        z=float(pairs - mean) / math.sqrt(variance) if variance > 0 else math.nan,
        conditional=pairs / (kept * (size - 1)) if kept and size > 1 else math.nan,
        null_conditional=(kept - 1) / (weights - 1) if kept and weights > 1 else math.nan,
        empty=int((counts == 0).sum()),
        null_empty=groups * float(null_counts(groups, size, kept)[0]),
        p_value=p_value,
    )


def null_counts(groups: int, size: int, kept: int) -> np.ndarray:
    """Probability that a group keeps 0, 1, ..., `size` weights by chance: hypergeometric.

    `P(k) = C(c, k) C(N − c, K − k) / C(N, K)` with `c = size`, `N = groups · size`, `K = kept`.

    Args:
        groups: number of groups, at least 1.
        size: weights a group, at least 1.
        kept: kept weights of the layer, in [0, groups · size].

    Returns:
        float64 [size + 1], summing to 1.

    Raises:
        ValueError: if a number is out of range.
    """
    weights = groups * size
    if groups < 1 or size < 1 or not 0 <= kept <= weights:
        raise ValueError(
            "groups and size must be at least 1 and kept in [0, groups · size], "
            f"got {groups}, {size} and {kept}"
        )
    from scipy.stats import hypergeom  # a second of every worker's start, if at the top

    return hypergeom.pmf(np.arange(size + 1), weights, kept, size)


def _moments(groups: int, size: int, kept: int) -> tuple[Fraction, Fraction]:
    """Mean and variance of Σ k(k − 1) under the null, exactly: their difference is a small one.

    From the factorial moments `E[k_(a) l_(b)] = c_(a) c_(b) K_(a+b) / N_(a+b)` of two groups.
    """
    weights = groups * size

    def ratio(order: int) -> Fraction:
        """K_(order) / N_(order); a smaller layer has nothing of that order."""
        if weights < order:
            return Fraction(0)
        return Fraction(_falling(kept, order), _falling(weights, order))

    pairs = _falling(size, 2)
    mean = groups * pairs * ratio(2)
    # k(k − 1) squared is k_(4) + 4 k_(3) + 2 k_(2).
    alone = sum(
        times * _falling(size, order) * ratio(order) for order, times in ((4, 1), (3, 4), (2, 2))
    )
    across = groups * (groups - 1) * pairs**2 * ratio(4)
    return mean, groups * alone + across - mean**2


def _falling(value: int, order: int) -> int:
    return math.prod(value - step for step in range(order))


def _matched_p(dispersion: float, variance: float) -> float:
    """Two-sided, from a scaled chi-square of mean 1 and this variance."""
    from scipy.stats import chi2

    freedom = 2 / variance
    tails = chi2.cdf(freedom * dispersion, freedom), chi2.sf(freedom * dispersion, freedom)
    return float(min(1.0, 2 * min(tails)))


def _null_pairs(
    groups: int, size: int, kept: int, draws: int, generator: torch.Generator
) -> np.ndarray:
    seed = int(torch.randint(2**62, (1,), generator=generator).item())
    counts = np.random.default_rng(seed).multivariate_hypergeometric(
        np.full(groups, size), kept, size=draws, method="marginals"
    )
    return (counts * (counts - 1)).sum(1)


def _drawn_p(pairs: float, null: np.ndarray) -> float:
    above, below = int((null >= pairs).sum()), int((null <= pairs).sum())
    return min(1.0, 2 * (1 + min(above, below)) / (len(null) + 1))
