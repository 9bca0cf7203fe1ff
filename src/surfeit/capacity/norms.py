"""Norms of a weight matrix."""

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import finite_matrix


def mixed_norm(
    weight: Float[Tensor, "units inputs"], outer: float, inner: float
) -> Float[Tensor, ""]:
    """The norm `‖W‖_p,q`: the p-norm over units of the q-norms of their incoming weights.

    `‖W‖_p,q = (Σ_i (Σ_j |w_ij|^q)^(p/q))^(1/p)`, for p = ∞ the largest of the q-norms. The first
    index is the outer one: `‖W‖_1,2` is the sum of the lengths of the rows. That is how the program
    of Neyshabur et al. reads its table; the same norm is the `(2, 1)` norm of the transpose in
    Bartlett et al. 2017, who name the inner one first.

    Args:
        weight: one row a unit of the layer, finite.
        outer: p, at least 1, or infinity.
        inner: q, likewise.

    Returns:
        a float64 number.

    Raises:
        ValueError: if a norm's index is below 1, or the weights are not a finite matrix.

    Source: Neyshabur et al. 2018 (1805.12076), by its authors' program.
    Cost: O(entries).
    """
    for name, index in (("outer", outer), ("inner", inner)):
        if not index >= 1:
            raise ValueError(f"the {name} norm's index must be at least 1, got {index}")
    rows = finite_matrix(weight).double()
    largest = rows.abs().max() if rows.numel() else rows.new_zeros(())
    if not float(largest) > 0:
        return largest
    # Of numbers up to 1, whose powers neither overflow nor all vanish.
    inner_norms = torch.linalg.vector_norm(rows / largest, inner, dim=1)
    return largest * torch.linalg.vector_norm(inner_norms, outer)


def spectral_norm(weight: Float[Tensor, "units inputs"]) -> Float[Tensor, ""]:
    """The largest singular value `‖W‖_2`, float64.

    Raises:
        ValueError: if the weights are not a finite matrix.

    Cost: of singular values, O(units · inputs · min(units, inputs)).
    """
    return torch.linalg.matrix_norm(finite_matrix(weight).double(), 2)
