"""A layer's weight, or its update, projected to low rank."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import weight_matrix
from surfeit.spectra.eigenvalues import eigenvalues


def project(weight: Float[Tensor, "units *inputs"], rank: int) -> Float[Tensor, "units *inputs"]:
    """The matrix of at most the given rank nearest to the layer's weight matrix.

    `W_k = Σ_{i ≤ k} σ_i u_i v_iᵀ`, from the singular value decomposition of `W` [units, inputs].
    Where `σ_k = σ_{k+1}` the nearest one is not unique and any may be returned.

    Args:
        weight: a layer's weight; filters are flattened.
        rank: from 0 (all zero) to min(units, inputs) (the weight itself, bit for bit).

    Returns:
        a new tensor like the weight.

    Raises:
        ValueError: if the rank is out of range or the weight is not a layer's or not finite.

    Source: Eckart and Young 1936; of trained layers, Heitmann 2020, section 3.3.
    Cost: O(units · inputs · min(units, inputs)).
    """
    matrix = weight_matrix(weight).detach()
    check_ranks([rank], matrix)
    if rank == min(matrix.shape):
        return weight.detach().clone()
    left, right = factors(matrix)
    return (left[:, :rank] @ right[:rank]).reshape(weight.shape)


def project_update(
    weight: Float[Tensor, "units *inputs"], initial: Float[Tensor, "units *inputs"], rank: int
) -> Float[Tensor, "units *inputs"]:
    """The initial weight plus the update projected to the given rank: `Z + (W − Z)_k`.

    Args:
        weight: a layer's weight `W`; filters are flattened.
        initial: the same layer's weight `Z` at the start.
        rank: from 0 (the initial weight) to min(units, inputs) (the weight).

    Returns:
        a new tensor like the weight.

    Raises:
        ValueError: if the shapes differ, or as `project`.

    Source: Nagarajan and Kolter 2019; Heitmann 2020, section 3.3. Cost: as `project`.
    """
    check_shapes(weight, initial)
    if rank == min(weight_matrix(weight).shape):
        return weight.detach().clone()  # Z + (W − Z) may differ from W in the last bit.
    return initial.detach() + project(weight - initial, rank)


def kept_share(
    weight: Float[Tensor, "units *inputs"], ranks: Sequence[int] | None = None
) -> Float[Tensor, " ranks"]:
    """The share of the Frobenius norm that is kept at each rank: `‖W_k‖_F / ‖W‖_F`.

    The norm, as in the published tables, and not its square: a rank that keeps a share of 0.7 keeps
    0.49 of the "variance".

    Args:
        weight: a layer's weight; filters are flattened.
        ranks: from 0 to min(units, inputs), in any order; all of them by default.

    Returns:
        float64 [ranks], in [0, 1] and rising with the rank: 0 at rank 0, 1 at full rank.

    Raises:
        ValueError: if the weight is all zero, or as `project`.

    Source: Heitmann 2020, section 3.3. Cost: one `eigenvalues`.
    """
    energy = _energy(weight)
    kept = torch.cat([energy.new_zeros(1), energy.cumsum(0)])
    return _at((kept / kept[-1]).sqrt(), weight, ranks)


def residual_share(
    weight: Float[Tensor, "units *inputs"], ranks: Sequence[int] | None = None
) -> Float[Tensor, " ranks"]:
    """The share of the Frobenius norm that is lost at each rank: `‖W − W_k‖_F / ‖W‖_F`.

    With `kept_share` it satisfies `kept² + residual² = 1`; `elbow` of it is the report's rank.

    Args:
        weight: a layer's weight, or its update `W − Z`; filters are flattened.
        ranks: as in `kept_share`.

    Returns:
        float64 [ranks], in [0, 1] and falling with the rank: 1 at rank 0, 0 at full rank.

    Raises:
        ValueError: if the weight is all zero, or as `project`.

    Source: Heitmann 2020, section 3.3. Cost: one `eigenvalues`.
    """
    energy = _energy(weight)
    # Summed from the small end: 1 minus the kept share would be rounding noise there.
    lost = torch.cat([energy.flip(0).cumsum(0).flip(0), energy.new_zeros(1)])
    return _at((lost / lost[0]).sqrt(), weight, ranks)


def factors(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """`U S` [units, r] and `Vᵀ` [r, inputs], whose first k columns and rows multiply to `W_k`."""
    if not bool(torch.isfinite(matrix).all()):
        raise ValueError("weights must be finite, got NaN or infinite entries")
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    return left * values, right


def check_ranks(ranks: Sequence[int], matrix: Tensor) -> None:
    """Raises `ValueError` unless every rank is one that a matrix of this shape can have."""
    full = min(matrix.shape)
    wrong = [rank for rank in ranks if not 0 <= rank <= full]
    if wrong:
        raise ValueError(f"ranks of {list(matrix.shape)} are from 0 to {full}, got {wrong[0]}")


def check_shapes(weight: Tensor, initial: Tensor) -> None:
    """Raises `ValueError` unless the weight and the initial one have one shape."""
    if weight.shape != initial.shape:
        raise ValueError(
            f"weight and initial must have one shape, got {list(weight.shape)} and "
            f"{list(initial.shape)}"
        )


def _energy(weight: Tensor) -> Tensor:
    energy = eigenvalues(weight)[: min(weight_matrix(weight).shape)]
    if energy[0] == 0:
        raise ValueError("all weights are zero: no share of their norm can be kept")
    return energy


def _at(values: Tensor, weight: Tensor, ranks: Sequence[int] | None) -> Tensor:
    if ranks is None:
        return values
    check_ranks(ranks, weight_matrix(weight))
    return values[torch.as_tensor(list(ranks), dtype=torch.int64, device=values.device)]
