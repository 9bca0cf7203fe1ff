"""The frame potential: how far the directions of a layer's units are from spread evenly."""

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import check_finite, full_precision, weight_matrix

_ROUNDINGS = 4  # that a length of 1 may be off by


def normalised(weight: Float[Tensor, "units *inputs"]) -> Float[Tensor, "units inputs"]:
    """The weight vectors scaled to length 1, as rows; a zero row stays zero.

    A row of length 1 to within its roundings stays as it is, so that normalising again changes
    nothing.

    Args:
        weight: a layer's weight, floating point; filters are flattened.

    Returns:
        [units, inputs] on the weight's device: float64 for a float64 weight, else float32.

    Raises:
        ValueError: if the weight has fewer than two dimensions, no entries or non-finite ones, or
            holds integers or complex numbers.
    """
    rows = full_precision(weight_matrix(weight).detach(), "a layer's weights")
    rounding = _ROUNDINGS * torch.finfo(rows.dtype).eps
    done = (rows.norm(dim=1, keepdim=True) - 1).abs() <= rounding
    given = rows
    # Dividing by the largest entry first keeps squares of tiny float32 rows from underflowing. The
    # largest is NaN where any entry is.
    largest = rows.abs().amax(dim=1, keepdim=True)
    if not bool(torch.isfinite(largest).all()):
        check_finite(rows)
    rows = rows / torch.where(largest > 0, largest, 1)
    length = rows.norm(dim=1, keepdim=True)
    return torch.where(done, given, rows / torch.where(length > 0, length, 1))


def total_frame_potential(weight: Float[Tensor, "units *inputs"]) -> Float[Tensor, ""]:
    """The frame potential of a layer: 0 for no direction, `units**2` if all are parallel.

    `FP = Σ_ij ⟨ŵ_i, ŵ_j⟩² = ‖ŴŴᵀ‖_F² = ‖ŴᵀŴ‖_F²`, with `ŵ` the normalised weight vectors.

    It is at least `max(units, units² / inputs)` if no row is zero; orthonormal rows reach `units`.

    Args:
        weight: a layer's weight; filters are flattened; zero rows contribute nothing.

    Returns:
        a scalar in [0, units²]: float32 for a float32 weight, else float64.

    Raises:
        ValueError: as `normalised`.

    Source: Benedetto and Fickus 2003; as a measure of redundancy, Heitmann 2020, section 3.1.
    Cost: O(units · inputs · min(units, inputs)).
    """
    rows = _directions(weight)
    units, inputs = rows.shape
    gram = rows @ rows.T if units <= inputs else rows.T @ rows
    return gram.square().sum()


def contributions(weight: Float[Tensor, "units *inputs"]) -> Float[Tensor, " units"]:
    """Each unit's part of the frame potential: `Σ_j ⟨ŵ_i, ŵ_j⟩²`, the unit itself included.

    The parts add up to `total_frame_potential`. They are at least 1, except for zero rows: 0.

    Args:
        weight: a layer's weight; filters are flattened.

    Returns:
        [units], each 0 or in [1, units]: float32 for a float32 weight, else float64.

    Raises:
        ValueError: as `normalised`.

    Source: Heitmann 2020, section 3.1. Cost: O(units · inputs · min(units, inputs)).
    """
    rows = _directions(weight)
    units, inputs = rows.shape
    if units <= inputs:
        return (rows @ rows.T).square().sum(dim=1)
    # Σ_j ⟨ŵ_i, ŵ_j⟩² = ŵ_iᵀ (ŴᵀŴ) ŵ_i needs no [units, units] matrix.
    return (rows @ (rows.T @ rows) * rows).sum(dim=1)


def _directions(weight: Tensor) -> Tensor:
    """`normalised`, of half precision in float64: fourth powers are summed, units² of them."""
    lifted = full_precision(weight, "a layer's weights")
    return normalised(lifted if lifted is weight else lifted.double())
