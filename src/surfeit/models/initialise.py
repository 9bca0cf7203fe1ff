"""Initial weights: the laws that they are drawn from, as values."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from surfeit.core import unknown
from surfeit.models.blocks import RadialBasis

Kind = Literal[
    "glorot-normal", "glorot-uniform", "he-normal", "he-uniform", "normal", "orthogonal"
]
INITIALS: tuple[str, ...] = get_args(Kind)
"""The laws by name."""

_NORMALISATIONS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


@dataclass(frozen=True)
class Initial:
    """A law that a network's first weights are drawn from, as a value.

    >>> train(drawn_as(mlp_100, Initial("he-normal")), data, recipe)
    >>> Initial("normal", 0.01)  # a constant standard deviation

    Args:
        kind: `glorot-normal` or `-uniform`: of variance `2 / (fan_in + fan_out)`; `he-normal` or
            `-uniform`: `2 / fan_in`; `normal`: 1, whatever the layer; `orthogonal`: rows or, where
            there are more units than inputs, columns of the weight matrix that are orthonormal.
        scale: what the weights are multiplied by, > 0; of `normal` the standard deviation.

    Raises:
        ValueError: if there is no law of this name (the nearest are suggested), or the scale is
            not a positive number.

    Source: Glorot and Bengio 2010, equations 12 and 16; He, Zhang, Ren and Sun 2015, equation 10;
    Saxe, McClelland and Ganguli 2014 (orthogonal).
    """

    kind: Kind = "glorot-normal"
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in INITIALS:
            raise unknown("law of initial weights", str(self.kind), INITIALS)
        number = isinstance(self.scale, int | float) and not isinstance(self.scale, bool)
        if not number or not 0 < self.scale < math.inf:
            raise ValueError(f"the scale of initial weights must be above 0, got {self.scale!r}")
        object.__setattr__(self, "scale", float(self.scale))

    def in_key(self) -> str:
        """What keys say of the law: its name, and its scale where that is not 1."""
        return self.kind if self.scale == 1 else f"{self.kind} * {self.scale!r}"

    @staticmethod
    def from_key(text: str) -> "Initial | None":
        """The law that `in_key` wrote; None for anything else, such as weights' digest."""
        kind, _, scale = text.partition(" * ")
        if kind not in INITIALS:
            return None
        return Initial(kind, float(scale or 1))  # pyright: ignore[reportArgumentType]

    @property
    def words(self) -> str:
        """The law in words."""
        return self.kind if self.scale == 1 else f"{self.kind}-x{self.scale:g}"


def initialise_(
    model: nn.Module, generator: torch.Generator, initial: Initial | None = None
) -> nn.Module:
    """Draws the weights of linear layers and convolutions anew, in the order of the model.

    `w ~ N(0, 2 / (fan_in + fan_out))` unless another law is given, where a convolution's fans count
    its kernel's positions; biases are zero, normalisations start as the identity with fresh
    statistics. Centres of radial basis units are of a law of their own, see `RadialBasis`. Layers of
    other kinds (recurrent ones, attention's queries, keys and values, embeddings) keep the numbers
    that they were built with, and so does a weight that others are computed into.

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
