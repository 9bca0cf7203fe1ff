"""Zeros among a layer's weights, which no law of noise knows of."""

from jaxtyping import Float
from torch import Tensor

from surfeit.core import finite_matrix

MASKED = 0.01
"""From this share of scattered zeros on a layer is called pruned, and its spikes no test.

Cautious: random masks that keep half do little, but those that training chose are uneven."""


def scattered_zeros(weight: Float[Tensor, "units *inputs"]) -> float:
    """The share of weights that are exactly zero, in [0, 1], as a mask of weights leaves them.

    Units and inputs all of whose weights are zero do not count: `fit_marchenko_pastur` leaves them
    out. Scattered zeros it does not allow for: what is left is unequal and has heavy tails.

    Args:
        weight: a layer's weight; filters are flattened.

    Returns:
        a fraction; 0 for a layer of zeros alone.

    Raises:
        ValueError: if the weight is no layer's, or not finite.

    Cost: one look at the weights.
    """
    there = finite_matrix(weight) != 0
    there = there[there.any(dim=1)][:, there.any(dim=0)]
    return 1 - float(there.double().mean()) if there.numel() else 0.0
