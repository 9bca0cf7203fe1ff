"""From which inner product on two directions are more alike than is usual among these."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from scipy.optimize import root_scalar
from scipy.special import betainc
from torch import Tensor

from surfeit.core import Streams, check_finite, full_precision, one_thread, weight_matrix
from surfeit.similarity.graph import passed_by
from surfeit.similarity.pairs import pairwise_products, settle_pairs_
from surfeit.similarity.selection import order_statistic

LEAST_UNITS = 10
"""Units that have a direction: among fewer, nothing can be said of what is usual."""

_MOST_PAIRS = 200_000  # all pairs of 632 units
_DRAWN = 50_000  # of more: their median is good to 1 %
_CHUNK = 2**22  # numbers gathered at once for drawn pairs: 16 MiB
_MOST_DIMENSIONS = 1e9
_TAIL = 32  # the largest inner products that a level beyond them is taken from
_SURE = 0.98  # half the standard deviations of a median's interval of 95 %


@dataclass(frozen=True, kw_only=True)
class ChanceLevel:
    """Where links begin among directions that are not spread evenly.

    Args:
        value: the inner product that one pair in all is expected to pass by chance, in [0, 1];
            1 where fewer than 10 units have a direction.
        dimensions: half of all random pairs in so many dimensions are as much alike as half of
            these; at least 1, at most the columns compared. NaN where nothing can be said.
        median: of `|⟨r_i, r_j⟩|` over the pairs; NaN likewise.
        pairs: units that have a direction, two by two.
        drawn: pairs that the value was taken from: all of them, or a sample.
        error: half the width of the value's 95 % interval over draws of that sample; 0 if all pairs
            were taken.
    """

    value: float
    dimensions: float
    median: float
    pairs: int
    drawn: int
    error: float


@one_thread()
def chance_level(
    rows: Float[Tensor, "units columns"],
    *,
    groups: int = 1,
    generator: torch.Generator | None = None,
) -> ChanceLevel:
    """The inner product that one pair of directions is expected to pass by chance.

    Updates and outputs fill few of the dimensions that they lie in, so that against
    `chance_inner_product`, which takes all directions to be equally likely, thousands of pairs
    would be alike. This level is taken from the directions themselves. With `m` the median of
    `|⟨r_i, r_j⟩|`, `d` solves `P(|cos| < m) = 1/2` for random directions in `d` dimensions, close
    to `d = 1.25 + 0.455 / m²`; the level `t` solves `pairs · P(cos > t) = 1`, where
    `(1 + cos)/2 ~ Beta((d − 1)/2, (d − 1)/2)`.

    A pair above it is more alike than pairs of this layer usually are. It does not follow that
    training made it so, nor that the two units have to do with one another. The median bears
    groups, since most pairs are of two groups; where most units share one direction the level is
    blind, since that is what is usual.

    Args:
        rows: of length 1, or 0 for units to be left out, as `update_directions` and
            `output_directions` give them.
        groups: of the layer, whose units stand group by group: only units of one group are
            compared, as in `chance_inner_product`.
        generator: draws the pairs of more than 632 units; a fixed stream if not given.

    Raises:
        ValueError: if an entry is not finite, or groups do not divide units and columns.

    Cost: that of the inner products, O(units² · columns), or O(50,000 · columns) for more than
    632 units.
    """
    rows = full_precision(weight_matrix(rows), "directions")
    check_finite(rows, "directions")
    units, columns = rows.shape
    if groups < 1 or units % groups or columns % groups:
        raise ValueError(
            f"groups must divide {units} units and {columns} columns evenly, got {groups}"
        )
    there = rows.norm(dim=1) > 0
    live = [
        part.nonzero()[:, 0] + number * len(part) for number, part in enumerate(there.chunk(groups))
    ]
    counts = [len(members) * (len(members) - 1) // 2 for members in live]
    if sum(counts) <= _MOST_PAIRS:
        parts = [pairwise_products(rows[members]) for members in live if len(members)]
        cosines = torch.cat(parts) if parts else rows.new_empty(0)
    else:
        generator = generator or Streams(0).get("similarity", "pairs")
        cosines = _drawn_pairs(rows, live, counts, generator)
    return level_of_pairs(
        cosines,
        units=sum(len(members) for members in live),
        pairs=sum(counts),
        columns=columns // groups,
    )


@one_thread()
def judged_pairs(
    rows: Float[Tensor, "units columns"], *, groups: int = 1
) -> tuple[ChanceLevel, Float[Tensor, " pairs"] | None]:
    """`chance_level`, and the inner products that it was taken from: both in one go.

    Args:
        rows: as for `chance_level`.
        groups: of the layer.

    Returns:
        the level, and what `pairwise_products(rows, level=level.value)` gives; None in its place
        where the level is not taken from all pairs of the layer.

    Raises:
        ValueError: as `chance_level`.
    """
    units = len(rows)
    if groups > 1 or units * (units - 1) // 2 > _MOST_PAIRS:
        return chance_level(rows, groups=groups), None
    products = pairwise_products(rows)
    live = int((rows.norm(dim=1) > 0).sum())
    there = products if live == units else products[~products.isnan()]
    level = level_of_pairs(
        there,
        units=live,
        pairs=len(there),
        columns=rows.shape[1],
    )
    settle_pairs_(products, rows, level.value)
    return level, products


def level_of_pairs(
    cosines: Float[Tensor, " drawn"], *, units: int, pairs: int, columns: int
) -> ChanceLevel:
    """`chance_level` of inner products that are there already.

    Args:
        cosines: of all pairs, or of pairs drawn from them; finite.
        units: that have a direction.
        pairs: that are compared.
        columns: dimensions that directions could fill.
    """
    drawn = len(cosines)
    if units < LEAST_UNITS or drawn == 0:
        return ChanceLevel(
            value=1.0, dimensions=math.nan, median=math.nan, pairs=pairs, drawn=drawn, error=0.0
        )
    middle = (drawn - 1) // 2  # of an even number the lower of two
    # The order statistics that hold the median of all pairs between them, where some are drawn.
    spread = math.ceil(_SURE * math.sqrt(drawn)) if drawn < pairs else 0
    ranks = [max(middle - spread, 0), middle, min(middle + spread, drawn - 1)]
    sizes = cosines.abs().cpu().numpy()
    median = (order_statistic(sizes, middle) + order_statistic(sizes, drawn // 2)) / 2
    dimensions = min(_dimensions(median), float(columns))
    error = 0.0
    if drawn < pairs:
        high, low = (
            _level(min(_dimensions(order_statistic(sizes, rank)), float(columns)), pairs)
            for rank in (ranks[0], ranks[2])
        )
        error = abs(high - low) / 2
    return ChanceLevel(
        value=_level(dimensions, pairs),
        dimensions=dimensions,
        median=median,
        pairs=pairs,
        drawn=drawn,
        error=error,
    )


def level_of_chance(products: Float[Tensor, " drawn"], *, pairs: int) -> ChanceLevel:
    """The inner product that one pair is expected to pass, from pairs that chance brought about.

    Where the null can be drawn it need not be described: for units' outputs it is the same layer
    with random weight vectors in the place of its own, reading the same inputs. With `r` pairs
    drawn for each one of the layer, the level is the r-th largest inner product. Where `r` is less
    than 32 the tail is continued: `y = −ln(1 − t²)` of the level is `x + e ln(32 / r)`, with `x`
    the 32nd largest `y` and `e` the mean excess of the 31 larger ones over it. For random
    directions in any number of dimensions this `y` falls exponentially, but for a slowly varying
    factor.

    Args:
        products: inner products of drawn pairs.
        pairs: of the layer.

    Returns:
        the level; its error is of the tail's order statistics, as if pairs were independent, and
        `dimensions` and `median` are NaN. The value is 1 with fewer than 45 pairs, those of ten
        units, of the layer, and with fewer than 45 drawn.

    Raises:
        ValueError: if a product is not finite.
    """
    check_finite(products, "inner products")
    largest = products.sort(descending=True).values.double()
    value, error = 1.0, 0.0
    if min(pairs, len(largest)) >= LEAST_UNITS * (LEAST_UNITS - 1) // 2:
        rank, tail = len(largest) / pairs, min(_TAIL, len(largest) // 10)
        at, spread = math.log(tail / rank), 2 * _SURE
        if at > 0:
            excess = -torch.log1p(-largest[:tail].clamp(0, 1 - 1e-12).square())
            mean = float((excess - excess[-1]).sum()) / (tail - 1)
            # Of an exponential tail the threshold and the mean excess err independently.
            off = spread * mean * math.sqrt(1 / tail + at**2 / (tail - 1))
            middle = float(excess[-1]) + mean * at
            value, low, high = (
                math.sqrt(-math.expm1(-max(y, 0.0))) for y in (middle, middle - off, middle + off)
            )
        else:
            places = (rank, rank + spread * math.sqrt(rank), rank - spread * math.sqrt(rank))
            value, low, high = (
                float(largest[min(max(round(place) - 1, 0), len(largest) - 1)]) for place in places
            )
        error = (high - low) / 2
    return ChanceLevel(
        value=value,
        dimensions=math.nan,
        median=math.nan,
        pairs=pairs,
        drawn=len(largest),
        error=error,
    )


def _level(dimensions: float, pairs: int) -> float:
    if dimensions <= 1 or pairs < 2:
        return 1.0
    return max(0.0, passed_by(1 / pairs, dimensions))


def _dimensions(median: float) -> float:
    """In how many dimensions half of all random pairs have a cosine of at most this size.

    `cos² ~ Beta(1/2, (d − 1)/2)`.
    """
    if median >= 1:
        return 1.0
    if median**2 <= 0.4 / _MOST_DIMENSIONS:
        return _MOST_DIMENSIONS

    def beyond(log_dimensions: float) -> float:
        return float(betainc(0.5, math.expm1(log_dimensions) / 2, median**2)) - 0.5

    # Between 1, where every cosine is ±1, and what no layer has inputs for.
    least, most = 1e-9, math.log(_MOST_DIMENSIONS)
    return 1.0 if beyond(least) > 0 else math.exp(root_scalar(beyond, bracket=(least, most)).root)


def _drawn_pairs(
    rows: Tensor, live: list[Tensor], counts: list[int], generator: torch.Generator
) -> Tensor:
    """Inner products of pairs drawn evenly from all pairs of one group, with replacement."""
    weights = torch.tensor(counts, dtype=torch.float64)
    group = torch.multinomial(weights, _DRAWN, replacement=True, generator=generator)
    sizes = torch.tensor([len(members) for members in live])
    starts = sizes.cumsum(0) - sizes
    size = sizes[group]
    first = (torch.rand(_DRAWN, generator=generator, dtype=torch.float64) * size).long()
    step = (torch.rand(_DRAWN, generator=generator, dtype=torch.float64) * (size - 1)).long()
    members = torch.cat(live).cpu()
    one = members[starts[group] + first].to(rows.device)
    other = members[starts[group] + (first + 1 + step) % size].to(rows.device)
    chunk = max(1, _CHUNK // rows.shape[1])
    parts = [
        (rows[left] * rows[right]).sum(dim=1)
        for left, right in zip(one.split(chunk), other.split(chunk), strict=True)
    ]
    return torch.cat(parts).clamp_(-1, 1)
