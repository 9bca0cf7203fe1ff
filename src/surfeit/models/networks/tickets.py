"""The convolutional networks of the report and of the lottery tickets."""

from collections import OrderedDict

import torch
from torch import nn

from surfeit.models.blank import blank
from surfeit.models.networks.building import Shape, check_images, finish
from surfeit.models.networks.parts import convolution


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
    check_images(dense, input_shape, classes)
    channels, height, width = input_shape
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    number = 0
    for block, filters in enumerate(blocks, start=1):
        for out in filters:
            number += 1
            parts[f"conv{number}"] = convolution(channels, out)
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
    inputs = channels * height * width
    for layer, units in enumerate(dense, start=1):
        parts[f"fc{layer}"] = blank(nn.Linear, inputs, units)
        parts[f"relu{number + layer}"] = nn.ReLU()
        inputs = units
    parts[f"fc{len(dense) + 1}"] = blank(nn.Linear, inputs, classes)
    return finish(parts, generator)
