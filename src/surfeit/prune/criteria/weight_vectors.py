"""Criteria that look at weight vectors alone: their lengths, and the angles between them.

They take weights of any floating type and raise a ValueError where one is NaN or infinite. A batch
normalisation behind a layer undoes its weight vectors' lengths, so that a unit with a short one may
speak as loud as any; angles are not touched.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import finite_matrix
from surfeit.prune.criteria.criterion import Criterion


def magnitude(
    weight: Float[Tensor, "units inputs"], generator: torch.Generator | None = None
) -> Float[Tensor, " units"]:
    """The Euclidean norm of each unit's weight vector: `c_i = ‖w_i‖`.

    Source: Heitmann 2020, section 3.1; Li et al. 2017, with the sum of absolute weights instead.
    Cost: O(units inputs).
    """
    return finite_matrix(weight).double().norm(dim=1)


def frame_potential(
    weight: Float[Tensor, "units inputs"], generator: torch.Generator | None = None
) -> Float[Tensor, "units units"]:
    """What the frame potential of the normalised weight vectors loses when a unit goes.

    With `ŵ_i = w_i / ‖w_i‖` (zero for a zero row) and `FP(S) = Σ_ij ⟨ŵ_i, ŵ_j⟩²` over the units
    that are still there, `c_i = FP(S) − FP(S∖i) = 2 Σ_j ⟨ŵ_i, ŵ_j⟩² − ⟨ŵ_i, ŵ_i⟩²`. A large one
    says that many units point along unit i's line. Removing the least first leaves the largest
    potential: the report calls it max_fp, and its reverse min_fp.

    Source: Benedetto and Fickus 2003 (the potential); Heitmann 2020, section 3.1 (as a criterion).
    Cost: O(units² inputs), 8 units² bytes.
    """
    return _both_ways(_gram(_normalised(weight)).square())


def inner_product(
    weight: Float[Tensor, "units inputs"], generator: torch.Generator | None = None
) -> Float[Tensor, "units units"]:
    """What the sum of absolute inner products of normalised weight vectors loses.

    `c_i = 2 Σ_j |⟨ŵ_i, ŵ_j⟩| − |⟨ŵ_i, ŵ_i⟩|`: the order is that of the mean absolute inner product
    with the units that are still there, whose count is the same for every unit.

    Source: Heitmann 2020, section 3.1. Cost: as `frame_potential`.
    """
    return _both_ways(_gram(_normalised(weight)).abs())


def raw_frame_potential(
    weight: Float[Tensor, "units inputs"], generator: torch.Generator | None = None
) -> Float[Tensor, "units units"]:
    """As `frame_potential`, of the weight vectors as they are: norms count too.

    `c_i = FP(S) − FP(S∖i) = 2 Σ_j ⟨w_i, w_j⟩² − ‖w_i‖⁴`.

    Source: Heitmann 2020, section 3.1. Cost: as `frame_potential`.
    """
    return _both_ways(_gram(finite_matrix(weight).double()).square())


MAGNITUDE = Criterion(
    name="magnitude",
    former="filter_norm",
    says="The length of a unit's weight vector.",
    first="the shortest weight vectors first (magnitude)",
    of_weights=magnitude,
    usual=True,
)
FRAME_POTENTIAL = Criterion(
    name="frame_potential",
    says=(
        "How much a unit's direction is shared, whatever the lengths of weight vectors: the sum of "
        "its squared inner products with all units' directions."
    ),
    first="the units least like the others first (frame potential)",
    of_weights=frame_potential,
    pairs=True,
    usual=True,
)
INNER_PRODUCT = Criterion(
    name="inner_product",
    says="The mean absolute inner product of a unit's direction with the other units'.",
    first="the units of the least mean inner product first",
    of_weights=inner_product,
    pairs=True,
    usual=True,
)
RAW_FRAME_POTENTIAL = Criterion(
    name="raw_frame_potential",
    says=(
        "The frame potential of the weight vectors as they are instead of their directions alone: "
        "long ones count more, so that a short one goes early whatever its direction."
    ),
    first="the units of the least raw frame potential first",
    of_weights=raw_frame_potential,
    pairs=True,
    usual=True,
)


def _normalised(weight: Tensor) -> Tensor:
    rows = finite_matrix(weight).double()
    # Divided by the largest entry first: squares of very small or large weights leave the range.
    largest = rows.abs().amax(dim=1, keepdim=True)
    rows = rows / torch.where(largest > 0, largest, 1.0)
    norms = rows.norm(dim=1, keepdim=True)
    return rows / torch.where(norms > 0, norms, 1.0)


def _gram(rows: Tensor) -> Tensor:
    return rows @ rows.T


def _both_ways(pairs: Tensor) -> Tensor:
    # A unit takes along its row and its column of the symmetric sum, but its diagonal only once.
    both = 2 * pairs
    both.diagonal().copy_(pairs.diagonal())
    return both
