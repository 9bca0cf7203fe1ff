"""The library's networks, a family a file: each a plain `nn.Sequential` with readable layer names.

Every builder takes `input_shape`, `classes` (how many outputs) and a `generator`; without a
generator the weights are those of seed 0. Fully connected networks take inputs of any shape,
convolutional ones images (channels, height, width); pools round sizes up: none is too small.
Layers are made blank: all their values are drawn once, by `initialise_`, and nothing is
taken from torch's global generator.
"""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.models.networks.building import Builder, Shape
    from surfeit.models.networks.conv5 import conv5
    from surfeit.models.networks.dense import chain, lenet_300_100, mlp
    from surfeit.models.networks.densenet import densenet
    from surfeit.models.networks.parts import ACTIVATIONS, NORMALISATIONS
    from surfeit.models.networks.resnet import resnet
    from surfeit.models.networks.resnet18 import resnet18
    from surfeit.models.networks.tickets import conv_2, conv_4, conv_6, vgg19_bn
    from surfeit.models.networks.vgg import vgg

__all__ = [
    "ACTIVATIONS",
    "NORMALISATIONS",
    "Builder",
    "Shape",
    "chain",
    "conv5",
    "conv_2",
    "conv_4",
    "conv_6",
    "densenet",
    "lenet_300_100",
    "mlp",
    "resnet",
    "resnet18",
    "vgg",
    "vgg19_bn",
]

lazy_front(__name__)
