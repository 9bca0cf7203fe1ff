"""Orthonormal rows that grow: stored as they are multiplied, combined in float64."""

import torch
from jaxtyping import Float
from torch import Tensor

_FIRST = 16
_COLUMNS = 2**14  # taken at a time in float64: a hundred rows of them stay in the cache
DEPENDENT = 64
"""Roundings of the longest vector: what is left of another beyond the rows is noise below that."""


class Rows:
    """Orthonormal vectors, a row each, in an operator's type.

    Coefficients are sums in float64 of what is stored: sums of 10⁶ products in float32 would be
    wrong in the fourth digit, and orthogonality with them.

    Args:
        like: a tensor of the type and on the device that the rows have.
        size: their length.
    """

    def __init__(self, like: Tensor, size: int) -> None:
        self._held = like.new_empty(0, size)
        self.count = 0

    @property
    def all(self) -> Float[Tensor, "count size"]:
        """The rows so far."""
        return self._held[: self.count]

    def append_(self, row: Float[Tensor, " size"]) -> None:
        """Adds a row, which must be of length one and orthogonal to the others."""
        if self.count == len(self._held):
            more = self._held.new_empty(max(_FIRST, self.count), self._held.shape[1])
            self._held = torch.cat([self._held, more])
        self._held[self.count] = row
        self.count += 1

    def apart_(self, vector: Float[Tensor, " size"]) -> Float[Tensor, " count"]:
        """Takes out of a float64 vector what lies in the rows' span; gives the coefficients.

        Twice, for what rounding leaves of the first time.
        """
        total = vector.new_zeros(self.count)
        for _ in range(2):
            found = inner(self.all, vector[None])[:, 0]
            for start in range(0, len(vector), _COLUMNS):
                part = slice(start, start + _COLUMNS)
                vector[part] -= found @ self.all[:, part].double()
            total += found
        return total


def inner(
    left: Float[Tensor, "rows size"], right: Float[Tensor, "others size"]
) -> Float[Tensor, "rows others"]:
    """`left rightᵀ`, summed in float64."""
    total = torch.zeros(len(left), len(right), dtype=torch.float64, device=left.device)
    for start in range(0, left.shape[1], _COLUMNS):
        part = slice(start, start + _COLUMNS)
        total += left[:, part].double() @ right[:, part].double().T
    return total


def combined(
    weights: Float[Tensor, "k rows"], rows: Float[Tensor, "rows size"]
) -> Float[Tensor, "k size"]:
    """`weights rows`, in the rows' type, summed in float64."""
    found = rows.new_empty(len(weights), rows.shape[1])
    for start in range(0, rows.shape[1], _COLUMNS):
        part = slice(start, start + _COLUMNS)
        found[:, part] = (weights @ rows[:, part].double()).to(rows.dtype)
    return found


def orthonormal(vectors: Float[Tensor, "k size"]) -> Float[Tensor, "rows size"]:
    """An orthonormal basis of what vectors span, in their type; fewer rows where they depend."""
    rows = Rows(vectors, vectors.shape[1])
    noise = DEPENDENT * torch.finfo(vectors.dtype).eps * float(vectors.norm(dim=1).max())
    for vector in vectors.double().clone():
        rows.apart_(vector)
        left = float(vector.norm())
        if left > noise:
            rows.append_((vector / left).to(vectors.dtype))
    return rows.all
