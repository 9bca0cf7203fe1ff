"""ResNet-18 with pre-activation, as wide as one likes."""

from collections import OrderedDict

import torch
from torch import nn

from surfeit.models.blank import blank
from surfeit.models.blocks import Residual
from surfeit.models.networks.building import Shape, check_images, finish
from surfeit.models.networks.parts import convolution


def resnet18(
    width: int = 64,
    *,
    input_shape: Shape = (3, 32, 32),
    classes: int = 10,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """ResNet-18 with pre-activation, of widths k, 2 k, 4 k, 8 k: 11.2M parameters at k = 64.

    A convolution, four stages of two blocks (normalisation, ReLU, convolution, twice), an average
    over all positions, and the classes. Where a stage begins, the shortcut is a convolution of size
    1 behind the block's first ReLU. There is no normalisation behind the last block, as in the
    code that the source names (and unlike in He, Zhang, Ren and Sun 2016, "Identity mappings").

    Args:
        width: k.
        input_shape, classes, generator: as in `mlp`.

    Raises:
        ValueError: if a width, a side or the number of classes is not positive, or the inputs are
            no images.

    Source: Nakkiran et al. 2019, "Deep double descent", appendix B.1.
    """
    check_images([width], input_shape, classes)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    parts["conv1"] = convolution(input_shape[0], width, bias=False)
    channels = width
    for number in range(1, 9):
        stage, place = divmod(number - 1, 2)
        filters = width * 2**stage
        parts[f"block{number}"] = _block(channels, filters, 2 if stage and not place else 1)
        channels = filters
    parts["average"], parts["flatten"] = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    parts["fc1"] = blank(nn.Linear, channels, classes)
    return finish(parts, generator)


def _block(channels: int, filters: int, stride: int) -> nn.Module:
    before: OrderedDict[str, nn.Module] = OrderedDict(bn1=nn.BatchNorm2d(channels), relu1=nn.ReLU())
    body: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=convolution(channels, filters, stride=stride, bias=False),
        bn2=nn.BatchNorm2d(filters),
        relu2=nn.ReLU(),
        conv2=convolution(filters, filters, bias=False),
    )
    if stride == 1 and channels == filters:
        return Residual(nn.Sequential(before | body))
    projection = convolution(channels, filters, 1, stride=stride, bias=False)
    before["sum"] = Residual(nn.Sequential(body), projection)
    return nn.Sequential(before)
