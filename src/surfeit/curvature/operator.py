"""A symmetric matrix that is known by its products with vectors."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Operator:
    """A symmetric matrix `A` [size, size] that is never formed.

    Args:
        size: its side.
        product: `[k, size] -> [k, size]`, each row v becoming A v.
        dtype: float32 or float64: the type of the vectors.
        device: where they are.
    """

    size: int
    product: Callable[[Tensor], Tensor]
    dtype: torch.dtype
    device: torch.device

    @staticmethod
    def of_matrix(matrix: Float[Tensor, "size size"]) -> "Operator":
        """The operator of a symmetric matrix that is at hand.

        Raises:
            ValueError: if it is not square, not float32 or float64, or not symmetric.
        """
        if matrix.dim() != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.numel():
            raise ValueError(f"the matrix must be [size, size], got {list(matrix.shape)}")
        if matrix.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"the matrix must be float32 or float64, got {matrix.dtype}")
        if not torch.allclose(matrix, matrix.T, equal_nan=True):
            raise ValueError("the matrix must be symmetric: pass (matrix + matrix.T) / 2")
        return Operator(
            size=len(matrix),
            product=lambda rows: rows @ matrix,
            dtype=matrix.dtype,
            device=matrix.device,
        )

    def times(self, rows: Float[Tensor, "k size"]) -> Float[Tensor, "k size"]:
        """The products of k vectors.

        Args:
            rows: a vector a row; converted to the operator's type and device.

        Raises:
            ValueError: if the rows are of another length, or a product is not finite.

        Cost: k products.
        """
        if rows.dim() != 2 or rows.shape[1] != self.size:
            raise ValueError(f"vectors must be [k, {self.size}], got {list(rows.shape)}")
        found = self.product(rows.to(self.device, self.dtype))
        if not bool(torch.isfinite(found).all()):
            raise ValueError(
                "a product with the matrix must be finite, got NaN or infinity: the network's "
                "derivatives leave the range of its floating type there"
            )
        return found
