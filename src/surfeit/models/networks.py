"""The networks of the report: each a plain `nn.Sequential` with readable layer names.

Every builder takes `input_shape`, `classes` (how many outputs) and a `generator`; without a
generator the weights are those of seed 0. Fully connected networks take inputs of any shape,
convolutional ones images (channels, height, width); pools round sizes up: none is too small.
Layers are made blank: all their values are drawn once, by `initialise_`, and nothing is
taken from torch's global generator.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import torch
from torch import nn

from surfeit.core import Streams
from surfeit.models.blank import blank
from surfeit.models.initialise import initialise_

Shape = tuple[int, ...]
"""The shape of one input: (channels, height, width) of an image, (features,) of a vector."""


class Builder(Protocol):
    """A function that builds a network for the shape of a data set's inputs and its outputs."""

    def __call__(
        self,
        *,
        input_shape: Shape = ...,
        classes: int = ...,
        generator: torch.Generator | None = ...,
    ) -> nn.Module: ...


def mlp(
    widths: Sequence[int],
    *,
    input_shape: Shape = (1, 28, 28),
    classes: int = 10,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Fully connected layers `fc1`, `fc2`, ... of the given widths with ReLU, then the classes.

    Args:
        widths: units of each hidden layer; empty for a linear classifier.
        input_shape: of one input; it is flattened.
        classes: number of outputs, at least 1: classes, or the numbers of a regression.
        generator: draws the initial weights.

    Raises:
        ValueError: if a width, a side or the number of classes is not positive.
    """
    _check(widths, input_shape, classes)
    sizes = [math.prod(input_shape), *widths, classes]
    parts = OrderedDict([("flatten", nn.Flatten()), *_dense(sizes)])
    return _finish(parts, generator)


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


def conv_2(
    *,
    input_shape: Shape = (3, 32, 32),
    classes: int = 10,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Conv-2: convolutions 64, 64, pool, then 256, 256. 4,300,992 weights on 32 x 32 x 3 images.

    Source: Frankle and Carbin 2019, figure 2 (a small VGG). Arguments as in `mlp`.
    """
    return _vgg([[64, 64]], input_shape, classes, generator)


def conv_4(
    *,
    input_shape: Shape = (3, 32, 32),
    classes: int = 10,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Conv-4: Conv-2 and convolutions 128, 128, pool. 2,425,024 weights on 32 x 32 x 3 images.

    Source: Frankle and Carbin 2019, figure 2. Arguments as in `mlp`.
    """
    return _vgg([[64, 64], [128, 128]], input_shape, classes, generator)


def conv_6(
    *,
    input_shape: Shape = (3, 32, 32),
    classes: int = 10,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Conv-6: Conv-4 and convolutions 256, 256, pool. 2,261,184 weights on 32 x 32 x 3 images.

    Source: Frankle and Carbin 2019, figure 2 (whose "1.7M" is a slip). Arguments as in `mlp`.
    """
    return _vgg([[64, 64], [128, 128], [256, 256]], input_shape, classes, generator)


def vgg19_bn(
    *,
    input_shape: Shape = (3, 32, 32),
    classes: int = 10,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """VGG19 with batch normalisation after each of its 16 convolutions, then 512, 512.

    20.0M weights in the convolutions. Source: Simonyan and Zisserman 2015, configuration E, with
    the fully connected part of the report. Arguments as in `mlp`.
    """
    blocks = [[64] * 2, [128] * 2, [256] * 4, [512] * 4, [512] * 4]
    return _vgg(blocks, input_shape, classes, generator, dense=(512, 512), normalise=True)


def _vgg(
    blocks: list[list[int]],
    input_shape: Shape,
    classes: int,
    generator: torch.Generator | None,
    *,
    dense: tuple[int, ...] = (256, 256),
    normalise: bool = False,
) -> nn.Sequential:
    _check(dense, input_shape, classes)
    if len(input_shape) != 3:
        raise ValueError(
            "a convolutional network takes images, whose input_shape is (channels, height, width), "
            f"got {tuple(input_shape)}: use mlp(...) for other inputs"
        )
    channels, height, width = input_shape
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    number = 0
    for block, filters in enumerate(blocks, start=1):
        for out in filters:
            number += 1
            parts[f"conv{number}"] = blank(nn.Conv2d, channels, out, 3, padding=1)
            if normalise:
                parts[f"bn{number}"] = nn.BatchNorm2d(out)
            parts[f"relu{number}"] = nn.ReLU()
            channels = out
        parts[f"pool{block}"] = nn.MaxPool2d(2, ceil_mode=True)
        height, width = -(-height // 2), -(-width // 2)
    if normalise:
        parts["average"] = nn.AdaptiveAvgPool2d(1)
        height = width = 1
    parts["flatten"] = nn.Flatten()
    sizes = [channels * height * width, *dense, classes]
    parts.update(_dense(sizes, relu_from=number))
    return _finish(parts, generator)


def _dense(sizes: Sequence[int], relu_from: int = 0) -> list[tuple[str, nn.Module]]:
    parts: list[tuple[str, nn.Module]] = []
    for number, (inputs, units) in enumerate(pairwise(sizes), start=1):
        parts.append((f"fc{number}", blank(nn.Linear, inputs, units)))
        if number < len(sizes) - 1:
            parts.append((f"relu{relu_from + number}", nn.ReLU()))
    return parts


def _finish(parts: OrderedDict[str, nn.Module], generator: torch.Generator | None) -> nn.Sequential:
    model = nn.Sequential(parts)
    initialise_(model, generator or Streams(0).get("init"))
    return model


def _check(widths: Sequence[int], input_shape: Shape, classes: int) -> None:
    if any(width < 1 for width in widths):
        raise ValueError(f"every width must be at least 1, got {tuple(widths)}")
    if not input_shape or min(input_shape) < 1:
        raise ValueError(
            "input_shape must have at least one side, such as (features,) or (channels, height, "
            f"width), each at least 1, got {tuple(input_shape)}"
        )
    if classes < 1:
        raise ValueError(f"classes must be at least 1, got {classes}")
