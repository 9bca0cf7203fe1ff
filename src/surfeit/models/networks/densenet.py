"""Densely connected networks for small images."""

from collections import OrderedDict

import torch
from torch import nn

from surfeit.models.blank import blank
from surfeit.models.blocks import Concatenated
from surfeit.models.networks.building import Shape, check_depth, check_images, finish
from surfeit.models.networks.parts import convolution

_FIRST = 16  # filters of the first convolution
_BLOCKS = 3


def densenet(
    depth: int,
    growth: int,
    *,
    input_shape: Shape = (3, 32, 32),
    classes: int = 10,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """DenseNet for small images: 1.0M parameters at depth 40 and growth 12.

    A convolution, three blocks of (depth - 4) / 3 layers (normalisation, ReLU, convolution) whose
    `growth` filters stand beside all that came before, transitions in between that halve the
    images, an average over all positions, and the classes. Neither bottlenecks nor compression.

    Args:
        depth: layers with weights on the longest way: 3 n + 4, such as 22, 40 or 100.
        growth: filters that each layer adds.
        input_shape, classes, generator: as in `mlp`.

    Raises:
        ValueError: if the depth is of another form or above 10,000, a width, a side or the number
            of classes is not positive, or the inputs are no images.

    Source: Huang, Liu, van der Maaten and Weinberger 2017, section 3 and table 2.
    """
    check_depth(depth, least=7, form="3 n + 4, such as 22, 40 or 100", fits=depth % 3 == 1)
    check_images([growth], input_shape, classes)
    channels = _FIRST
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    parts["conv1"] = convolution(input_shape[0], channels, bias=False)
    number = 0
    for block in range(1, _BLOCKS + 1):
        for _ in range((depth - 4) // _BLOCKS):
            number += 1
            parts[f"layer{number}"] = Concatenated(_preactivated(channels, growth, 3))
            channels += growth
        if block < _BLOCKS:
            parts[f"transition{block}"] = _preactivated(channels, channels, 1)
            parts[f"pool{block}"] = nn.AvgPool2d(2, ceil_mode=True)
    parts["bn1"], parts["relu1"] = nn.BatchNorm2d(channels), nn.ReLU()
    parts["average"], parts["flatten"] = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    parts["fc1"] = blank(nn.Linear, channels, classes)
    return finish(parts, generator)


def _preactivated(channels: int, filters: int, size: int) -> nn.Sequential:
    conv = convolution(channels, filters, size, bias=False)
    return nn.Sequential(OrderedDict(bn=nn.BatchNorm2d(channels), relu=nn.ReLU(), conv=conv))
