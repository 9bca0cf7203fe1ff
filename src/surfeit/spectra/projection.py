"""A layer's weight, or its update, projected to low rank."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import check_finite, finite_matrix, full_precision, one_thread, weight_matrix
from surfeit.spectra.blocks import singular_triples
from surfeit.spectra.eigenvalues import eigenvalues


@one_thread()
def project(weight: Float[Tensor, "units *inputs"], rank: int) -> Float[Tensor, "units *inputs"]:
    """The matrix of at most the given rank nearest to the layer's weight matrix.

    `W_k = Σ_{i ≤ k} σ_i u_i v_iᵀ`, from the singular value decomposition of `W` [units, inputs].
    Where `σ_k = σ_{k+1}` the nearest one is not unique and any may be returned. Blocks that share
    neither rows nor columns, as the groups of a grouped convolution, stay apart: outside of them
    the projection is exactly zero.

    Args:
        weight: a layer's weight; filters are flattened. Half precision is decomposed in float32.
        rank: from 0 (all zero) to min(units, inputs) (the weight itself, bit for bit).

    Returns:
        a new tensor like the weight, in its dtype.

    Raises:
        ValueError: if the rank is out of range, the weight is not a layer's, not finite or not
            floating point, or the projection leaves the range of its dtype.

    Source: Eckart and Young 1936; of trained layers, Heitmann 2020, section 3.3.
    Cost: O(units · inputs · min(units, inputs)).
    """
    check_ranks([rank], weight_matrix(weight))
    matrix = finite_matrix(weight)
    if rank == min(matrix.shape):
        return weight.detach().clone()
    left, right = factors(matrix)
    return _like(weight, left[:, :rank] @ right[:rank])


def project_update(
    weight: Float[Tensor, "units *inputs"], initial: Float[Tensor, "units *inputs"], rank: int
) -> Float[Tensor, "units *inputs"]:
    """The initial weight plus the update projected to the given rank: `Z + (W − Z)_k`.

    Args:
        weight: a layer's weight `W`; filters are flattened.
        initial: the same layer's weight `Z` at the start.
        rank: from 0 (the initial weight) to min(units, inputs) (the weight).

    Returns:
        a new tensor like the weight, in its dtype.

    Raises:
        ValueError: if the shapes differ, or as `project`.

    Source: Nagarajan and Kolter 2019; Heitmann 2020, section 3.3. Cost: as `project`.
    """
    check_shapes(weight, initial)
    before = full_precision(initial.detach(), "initial weights")
    check_finite(before, "initial weights")
    if rank == min(weight_matrix(weight).shape):
        return project(weight, rank)  # Z + (W − Z) may differ from W in the last bit.
    update = finite_matrix(weight).reshape(before.shape) - before
    return _like(weight, before + project(update, rank))


@one_thread()
def project_randomly(
    weight: Float[Tensor, "units *inputs"], rank: int, generator: torch.Generator
) -> Float[Tensor, "units *inputs"]:
    """The layer's weight matrix on random directions of its output space: the null for `project`.

    `Q Qᵀ W`, with Q [units, rank] an orthonormal basis of a uniformly drawn subspace. It keeps
    `rank / units` of the squared norm on average.

    Args:
        weight: a layer's weight, or its update; filters are flattened.
        rank: from 0 (all zero) to units (the weight itself, but for rounding).
        generator: of the draw.

    Returns:
        a new tensor like the weight, in its dtype.

    Raises:
        ValueError: if the rank is out of range, or the weight is not a layer's or not finite.

    Cost: O(units · rank · (rank + inputs)).
    """
    matrix = finite_matrix(weight)
    units = len(matrix)
    if not 0 <= rank <= units:
        raise ValueError(f"{units} units have from 0 to {units} directions, got {rank}")
    drawn = torch.randn(
        units, rank, generator=generator, dtype=matrix.dtype, device=generator.device
    )
    basis = torch.linalg.qr(drawn.to(matrix.device)).Q
    return _like(weight, basis @ (basis.T @ matrix))


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

    With `kept_share` it satisfies `kept² + residual² = 1`. Its `elbow` is not the report's rank,
    which is that of `residual_energy`.

    Args:
        weight: a layer's weight, or its update `W − Z`; filters are flattened.
        ranks: as in `kept_share`.

    Returns:
        float64 [ranks], in [0, 1] and falling with the rank: 1 at rank 0, 0 at full rank.

    Raises:
        ValueError: if the weight is all zero, or as `project`.

    Source: Heitmann 2020, section 3.3. Cost: one `eigenvalues`.
    """
    return residual_energy(weight, ranks).sqrt()


def residual_energy(
    weight: Float[Tensor, "units *inputs"], ranks: Sequence[int] | None = None
) -> Float[Tensor, " ranks"]:
    """The share of the squared Frobenius norm lost at each rank: `‖W − W_k‖_F² / ‖W‖_F²`.

    The square of `residual_share`. `elbow` of it, over all ranks, is the report's rank: the number
    of directions that carry more than their equal part, `σ_k² > Σ σ² / r` with r the full rank.
    The elbow of `residual_share` is another number: 11 for 16 and 13 for 31 in the hidden layers of
    a LeNet-300-100 that was trained on digits.

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
    return _at(lost / lost[0], weight, ranks)


@one_thread()
def factors(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """`U S` [units, r] and `Vᵀ` [r, inputs], whose first k columns and rows multiply to `W_k`.

    Both are float32, or float64 for a matrix in float64.

    Raises:
        ValueError: if the matrix is not finite or not floating point.
    """
    left, values, right = singular_triples(finite_matrix(matrix))
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


def _like(weight: Tensor, values: Tensor) -> Tensor:
    """The values in the weight's shape and dtype."""
    most, largest = torch.finfo(weight.dtype).max, float(values.abs().amax())
    if largest > most:
        raise ValueError(
            f"the projection has entries up to {largest:.6g}, beyond the range of {weight.dtype}: "
            "pass weight.float()"
        )
    return values.reshape(weight.shape).to(weight.dtype)
