"""The eigenvalues of a layer's weight matrix times its transpose, and who is in them."""

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import finite_matrix, one_thread


@one_thread()
def eigenvalues(weight: Float[Tensor, "units *inputs"]) -> Float[Tensor, " units"]:
    """The eigenvalues of `W Wᵀ`, one a unit, in falling order.

    They are the squared singular values of `W`, found from the smaller of `W Wᵀ` and `Wᵀ W`, which
    have the same nonzero ones; with more units than inputs the others are exactly 0.

    Forming the product squares the condition number: eigenvalues below about 1e-15 of the largest
    are rounding noise, i.e. singular values below 3e-8 of the largest. For those take
    `torch.linalg.svdvals`, at more than twice the cost.

    Args:
        weight: a layer's weight; filters are flattened.

    Returns:
        float64 [units] on the weight's device, at least 0.

    Raises:
        ValueError: if the weight has fewer than two dimensions, no entries or non-finite ones,
            holds integers or complex numbers, or its squares leave the range of float64.

    Cost: O(units · inputs · min(units, inputs)); 15 ms for 512 x 1,024 on one core. More are taken
    only within `surfeit.core.threads`: on a busy machine two took 43 times as long as one.
    """
    matrix = finite_matrix(weight).double()
    return _falling(torch.linalg.eigvalsh(_smaller_gram(matrix)), len(matrix))


@one_thread()
def eigenpairs(
    weight: Float[Tensor, "units *inputs"], count: int
) -> tuple[Float[Tensor, " units"], Float[Tensor, "count units"]]:
    """`eigenvalues`, and the eigenvectors `u_k` of `W Wᵀ` to the largest: which units they are in.

    `W Wᵀ u_k = λ_k u_k`, `‖u_k‖ = 1`, falling λ. With more units than inputs they come from those
    of `Wᵀ W`: `u_k = W v_k / ‖W v_k‖`. The sign is open, and so are directions within equal
    eigenvalues. Those of eigenvalues below 1e-12 of the largest are left out: they are rounding.

    Args:
        weight: a layer's weight; filters are flattened.
        count: the most vectors, at least 1.

    Returns:
        float64 [units], falling, and float64 [vectors, units], `vectors` at most `count`, on the
        weight's device.

    Raises:
        ValueError: if the count is below 1, or as `eigenvalues`.

    Cost: O(units · inputs · min(units, inputs)); about twice that of `eigenvalues`.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    matrix = finite_matrix(weight).double()
    units, inputs = matrix.shape
    found, vectors = torch.linalg.eigh(_smaller_gram(matrix))
    values = _falling(found, units)
    real = int((values > 1e-12 * values[0]).sum())
    leading = vectors.flip(1)[:, : min(count, real)].T
    if units <= inputs:
        return values, leading
    raised = leading @ matrix.T
    return values, raised / raised.norm(dim=1, keepdim=True)


def _falling(found: Tensor, units: int) -> Tensor:
    """Eigenvalues of the smaller product as those of all units."""
    found = found.flip(0).clamp_min(0)
    return torch.cat([found, found.new_zeros(units - len(found))])


def _smaller_gram(matrix: Tensor) -> Tensor:
    """`W Wᵀ` or `Wᵀ W`, whichever is smaller: their nonzero eigenvalues are the same."""
    units, inputs = matrix.shape
    gram = matrix @ matrix.T if units <= inputs else matrix.T @ matrix
    if not bool(torch.isfinite(gram.diagonal()).all()):
        raise ValueError(
            "the squares of the weights leave the range of float64, got a largest entry of "
            f"{float(matrix.abs().max()):.3g}: divide the weights by it; eigenvalues scale by its "
            "square"
        )
    return gram
