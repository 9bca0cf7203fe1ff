"""VGG networks for small images."""

from collections import OrderedDict

import torch
from torch import nn

from surfeit.models.blank import blank
from surfeit.models.networks.building import Shape, check_images, finish
from surfeit.models.networks.parts import Normalisation, check_kinds, convolution, normalised

# Convolutions in each block, whose filters are 1, 2, 4, 8 and 8 times the width.
_BLOCKS = {
    9: (2, 2, 3),
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
_TIMES = (1, 2, 4, 8, 8)


def vgg(
    depth: int,
    width: int = 64,
    *,
    normalise: Normalisation | None = None,
    input_shape: Shape = (3, 32, 32),
    classes: int = 10,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Blocks of convolutions with a pool behind each, then hidden layers, then the classes.

    The hidden layers have as many units as the last convolution: two, at depth 9 one.

    Args:
        depth: layers with weights: 11, 13, 16 or 19, or the 9 that loss surfaces were drawn of.
        width: filters of the first block.
        normalise: between each convolution or hidden layer and its ReLU.
        input_shape, classes, generator: as in `mlp`.

    Raises:
        ValueError: if there is none of this depth, a width, a side or the number of classes is not
            positive, the inputs are no images, or there is no normalisation of this name.

    Source: Simonyan and Zisserman 2015, table 1 (A, B, D, E); Li, Xu, Taylor, Studer and Goldstein
    2018, "Visualizing the loss landscape" (9). Hidden layers of 8 widths, not of 4,096 units.
    """
    if depth not in _BLOCKS:
        depths = ", ".join(map(str, _BLOCKS))
        raise ValueError(f"depth must be one of {depths}, got {depth}")
    check_images([width], input_shape, classes)
    check_kinds(normalise=normalise)
    blocks = _BLOCKS[depth]
    inputs, *sides = input_shape
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    number = 0
    for block, (convolutions, times) in enumerate(zip(blocks, _TIMES, strict=False), start=1):
        for _ in range(convolutions):
            number += 1
            parts[f"conv{number}"] = convolution(inputs, times * width)
            parts.update(normalised(normalise, times * width, number, axes=2))
            parts[f"relu{number}"] = nn.ReLU()
            inputs = times * width
        parts[f"pool{block}"] = nn.MaxPool2d(2, ceil_mode=True)
        sides = [-(-side // 2) for side in sides]
    parts["flatten"] = nn.Flatten()
    units, inputs = inputs, inputs * sides[0] * sides[1]
    hidden = depth - number - 1
    for layer in range(1, hidden + 1):
        parts[f"fc{layer}"] = blank(nn.Linear, inputs, units)
        parts.update(normalised(normalise, units, number + layer, axes=0))
        parts[f"relu{number + layer}"] = nn.ReLU()
        inputs = units
    parts[f"fc{hidden + 1}"] = blank(nn.Linear, inputs, classes)
    return finish(parts, generator)
