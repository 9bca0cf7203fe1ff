"""Initial weights: Gaussian Glorot, zero biases."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from surfeit.core import layers


def initialise_(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """Draws every layer's weights anew, in the order of the model, and returns the model.

    `w ~ N(0, 2 / (fan_in + fan_out))`, where a convolution's fans count its kernel's positions;
    biases are zero, batch normalisation starts as the identity with fresh statistics.

    Args:
        model: any module; only its layers and batch normalisations are touched.
        generator: the CPU generator that all weights are drawn from, one layer after another.

    Source: Glorot and Bengio 2010, equation 12, in its Gaussian form.
    """
    for layer in layers(model).values():
        nn.init.xavier_normal_(layer.weight, generator=generator)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.reset_parameters()
    return model
