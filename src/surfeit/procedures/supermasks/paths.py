"""Which random paths stand for a weight, and how likely it is that none comes near."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Choose = Callable[
    [Float[Tensor, "*weights pairs"], Float[Tensor, "*weights"]], Bool[Tensor, "*weights pairs"]
]
"""`choose(products, wanted)`: which products to keep so that their sum is near what is wanted."""

_MOST_PAIRS = 16
_SUMS_AT_ONCE = 2**22


def nearest_pair(
    products: Float[Tensor, "*weights pairs"], wanted: Float[Tensor, "*weights"]
) -> Bool[Tensor, "*weights pairs"]:
    """Keeps the one product nearest to the wanted weight; none, where zero is nearer.

    `argmin_i |u_i v_i − w|`: of n pairs the error falls as 1/n.

    Args:
        products: `u_i v_i`, zero where a pair cannot be used.
        wanted: the weights `w`.

    Source: the idea of Malach et al. 2020, section 2. Cost: O(weights · pairs).
    """
    missed = (products - wanted[..., None]).abs()
    least, place = missed.min(dim=-1, keepdim=True)
    kept = torch.zeros_like(products, dtype=torch.bool)
    return kept.scatter_(-1, place, least < wanted[..., None].abs())


def best_subset(
    products: Float[Tensor, "*weights pairs"], wanted: Float[Tensor, "*weights"]
) -> Bool[Tensor, "*weights pairs"]:
    """Keeps the products whose sum is nearest to the wanted weight, of all subsets.

    `argmin_S |Σ_{i∈S} u_i v_i − w|`: the error falls exponentially in the number of pairs.

    Args:
        products: `u_i v_i`, zero where a pair cannot be used; at most 16 pairs.
        wanted: the weights `w`.

    Raises:
        ValueError: if there are more than 16 pairs.

    Source: Pensia et al. 2020, theorem 1, by Lueker 1998 on random subset sums: log(1/ε) pairs
    are enough. Cost: O(weights · pairs · 2^pairs).
    """
    pairs = products.shape[-1]
    if pairs > _MOST_PAIRS:
        raise ValueError(
            f"all subsets of at most {_MOST_PAIRS} pairs can be tried, got {pairs}: "
            "take fewer, or nearest_pair"
        )
    numbers = torch.arange(2**pairs)
    subsets = (numbers[:, None] >> torch.arange(pairs)) & 1
    rows = _SUMS_AT_ONCE // len(subsets)
    parts = zip(products.reshape(-1, pairs).split(rows), wanted.flatten().split(rows), strict=True)
    best = [
        (part @ subsets.T.to(part.dtype) - goal[:, None]).abs().argmin(1) for part, goal in parts
    ]
    return subsets[torch.cat(best)].bool().view(products.shape)


def miss_probability(weight: float, tolerance: float, *, pairs: int, bound: float = 1.0) -> float:
    """How likely it is that no usable pair's product is within `tolerance` of a weight.

    For `u, v` uniform in [−bound, bound], of which those with `u > 0` can be used,

        q = P(|u v − w| ≤ ε | u > 0) = F((w + ε) / bound²) − F((w − ε) / bound²)
        F(z) = 1/2 + z (1 − ln|z|) / 2   for |z| ≤ 1

    and the probability is `(1 − q / 2)^pairs`; 0 where `|w| ≤ ε`, since keeping no pair will do.
    Summed over a network's weights (twice for those with signed inputs) it bounds the probability
    that any of them is missed.

    Args:
        weight: `w`.
        tolerance: `ε`, > 0.
        pairs: at least 1.
        bound: > 0.

    Returns:
        a probability in [0, 1].

    Raises:
        ValueError: if a number is out of range.

    Source: the law of a product of uniforms, `P(v ≤ z / u)` averaged over `u`; exact where the
    proof of Malach et al. 2020 has a coarser bound.
    """
    if not tolerance > 0 or pairs < 1 or not bound > 0:
        raise ValueError(
            "tolerance and bound must be above 0 and pairs at least 1, "
            f"got {tolerance}, {bound} and {pairs}"
        )
    if abs(weight) <= tolerance:
        return 0.0
    upper, lower = (_product_law((weight + end) / bound**2) for end in (tolerance, -tolerance))
    return (1 - (upper - lower) / 2) ** pairs


def _product_law(z: float) -> float:
    """P(u v ≤ z) for u uniform in [0, 1] and v in [−1, 1]."""
    z = min(max(z, -1.0), 1.0)
    return 0.5 + (z * (1 - math.log(abs(z))) / 2 if z else 0.0)
