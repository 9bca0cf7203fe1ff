"""What goes in and out of layers during one forward pass, and a convolution's input as rows."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

Module = nn.Linear | _ConvNd

# Called with a layer's name, input and output; what it returns replaces the output unless None.
See = Callable[[str, Tensor, Tensor], Tensor | None]
# Numbers that the rows of one slice and their products may hold: 128 MB in float32.
_AT_ONCE = 2**25


@contextmanager
def watched(layers: Mapping[str, Module], see: See) -> Iterator[None]:
    """Calls `see` whenever a layer has run, and checks at the end that each ran once.

    Raises:
        ValueError: if a layer ran more than once, or never.
    """
    runs = dict.fromkeys(layers, 0)

    def hook_of(name: str) -> Callable[[nn.Module, Any, Tensor], Tensor | None]:
        def hook(_: nn.Module, inputs: Any, output: Tensor) -> Tensor | None:
            runs[name] += 1
            return see(name, inputs[0], output)

        return hook

    handles = [layer.register_forward_hook(hook_of(name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
    for name, count in runs.items():
        if count != 1:
            often = f"{count} times" if count else "never"
            raise ValueError(
                f"layer {name!r} ran {often} in one forward pass: scores that look at layers' "
                "inputs or outputs need each to run exactly once"
            )


def input_rows(layer: Module, x: Tensor) -> Tensor:
    """What the layer multiplies its weight matrix with: [n, groups, positions, inputs].

    A Linear layer's rows are its inputs themselves, a convolution's its patches (im2col), in the
    order of the flattened filter.
    """
    if isinstance(layer, nn.Linear):
        return x.reshape(len(x), 1, -1, layer.in_features)
    dims = len(layer.kernel_size)
    if x.dim() != dims + 2:
        raise ValueError(
            f"a {type(layer).__name__} reads an example alone, of shape {list(x.shape)}: scores "
            "that look at layers' inputs need them with an axis of examples in front"
        )
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    padding = layer._reversed_padding_repeated_twice
    x = F.pad(x, padding, mode=mode) if any(padding) else x
    for axis in range(dims):
        size, step = layer.kernel_size[axis], layer.dilation[axis]
        x = x.unfold(2 + axis, step * (size - 1) + 1, layer.stride[axis])[..., ::step]
    x = x.unflatten(1, (layer.groups, -1))  # [n, groups, channels, *positions, *kernel]
    order = (0, 1, *range(3, 3 + dims), 2, *range(3 + dims, 3 + 2 * dims))
    return x.permute(order).flatten(2 + dims).flatten(2, 1 + dims)


def output_rows(layer: Module, y: Tensor) -> Tensor:
    """A tensor shaped like the layer's output as [n, groups, positions, units of the group]."""
    if isinstance(layer, nn.Linear):
        return y.reshape(len(y), 1, -1, layer.out_features)
    return y.flatten(2).unflatten(1, (layer.groups, -1)).transpose(2, 3)


def slices(layer: Module, x: Tensor, y: Tensor) -> Iterator[slice]:
    """Few enough examples at a time for their rows and one product a weight to fit in memory."""
    inputs = layer.weight[0].numel()
    groups = layer.groups if isinstance(layer, _ConvNd) else 1
    positions = y[0].numel() // len(layer.weight)
    size = max(1, _AT_ONCE // (groups * positions * inputs + layer.weight.numel()))
    for start in range(0, len(x), size):
        yield slice(start, start + size)
