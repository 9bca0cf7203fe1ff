"""Residual networks of the form for CIFAR, and the plain ones beside them."""

from collections import OrderedDict
from collections.abc import Iterator

import torch
from torch import nn

from surfeit.models.blank import blank
from surfeit.models.blocks import Residual
from surfeit.models.networks.building import Shape, check_depth, check_images, finish
from surfeit.models.networks.parts import (
    Normalisation,
    Part,
    check_kinds,
    convolution,
    normalised,
)

_STAGES = (16, 32, 64)


def resnet(
    depth: int,
    width: int = 1,
    *,
    shortcuts: bool = True,
    normalise: Normalisation | None = "batch",
    input_shape: Shape = (3, 32, 32),
    classes: int = 10,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """A residual network for small images: 0.27M parameters at depth 20, 0.85M at 56, 1.7M at 110.

    A convolution, three stages of (depth - 2) / 6 blocks of two convolutions with 16, 32, 64 times
    `width` filters, an average over all positions, and the classes. Where a stage begins, the
    shortcut takes every other position and puts zeros behind the channels (the paper's option A):
    no shortcut has parameters, so that the plain network of the same depth has the very same
    weights, drawn in the same order. Convolutions have biases only without normalisation.

    Args:
        depth: layers with weights on the longest way: 6 n + 2, such as 20, 32, 44, 56, 110.
        width: times the paper's filters.
        shortcuts: without them it is the plain network.
        normalise: behind each convolution.
        input_shape, classes, generator: as in `mlp`.

    Raises:
        ValueError: if the depth is of another form or above 10,000, a width, a side or the number
            of classes is not positive, the inputs are no images, or there is no normalisation of
            this name.

    Source: He, Zhang, Ren and Sun 2016, "Deep residual learning for image recognition", section
    4.2 and table 6.
    """
    form = "6 n + 2, such as 20, 32, 44, 56 or 110 (or 18: resnet18)"
    check_depth(depth, least=8, form=form, fits=depth % 6 == 2)
    check_images([width], input_shape, classes)
    check_kinds(normalise=normalise)
    channels = width * _STAGES[0]
    parts = OrderedDict(_convolved(1, input_shape[0], channels, 1, normalise))
    parts["relu1"] = nn.ReLU()
    number = 0
    for stage, filters in enumerate(_STAGES):
        for place in range((depth - 2) // 6):
            number += 1
            stride = 2 if stage and not place else 1
            body = _body(channels, width * filters, stride, normalise)
            block = Residual(body, _shortcut(channels, width * filters, stride))
            parts[f"block{number}"] = block if shortcuts else body
            parts[f"relu{number + 1}"] = nn.ReLU()
            channels = width * filters
    parts["average"], parts["flatten"] = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    parts["fc1"] = blank(nn.Linear, channels, classes)
    return finish(parts, generator)


def _body(channels: int, filters: int, stride: int, normalise: str | None) -> nn.Sequential:
    parts = OrderedDict(_convolved(1, channels, filters, stride, normalise))
    parts["relu1"] = nn.ReLU()
    parts.update(_convolved(2, filters, filters, 1, normalise))
    return nn.Sequential(parts)


def _convolved(
    number: int, channels: int, filters: int, stride: int, normalise: str | None
) -> Iterator[Part]:
    yield (
        f"conv{number}",
        convolution(channels, filters, stride=stride, bias=normalise is None),
    )
    yield from normalised(normalise, filters, number, axes=2)


def _shortcut(channels: int, filters: int, stride: int) -> nn.Module:
    if stride == 1:
        return nn.Identity()
    pad = nn.ZeroPad3d((0, 0, 0, 0, 0, filters - channels))
    return nn.Sequential(OrderedDict(subsample=nn.AvgPool2d(1, stride), pad=pad))
