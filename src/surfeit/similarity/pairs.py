"""The inner products of all pairs of units in one row, for layers of up to a few thousand units."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.similarity.graph import next_to, on_its_side, similarity_blocks


def pairwise_products(
    rows: Float[Tensor, "units columns"], *, level: float | None = None
) -> Float[Tensor, " pairs"]:
    """The inner products of all pairs `(0, 1), (0, 2), ..., (1, 2), ...`; NaN for zero rows.

    Args:
        rows: of length 1 or 0.
        level: where links begin, if they do: as for `similarity_blocks`.

    Raises:
        ValueError: as `similarity_blocks`.

    Cost: O(units² · columns) time, O(units²) memory.
    """
    # NumPy slices and joins hundreds of short rows twice as fast.
    parts = [
        row[place + 1 :]
        for _, similar in similarity_blocks(rows, upper=True, level=level)
        for place, row in enumerate(similar.cpu().numpy())
    ]
    return torch.from_numpy(np.concatenate(parts)).to(rows.device)


def settle_pairs_(
    products: Float[Tensor, " pairs"], rows: Float[Tensor, "units columns"], level: float
) -> None:
    """Makes `products >= level` right of each pair as float64 has it, as `similarity_blocks` does.

    Args:
        products: `pairwise_products(rows)`; changed in place.
        rows: whose they are.
        level: where links begin.
    """
    near = next_to(products, level).nonzero()[:, 0]
    if len(near):
        one, other = ends_of(near, len(rows))
        products[near] = on_its_side(products[near], rows[one], rows[other], level)


def ends_of(pairs: Tensor, units: int) -> tuple[Tensor, Tensor]:
    """The two units of each pair, by the pair's number among all pairs of so many units."""
    starts = starts_of(units).to(pairs.device)
    one = torch.searchsorted(starts, pairs, right=True) - 1
    return one, pairs - starts[one] + one + 1


def starts_of(units: int) -> Tensor:
    """The number of the first pair of each unit with a later one, int64 [units]."""
    unit = torch.arange(units)
    return unit * units - unit * (unit + 1) // 2
