"""Fully connected networks."""

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import nn

from surfeit.models.blank import blank
from surfeit.models.blocks import RadialBasis
from surfeit.models.networks.building import Shape, check, check_depth, finish
from surfeit.models.networks.parts import (
    MAXOUT_PIECES,
    Activation,
    Normalisation,
    Part,
    activated,
    check_kinds,
    normalised,
)


def mlp(
    widths: Sequence[int],
    *,
    activation: Activation = "relu",
    normalise: Normalisation | None = None,
    dropout: float = 0.0,
    input_dropout: float = 0.0,
    input_shape: Shape = (1, 28, 28),
    classes: int = 10,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Fully connected layers `fc1`, `fc2`, ... of the given widths with ReLU, then the classes.

    A hidden layer is followed by its normalisation (`bn1`, `ln1`), its activation (`relu1`) and
    its dropout (`dropout1`). Hidden layers of radial basis units are called `radial1`, ...

    Args:
        widths: units of each hidden layer; empty for a linear classifier.
        activation: of hidden units. Maxout units are each the larger of two linear ones.
        normalise: what stands between a hidden layer and its activation: a batch normalisation,
            the same with `ShiftNoise` behind it, or a layer normalisation.
        dropout: the share of hidden units that is dropped in a step, in [0, 1).
        input_dropout: the share of inputs that is dropped, in [0, 1).
        input_shape: of one input; it is flattened.
        classes: number of outputs, at least 1: classes, or the numbers of a regression.
        generator: draws the initial weights.

    Raises:
        ValueError: if a width, a side or the number of classes is not positive, there is no
            activation or normalisation of this name, a share is out of range, or radial units are
            to be normalised, which have nothing between a layer and its activation.
    """
    check(widths, input_shape, classes)
    check_kinds(activation=activation, normalise=normalise)
    _check_options(activation, normalise, dropout=dropout, input_dropout=input_dropout)
    parts: OrderedDict[str, nn.Module] = OrderedDict([("flatten", nn.Flatten())])
    if input_dropout:
        parts["dropout0"] = nn.Dropout(input_dropout)
    sizes = [math.prod(input_shape), *widths]
    for number, (inputs, units) in enumerate(pairwise(sizes), start=1):
        parts.update(_hidden(number, inputs, units, activation, normalise))
        if dropout:
            parts[f"dropout{number}"] = nn.Dropout(dropout)
    parts[f"fc{len(sizes)}"] = blank(nn.Linear, sizes[-1], classes)
    return finish(parts, generator)


def lenet_300_100(
    *,
    input_shape: Shape = (1, 28, 28),
    classes: int = 10,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """LeNet-300-100: 266,200 weights on 28 x 28 images.

    Source: LeCun et al. 1998; as in Frankle and Carbin 2019, figure 2. Arguments as in `mlp`.
    """
    return mlp((300, 100), input_shape=input_shape, classes=classes, generator=generator)


def chain(
    depth: int,
    width: int,
    *,
    activation: Activation = "relu",
    normalise: Normalisation | None = None,
    input_shape: Shape = (1, 28, 28),
    classes: int = 10,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """A deep plain chain: `mlp` with so many hidden layers of one width.

    Args:
        depth: hidden layers, at least 1.
        width: of each.
        activation, normalise, input_shape, classes, generator: as in `mlp`.

    Raises:
        ValueError: if the depth is not positive or above 10,000, and as `mlp`.
    """
    check_depth(depth, least=1, form="at least 1")
    return mlp(
        (width,) * depth,
        activation=activation,
        normalise=normalise,
        input_shape=input_shape,
        classes=classes,
        generator=generator,
    )


def _hidden(
    number: int, inputs: int, units: int, activation: str, normalise: str | None
) -> Iterator[Part]:
    if activation == "radial":
        yield f"radial{number}", blank(RadialBasis, inputs, units)
        return
    rows = units * MAXOUT_PIECES if activation == "maxout" else units
    yield f"fc{number}", blank(nn.Linear, inputs, rows)
    yield from normalised(normalise, rows, number, axes=0)
    yield from activated(activation, units, number)


def _check_options(activation: str, normalise: str | None, **shares: float) -> None:
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise ValueError(f"{name} must be in [0, 1), got {share}")
    if activation == "radial" and normalise is not None:
        raise ValueError(
            "radial basis units have nothing between a layer and its activation that could be "
            f"normalised, got normalise={normalise!r}: leave it out"
        )
