"""Activations and normalisations by name, and the layers that they follow."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from torch import nn

from surfeit.core import unknown
from surfeit.models.blank import blank
from surfeit.models.blocks import Absolute, Maxout, ShiftNoise

Activation = Literal[
    "relu", "leaky-relu", "prelu", "absolute", "maxout", "sigmoid", "tanh", "radial", "none"
]
Normalisation = Literal["batch", "layer", "noisy-batch"]
Part = tuple[str, nn.Module]

MAXOUT_PIECES = 2
_MADE: Mapping[str, Callable[[int], nn.Module]] = {
    "relu": lambda units: nn.ReLU(),
    "leaky-relu": lambda units: nn.LeakyReLU(),
    "prelu": nn.PReLU,
    "absolute": lambda units: Absolute(),
    "maxout": lambda units: Maxout(MAXOUT_PIECES),
    "sigmoid": lambda units: nn.Sigmoid(),
    "tanh": lambda units: nn.Tanh(),
}
ACTIVATIONS = (*_MADE, "radial", "none")
"""What hidden units may be: `radial` is a layer of its own kind, `none` leaves them linear."""
NORMALISATIONS = ("batch", "layer", "noisy-batch")
"""What may stand between a layer and its activation."""


def check_kinds(*, activation: str = "relu", normalise: str | None = None) -> None:
    """Says so if there is no activation or no normalisation of a name.

    Raises:
        ValueError: suggesting the nearest.
    """
    if activation not in ACTIVATIONS:
        raise unknown("activation", activation, ACTIVATIONS)
    if normalise is not None and normalise not in NORMALISATIONS:
        raise unknown("normalisation", str(normalise), NORMALISATIONS)


def activated(activation: str, units: int, number: int) -> Iterator[Part]:
    """The activation of so many units, called after its kind and number; none for `none`."""
    if activation in _MADE:
        yield f"{activation.replace('-', '_')}{number}", _MADE[activation](units)


def normalised(normalise: str | None, units: int, number: int, *, axes: int) -> Iterator[Part]:
    """The normalisation of so many units: `bn1`, `ln1`, or `bn1` with the noise `noise1`.

    A layer normalisation of images is over channels and positions, `GroupNorm(1, channels)`, with
    a scale and a shift a channel.

    Args:
        normalise: its name, or None for none.
        units: of the layer before it.
        number: in its name.
        axes: of positions: 0 for vectors, 2 for images.
    """
    if normalise in ("batch", "noisy-batch"):
        yield f"bn{number}", (nn.BatchNorm2d if axes else nn.BatchNorm1d)(units)
    if normalise == "noisy-batch":
        yield f"noise{number}", ShiftNoise()
    if normalise == "layer":
        yield f"ln{number}", nn.GroupNorm(1, units) if axes else nn.LayerNorm(units)


def convolution(
    channels: int, filters: int, size: int = 3, *, stride: int = 1, bias: bool = True
) -> nn.Conv2d:
    """A convolution whose output is as large as its input, up to the stride."""
    options: dict[str, Any] = {"padding": size // 2, "stride": stride, "bias": bias}
    return blank(nn.Conv2d, channels, filters, size, **options)
