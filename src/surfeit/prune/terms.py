"""What one unit adds to the next layer's pre-activations: the term that its removal takes away."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.conv import _ConvNd

from surfeit.core import Layer

# add_(Z, block, k): puts the k-th unit of an order back into Z, in place; `block` [n, ...] is the
# unit's output less what stands in its place while it is removed.
AddUnit = Callable[[Tensor, Tensor, int], None]


def unit_blocks(
    features: Float[Tensor, "n features *positions"], units: int, order: Tensor
) -> Float[Tensor, "removals n ..."]:
    """The outputs of the units in `order`, one block each, side by side in memory.

    A block is [n, size] behind a Linear layer or a Flatten, which puts a channel's positions side
    by side, and [n, 1, *positions] where channels are still apart.
    """
    if features.dim() > 2:
        return features[:, order].transpose(0, 1).unsqueeze(2).contiguous()
    return features.unflatten(1, (units, -1))[:, order].transpose(0, 1).contiguous()


def adder(following: Layer | None, units: int, order: Tensor) -> AddUnit:
    """How the units of `order` are put back into what the next layer computes.

    With `D_i` the unit's output less its replacement and `W` the next layer's weights, a Linear
    layer gains `Z += D_i W_iᵀ` (rank one, or the number of positions behind a Flatten), a
    convolution `Z += D_i * W_i` (one input channel), the model's output the unit itself.
    """
    if following is None:
        return _output_adder(units, order)
    if isinstance(following, nn.Linear):
        return _linear_adder(following, units, order)
    return _convolution_adder(following, units, order)


def _output_adder(units: int, order: Tensor) -> AddUnit:
    places = order.tolist()

    def add_(Z: Tensor, block: Tensor, k: int) -> None:
        Z.unflatten(1, (units, -1))[:, places[k]] += block

    return add_


def _linear_adder(following: nn.Linear, units: int, order: Tensor) -> AddUnit:
    columns = following.weight.unflatten(1, (units, -1))[:, order]
    columns = columns.permute(1, 2, 0).contiguous()  # [removals, size, outputs]

    def add_(Z: Tensor, block: Tensor, k: int) -> None:
        if block.shape[1] == 1:
            Z.addcmul_(block, columns[k])  # a product of width one is slower than a broadcast
        else:
            Z.addmm_(block, columns[k])

    return add_


def _convolution_adder(following: _ConvNd, units: int, order: Tensor) -> AddUnit:
    kernels = _dense_kernel(following)[:, order].transpose(0, 1).unsqueeze(2).contiguous()
    options = ("kernel_size", "stride", "padding", "dilation", "padding_mode")
    one_channel = type(following)(
        1,
        following.out_channels,
        bias=False,
        device=kernels.device,
        dtype=kernels.dtype,
        **{option: getattr(following, option) for option in options},
    )

    def add_(Z: Tensor, block: Tensor, k: int) -> None:
        Z += functional_call(one_channel, {"weight": kernels[k]}, (block,))

    return add_


def _dense_kernel(following: _ConvNd) -> Tensor:
    """The kernel [outputs, inputs, ...] of the same convolution in one group."""
    weight, groups = following.weight, following.groups
    if groups == 1:
        return weight
    outputs, inputs = len(weight) // groups, weight.shape[1]
    dense = torch.zeros(len(weight), inputs * groups, *weight.shape[2:]).to(weight)
    for group in range(groups):
        rows = slice(group * outputs, (group + 1) * outputs)
        dense[rows, group * inputs : (group + 1) * inputs] = weight[rows]
    return dense
