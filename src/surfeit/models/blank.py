"""Layers whose values are drawn afterwards, once."""

from math import prod
from typing import Any, TypeVar

import torch
from torch import nn

_MOST = 2**55  # beyond it torch's own arithmetic of sizes overflows
_Layer = TypeVar("_Layer", bound=nn.Module)


def blank(kind: type[_Layer], *arguments: int, **options: Any) -> _Layer:
    """A layer without values on the CPU: what they are is left to who draws them.

    `torch.nn.utils.skip_init` does the same, but imports sympy for it: half a second of every
    training's start.

    Args:
        kind: of layers that hold nothing but their own parameters, such as `Linear` and `ConvNd`.
        arguments, options: the layer's, without `device`.

    Raises:
        MemoryError: if no machine holds so many weights.
    """
    if prod(arguments) > _MOST:
        raise MemoryError(f"a {kind.__name__} of {' x '.join(map(str, arguments))} weights")
    layer = kind(*arguments, device="meta", **options)
    for name, held in list(layer.named_parameters(recurse=False)):
        values = torch.empty(held.shape, dtype=held.dtype, device="cpu")
        setattr(layer, name, nn.Parameter(values, held.requires_grad))
    return layer
