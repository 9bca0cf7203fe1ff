"""The convolutional network of five layers that double descent was shown on."""

from collections import OrderedDict

import torch
from torch import nn

from surfeit.models.blank import blank
from surfeit.models.networks.building import Shape, check_images, finish
from surfeit.models.networks.parts import convolution

_POOLS = (1, 2, 2, 8)


def conv5(
    width: int,
    *,
    input_shape: Shape = (3, 32, 32),
    classes: int = 10,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Four convolutions of k, 2 k, 4 k, 8 k filters with batch normalisation, then the classes.

    Behind each a ReLU and a maximum over 1, 2, 2, 8 positions a side, so that one position is left
    of an image of 32 x 32.

    Args:
        width: k.
        input_shape, classes, generator: as in `mlp`.

    Raises:
        ValueError: if a width, a side or the number of classes is not positive, or the inputs are
            no images.

    Source: Nakkiran et al. 2019, "Deep double descent", appendix B.1 ("standard CNNs").
    """
    check_images([width], input_shape, classes)
    channels, *sides = input_shape
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for number, pool in enumerate(_POOLS, start=1):
        filters = width * 2 ** (number - 1)
        parts[f"conv{number}"] = convolution(channels, filters)
        parts[f"bn{number}"] = nn.BatchNorm2d(filters)
        parts[f"relu{number}"] = nn.ReLU()
        if pool > 1:
            parts[f"pool{number}"] = nn.MaxPool2d(pool, ceil_mode=True)
        sides = [-(-side // pool) for side in sides]
        channels = filters
    parts["flatten"] = nn.Flatten()
    parts["fc1"] = blank(nn.Linear, channels * sides[0] * sides[1], classes)
    return finish(parts, generator)
