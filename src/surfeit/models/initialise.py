"""Initial weights are drawn from a law, Gaussian Glorot by default; biases are zero."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from surfeit.models.blocks import RadialBasis
from surfeit.models.initial import Initial

_NORMALISATIONS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def initialise_(
    model: nn.Module, generator: torch.Generator, initial: Initial | None = None
) -> nn.Module:
    """Draws the weights of linear layers and convolutions anew, in the order of the model.

    `w ~ N(0, 2 / (fan_in + fan_out))` unless another law is given, where a convolution's fans count
    its kernel's positions; biases are zero, normalisations start as the identity with fresh
    statistics. Centres of radial basis units are of a law of their own, see `RadialBasis`. Layers
    of other kinds (recurrent ones, attention's queries, keys and values, embeddings) keep the
    numbers that they were built with, and so does a weight that others are computed into.

    Args:
        model: any module, which is returned.
        generator: the CPU generator that all weights are drawn from, one layer after another.
        initial: the law; `Initial()` by default.

    Source: Glorot and Bengio 2010, equation 12, in its Gaussian form.
    """
    law = initial or Initial()
    for layer in model.modules():
        if isinstance(layer, RadialBasis):
            layer.draw_(generator)
        if not isinstance(layer, nn.Linear | _ConvNd):
            continue
        _LAWS[law.kind](layer, generator, law.scale)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    for module in model.modules():
        if isinstance(module, _NORMALISATIONS):
            module.reset_parameters()
    return model


Layer = nn.Linear | _ConvNd


def fan_in(layer: Layer) -> float:
    """How many weights a unit's output sums: of a transposed convolution on average."""
    if not isinstance(layer, _ConvTransposeNd):
        return math.prod(layer.weight.shape[1:])
    inputs, _, *size = layer.weight.shape
    return inputs // layer.groups * math.prod(size) / math.prod(layer.stride)


@torch.no_grad()
def _he_normal(layer: Layer, generator: torch.Generator, scale: float) -> None:
    deviation = scale * math.sqrt(2 / max(1, fan_in(layer)))  # a layer may read nothing
    layer.weight.normal_(0, deviation, generator=generator)


@torch.no_grad()
def _he_uniform(layer: Layer, generator: torch.Generator, scale: float) -> None:
    largest = scale * math.sqrt(6 / max(1, fan_in(layer)))
    layer.weight.uniform_(-largest, largest, generator=generator)


@torch.no_grad()
def _normal(layer: Layer, generator: torch.Generator, scale: float) -> None:
    layer.weight.normal_(0, scale, generator=generator)


@torch.no_grad()
def _orthogonal(layer: Layer, generator: torch.Generator, scale: float) -> None:
    for matrix in _matrices(layer):
        drawn = torch.empty(matrix.shape, dtype=torch.float32)
        nn.init.orthogonal_(drawn, scale, generator)
        matrix.copy_(drawn)


def _matrices(layer: Layer) -> Iterator[Float[Tensor, "units ..."]]:
    """Views of a layer's weight with a unit a row, one a group: groups read different inputs."""
    groups = layer.groups if isinstance(layer, _ConvNd) else 1
    for rows in layer.weight.chunk(groups):
        yield rows.transpose(0, 1) if isinstance(layer, _ConvTransposeNd) else rows


_LAWS: dict[str, Callable[[Layer, torch.Generator, float], Any]] = {
    "glorot-normal": lambda layer, generator, scale: nn.init.xavier_normal_(
        layer.weight, scale, generator
    ),
    "glorot-uniform": lambda layer, generator, scale: nn.init.xavier_uniform_(
        layer.weight, scale, generator
    ),
    "he-normal": _he_normal,
    "he-uniform": _he_uniform,
    "normal": _normal,
    "orthogonal": _orthogonal,
}
