"""Blocks of a matrix that share neither rows nor columns, and its decomposition block by block."""

import torch
from jaxtyping import Int64
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

Block = tuple[Int64[Tensor, " rows"], Int64[Tensor, " columns"]]


def blocks(matrix: Tensor) -> list[Block]:
    """Rows and columns of each block outside of which the matrix is exactly zero.

    The connected components of rows and columns that meet in a nonzero entry, by their lowest row:
    of a grouped convolution's weight matrix, its groups. Rows and columns of zeros are in none.

    Cost: O(entries); for a matrix with a row or a column without zeros, one look at them.
    """
    pattern = (matrix != 0).cpu()
    rows, columns = pattern.any(dim=1), pattern.any(dim=0)
    # A row without zeros meets all columns, and so all other rows that are not zero.
    if bool(pattern.all(dim=1).any()) or bool(pattern.all(dim=0).any()):
        return [(rows.nonzero()[:, 0], columns.nonzero()[:, 0])]
    row, column = pattern.nonzero().T.numpy()
    units, inputs = matrix.shape
    links = coo_array((pattern[row, column].numpy(), (row, column + units)), (units + inputs,) * 2)
    labels = torch.from_numpy(connected_components(links, directed=False)[1]).to(torch.int64)
    numbers = labels[:units][rows].unique()  # ascending, and numbered by the lowest row
    own, read = labels[:units].where(rows, -1), labels[units:].where(columns, -1)
    return [((own == n).nonzero()[:, 0], (read == n).nonzero()[:, 0]) for n in numbers]


def singular_triples(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`U` [units, r], falling `S` [r] and `Vᵀ` [r, inputs], with r the smaller side.

    As `torch.linalg.svd(matrix, full_matrices=False)`, but no `u vᵀ` has entries outside the blocks
    of the matrix, also where singular values of several blocks are equal and a decomposition of the
    whole may mix them. A smaller block's missing triples are zero.
    """
    parts = blocks(matrix)
    if len(parts) < 2:
        return torch.linalg.svd(matrix, full_matrices=False)
    units, inputs = matrix.shape
    left = matrix.new_zeros(units, min(units, inputs))
    values = matrix.new_zeros(min(units, inputs))
    right = matrix.new_zeros(min(units, inputs), inputs)
    first = 0
    for rows, columns in parts:
        rows, columns = rows.to(matrix.device), columns.to(matrix.device)
        u, s, vt = torch.linalg.svd(matrix[rows][:, columns], full_matrices=False)
        own = torch.arange(first, first + len(s), device=matrix.device)
        left[rows[:, None], own], values[own], right[own[:, None], columns] = u, s, vt
        first += len(s)
    order = values.argsort(descending=True, stable=True)
    return left[:, order], values[order], right[order]
