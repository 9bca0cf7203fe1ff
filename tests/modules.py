"""A network's linear and convolution modules, for tests that look at them directly."""

from torch import nn
from torch.nn.modules.conv import _ConvNd


def layers(model):
    """The modules by dotted name, in the order of registration."""
    found = model.named_modules()
    return {name: part for name, part in found if isinstance(part, nn.Linear | _ConvNd)}
