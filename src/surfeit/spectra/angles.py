"""The angles between two subspaces, such as those that two layers of one shape live in."""

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import finite_matrix, one_thread
from surfeit.spectra.blocks import singular_triples


@one_thread()
def principal_angles(
    first: Float[Tensor, "k inputs"], second: Float[Tensor, "l inputs"]
) -> Float[Tensor, " angles"]:
    """The principal angles between the spans of two sets of rows, ascending.

    The smallest, θ₁, is that between the two nearest directions of the spans; θ₂ that of the
    nearest ones orthogonal to those, and so on. `cos θ_i` are the singular values of `P Qᵀ`, with P
    and Q orthonormal bases, `sin θ_i` those of `Q − Q PᵀP`: each angle is taken from the one of the
    two that is accurate there. Two random subspaces of k dimensions in n have a mean `cos² θ` of
    k/n.

    >>> principal_angles(leading_directions(w, 10), leading_directions(other, 10))

    Args:
        first, second: rows that span the subspaces, in any basis; linearly independent.

    Returns:
        float64 [min(k, l)], radians in [0, π/2].

    Raises:
        ValueError: if the rows differ in length, are linearly dependent, more than they have
            entries, or not finite.

    Source: Björck and Golub 1973. Cost: O((k + l)² · inputs).
    """
    bases = [_basis(rows) for rows in (first, second)]
    if bases[0].shape[1] != bases[1].shape[1]:
        raise ValueError(
            "two subspaces have angles if they lie in one space, got rows of "
            f"{bases[0].shape[1]} and {bases[1].shape[1]} entries"
        )
    wide, narrow = sorted(bases, key=len, reverse=True)
    along = narrow @ wide.T
    cosines = torch.linalg.svdvals(along).clamp_max(1)
    sines = torch.linalg.svdvals(narrow - along @ wide).flip(0).clamp_max(1)
    return torch.where(cosines.square() < 0.5, cosines.arccos(), sines.arcsin())


@one_thread()
def leading_directions(
    weight: Float[Tensor, "units *inputs"], rank: int
) -> Float[Tensor, "rank inputs"]:
    """The directions of input space that a layer's rank-k approximation reads.

    The first k right singular vectors of the weight matrix: an orthonormal basis of the rows of
    `project(weight, k)`.

    Args:
        weight: a layer's weight, or its update; filters are flattened.
        rank: from 1 to the weight's rank.

    Returns:
        float64 [rank, inputs].

    Raises:
        ValueError: if the rank is out of range, or the weight is not finite or no layer's.

    Source: Heitmann 2020, section 3.3. Cost: O(units · inputs · min(units, inputs)).
    """
    matrix = finite_matrix(weight).double()
    _, values, right = singular_triples(matrix)
    real = int((values > max(matrix.shape) * torch.finfo(torch.float64).eps * values[0]).sum())
    if not 1 <= rank <= real:
        raise ValueError(
            f"a weight matrix of rank {real} has from 1 to {real} leading directions, got {rank}"
        )
    return right[:rank]


def _basis(rows: Tensor) -> Tensor:
    """An orthonormal basis of the rows' span, float64."""
    matrix = finite_matrix(rows).double()
    count, inputs = matrix.shape
    # Rows of length 1, so that short ones do not pass for dependent ones.
    scale = matrix.norm(dim=1, keepdim=True)
    _, values, right = torch.linalg.svd(matrix / scale.where(scale > 0, 1), full_matrices=False)
    if count > inputs or values[-1] <= max(count, inputs) * torch.finfo(torch.float64).eps:
        raise ValueError(
            f"the {count} rows that span a subspace must be linearly independent, and no more than "
            f"their {inputs} entries"
        )
    return right
