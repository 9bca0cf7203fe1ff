"""Initial weights: Gaussian Glorot, zero biases."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd


def initialise_(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """Draws the weights of linear layers and convolutions anew, in the order of the model.

    `w ~ N(0, 2 / (fan_in + fan_out))`, where a convolution's fans count its kernel's positions;
    biases are zero, batch normalisation starts as the identity with fresh statistics. Layers of
    other kinds (recurrent ones, attention's queries, keys and values, embeddings) keep the numbers
    that they were built with, and so does a weight that others are computed into.

    Args:
        model: any module, which is returned.
        generator: the CPU generator that all weights are drawn from, one layer after another.

    Source: Glorot and Bengio 2010, equation 12, in its Gaussian form.
    """
    for layer in model.modules():
        if not isinstance(layer, nn.Linear | _ConvNd):
            continue
        nn.init.xavier_normal_(layer.weight, generator=generator)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.reset_parameters()
    return model
