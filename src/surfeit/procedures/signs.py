"""Weights of one size a layer, with the signs that they had or with random ones.

The size is the standard deviation of the layer's initial weights.

Source: Zhou, Lan, Liu and Yosinski 2019, section 4 (mask-1 actions "constant, init sign" and
"constant, random sign").
"""

import torch
from torch import Tensor


def deviation(weight: Tensor) -> float:
    """The standard deviation `√(mean((w − mean(w))²))` of a layer's weights, in float64."""
    return weight.double().std(correction=0).item()


def signed(weight: Tensor, size: float) -> Tensor:
    """`sign(w) · size`; a weight of zero stays zero."""
    return weight.sign() * size


def randomly_signed(like: Tensor, size: float, generator: torch.Generator) -> Tensor:
    """`± size` with even odds, shaped and typed like a layer's weights."""
    coin = torch.randint(0, 2, like.shape, generator=generator)
    return (2 * coin - 1).to(like) * size
