"""The graph of weight vectors: units are nodes, similar directions are joined."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from scipy.special import betainccinv
from torch import Tensor

from surfeit.core import check_finite, full_precision, one_thread, weight_matrix
from surfeit.similarity.frame_potential import normalised

# Rows of the similarity matrix held at once: 512 x 4,096 in float64 are 16 MiB.
_BLOCK = 512
_UPPER_BLOCK = 128  # rows: the smaller, the less is computed twice
_ROUNDINGS = 64  # that inner products of many inputs may be off by


@dataclass(frozen=True)
class Graph:
    """A sparse, undirected graph of a layer's units, each edge given once.

    Args:
        units: number of nodes.
        edges: int64 [2, edges], source < target, in ascending order.
        weights: [edges], `exp(−dist²/σ²)` with `dist² = 1 − ⟨ŵ_i, ŵ_j⟩`, in [cutoff, 1].
        inner_products: [edges], `⟨ŵ_i, ŵ_j⟩` in [−1, 1].
        sigma: the scale σ of the distances, positive.
        cutoff: the least edge weight kept, in (0, 1].
    """

    units: int
    edges: Int64[Tensor, "2 edges"]
    weights: Float[Tensor, " edges"]
    inner_products: Float[Tensor, " edges"]
    sigma: float
    cutoff: float


def inner_product_of(cutoff: float, sigma: float) -> float:
    """The inner product that a cutoff on the edge weight stands for: `1 + σ² ln(cutoff)`.

    Below −1 for a cutoff that keeps every edge.

    Raises:
        ValueError: if the cutoff is outside (0, 1] or sigma is not positive.
    """
    _check_sigma(sigma)
    if not 0 < cutoff <= 1:
        raise ValueError(f"cutoff must be in (0, 1], got {cutoff}")
    return 1 + sigma**2 * math.log(cutoff)


def cutoff_of(inner_product: float, sigma: float) -> float:
    """The cutoff on the edge weight that keeps inner products from this one on.

    `cutoff = exp(−(1 − inner_product)/σ²)`, the inverse of `inner_product_of`.

    Raises:
        ValueError: if the inner product is outside [−1, 1], sigma is not positive, or so small
            that the cutoff is no longer a positive float.
    """
    _check_sigma(sigma)
    if not -1 <= inner_product <= 1:
        raise ValueError(f"inner_product must be in [-1, 1], got {inner_product}")
    cutoff = math.exp((inner_product - 1) / sigma**2)
    if cutoff == 0:
        raise ValueError(f"sigma {sigma} is too small for an inner product of {inner_product}")
    return cutoff


def chance_inner_product(units: int, inputs: int, *, groups: int = 1, level: float = 0.01) -> float:
    """The inner product that no pair of randomly directed units exceeds, but for a few layers.

    `P(max_{i<j} ⟨ŵ_i, ŵ_j⟩ > t) ≤ level` for independent, isotropic weight vectors, by the union
    bound over the pairs: `(1 + ⟨ŵ_i, ŵ_j⟩)/2 ~ Beta((inputs − 1)/2, (inputs − 1)/2)`. It is the
    null for an edge: above it, units are alike because of training. Close to tight, since the
    pairs are independent of one another.

    In a layer of several groups a unit reads its own group's inputs only. Only units of one group
    make a pair, and those are directions in `inputs / groups` dimensions; all other inner products
    are 0.

    Args:
        units: number of weight vectors, at least 2.
        inputs: columns of the weight matrix, at least 1 a group (with one, every inner product is
            ±1: the answer is 1).
        groups: of the layer, a divisor of both; with a unit each there are no pairs: 1.
        level: fraction of random layers with any edge at all, in (0, 1).

    Raises:
        ValueError: if an argument is out of range.
    """
    if units < 2 or inputs < 1:
        raise ValueError(f"need at least 2 units and 1 input, got {units} and {inputs}")
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1), got {level}")
    if groups < 1 or units % groups or inputs % groups:
        raise ValueError(
            f"groups must divide {units} units and {inputs} inputs evenly, got {groups}"
        )
    if inputs == groups or units == groups:
        return 1.0
    pairs = units * (units // groups - 1) / 2
    return passed_by(level / pairs, inputs // groups)


def passed_by(share: float, dimensions: float) -> float:
    """The inner product that so many of all pairs of random directions pass.

    `P(⟨ŵ_i, ŵ_j⟩ > t) = share`, with `(1 + ⟨ŵ_i, ŵ_j⟩)/2 ~ Beta((d − 1)/2, (d − 1)/2)`.

    Args:
        share: of the pairs, in (0, 1).
        dimensions: d, more than 1, of isotropic directions.
    """
    half = (dimensions - 1) / 2
    return float(2 * betainccinv(half, half, share) - 1)


@one_thread()
def cosine_graph(
    weight: Float[Tensor, "units *inputs"],
    *,
    sigma: float = 0.5,
    cutoff: float | None = None,
    inner_product: float | None = None,
) -> Graph:
    """Joins the units whose weight vectors point alike.

    An edge has the weight `exp(−dist²/σ²)` with `dist² = 1 − ⟨ŵ_i, ŵ_j⟩` and is kept where that is
    at least `cutoff`, or where the inner product is at least `inner_product`: the same thing said
    in two ways. Which pairs reach the threshold is decided in float64, in one way wherever links
    are counted or drawn. Inner products are exact to a few roundings only, so equal vectors are
    found by a threshold slightly below 1, not by 1 itself. A zero row has no direction and so no
    edge.

    Args:
        weight: a layer's weight; filters are flattened.
        sigma: scale of the distances, positive. It changes no edge of a graph that is cut by its
            inner product, only the edges' weights: at 0.5 parallel units weigh 1, 60 degrees
            apart 0.14, orthogonal ones 0.02.
        cutoff: least edge weight, in (0, 1]; exactly one of this and the next is given.
        inner_product: least inner product, in [−1, 1].

    Returns:
        the graph, its tensors on the weight's device, edge weights and inner products in the
        dtype that `normalised` gives.

    Raises:
        ValueError: if not exactly one threshold is given, one is out of range, or as `normalised`.

    Source: Heitmann 2020, section 3.2.
    Cost: O(units² · inputs) time, O(512 · units + edges) memory.
    """
    if (cutoff is None) == (inner_product is None):
        raise ValueError(
            "exactly one of cutoff and inner_product must be given, "
            f"got cutoff={cutoff}, inner_product={inner_product}"
        )
    if cutoff is None:
        assert inner_product is not None
        cutoff = cutoff_of(inner_product, sigma)
    else:
        inner_product = inner_product_of(cutoff, sigma)
    rows = normalised(weight)
    found, values = [], []
    for start, similar in similarity_blocks(rows, level=inner_product):
        kept = (similar >= inner_product).triu(start + 1)
        found.append(kept.nonzero().T + similar.new_tensor([[start], [0]], dtype=torch.int64))
        values.append(similar[kept])
    products = torch.cat(values)
    return Graph(
        units=len(rows),
        edges=torch.cat(found, dim=1),
        weights=torch.exp((products - 1) / sigma**2),
        inner_products=products,
        sigma=sigma,
        cutoff=cutoff,
    )


@one_thread()
def nearest_neighbours(
    weight: Float[Tensor, "units *inputs"], count: int
) -> tuple[Int64[Tensor, "units count"], Float[Tensor, "units count"]]:
    """The units that point most nearly the same way, for each unit, nearest first.

    A unit is not its own neighbour. Among equally near ones the choice is left open; a zero row
    is at inner product 0 from all others.

    Args:
        weight: a layer's weight; filters are flattened.
        count: neighbours of each unit, from 1 to units − 1.

    Returns:
        their indices, int64 [units, count], and their inner products, [units, count].

    Raises:
        ValueError: if the count is out of range, or as `normalised`.

    Cost: O(units² · inputs) time, O(512 · units) memory.
    """
    rows = normalised(weight)
    if not 1 <= count < len(rows):
        raise ValueError(f"count must be from 1 to {len(rows) - 1}, got {count}")
    found = []
    for start, similar in similarity_blocks(rows):
        similar.nan_to_num_(0.0).diagonal(start).fill_(-math.inf)
        found.append(similar.topk(count, dim=1))
    return torch.cat([best.indices for best in found]), torch.cat([best.values for best in found])


def neighbour_pairs(
    weight: Float[Tensor, "units *inputs"], count: int
) -> tuple[Int64[Tensor, "2 pairs"], Float[Tensor, " pairs"]]:
    """The pairs of which one is among the other's nearest: what a picture can be laid out by.

    Where few pairs are more alike than chance, links alone leave most units anywhere. These pairs
    give each unit its place beside those that it resembles most; they do not say that it resembles
    them much.

    Args:
        weight: a layer's weight, or directions; zero rows have no neighbours.
        count: neighbours of each unit, at least 1; all there are, where these are fewer.

    Returns:
        the pairs, int64 [2, pairs], source < target, in ascending order, and their inner products.

    Raises:
        ValueError: if the count is less than 1, or as `normalised`.

    Cost: as `nearest_neighbours`.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    rows = normalised(weight)
    live = (rows.norm(dim=1) > 0).nonzero()[:, 0]
    if len(live) < 2:
        return live.new_empty(2, 0), rows.new_empty(0)
    nearest, products = nearest_neighbours(rows[live], min(count, len(live) - 1))
    one = live[:, None].expand_as(nearest).flatten()
    other = live[nearest].flatten()
    ends = torch.stack([torch.minimum(one, other), torch.maximum(one, other)])
    keys, places = (ends[0] * len(rows) + ends[1]).unique(return_inverse=True)
    values = torch.empty(len(keys), dtype=rows.dtype, device=rows.device)
    values[places] = products.flatten()
    return torch.stack([keys // len(rows), keys % len(rows)]), values


def similarity_blocks(
    rows: Float[Tensor, "units inputs"], *, upper: bool = False, level: float | None = None
) -> Iterator[tuple[int, Float[Tensor, "block others"]]]:
    """Blocks of rows of the matrix of inner products with their first row; NaN for zero rows.

    Args:
        rows: normalised weight vectors; of half precision they are compared in float32.
        upper: leave out the columns before a block's first row, which are those of earlier blocks;
            that takes little more than half the time.
        level: where links begin, if they do: `similar >= level` is right then of each pair as
            float64 has it, where float32 sums would differ from block to block. The few inner
            products that are closer to the level than these are exact are moved to their side.

    Raises:
        ValueError: if an entry is NaN or infinite, an integer or complex, or these are no rows.
    """
    rows = full_precision(weight_matrix(rows), "normalised weight vectors")
    check_finite(rows, "normalised weight vectors")
    absent = rows.norm(dim=1) == 0
    complete = not bool(absent.any())
    size = _UPPER_BLOCK if upper else _BLOCK
    for start in range(0, len(rows), size):
        block = slice(start, start + size)
        others = slice(start if upper else 0, None)
        similar = (rows[block] @ rows[others].T).clamp_(-1, 1)
        if level is not None:
            near = next_to(similar, level)
            if bool(near.any()):
                one, other = near.nonzero().unbind(1)
                similar[one, other] = on_its_side(
                    similar[one, other], rows[block][one], rows[others][other], level
                )
        if not complete:
            similar.masked_fill_(absent[others] | absent[block, None], math.nan)
        yield start, similar


def next_to(products: Tensor, level: float) -> Bool[Tensor, "..."]:
    """Which inner products are closer to a level than they are exact."""
    exactness = _ROUNDINGS * torch.finfo(products.dtype).eps
    return (products >= level - exactness) & (products <= level + exactness)


def on_its_side(
    products: Float[Tensor, " pairs"],
    rows: Float[Tensor, "pairs inputs"],
    others: Float[Tensor, "pairs inputs"],
    level: float,
) -> Float[Tensor, " pairs"]:
    """Inner products of rows, moved to the side of a level that float64 gives."""
    exact = (rows.double() * others.double()).sum(dim=1)
    # Whoever compares may round the level to this type first: no value stands between the two.
    rounded = torch.tensor(level, dtype=products.dtype, device=products.device)
    above, below = (
        rounded.nextafter(torch.full_like(rounded, side)) for side in (math.inf, -math.inf)
    )
    least = rounded if float(rounded) >= level else above
    return torch.where(exact >= level, products.maximum(least), products.minimum(below))


def _check_sigma(sigma: float) -> None:
    if not 0 < sigma < math.inf:
        raise ValueError(f"sigma must be positive and finite, got {sigma}")
