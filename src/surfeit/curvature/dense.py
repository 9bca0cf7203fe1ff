"""A small operator as a matrix: what everything else is tested against."""

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import one_thread
from surfeit.curvature.operator import Operator

MOST = 3000
"""The largest side of a matrix that is formed: 72 MB in float64."""

_AT_ONCE = 32


@one_thread()
def dense(operator: Operator) -> Float[Tensor, "size size"]:
    """The matrix itself, column by column; symmetric to the last bit, `(A + Aᵀ) / 2`.

    >>> torch.linalg.eigvalsh(dense(hessian(surface)))

    Args:
        operator: of at most 3,000 rows.

    Returns:
        float64, [size, size].

    Raises:
        ValueError: if the operator is larger, or a product is not finite.

    Cost: `size` products.
    """
    if operator.size > MOST:
        raise ValueError(
            f"a dense matrix is formed of at most {MOST:,} parameters, got {operator.size:,}: use "
            "eigenpairs, trace and spectral_density, which need products alone"
        )
    unit = torch.eye(operator.size, dtype=operator.dtype, device=operator.device)
    rows = torch.cat([operator.times(part).double() for part in unit.split(_AT_ONCE)])
    return (rows + rows.T) / 2
