"""What one unit adds to its reader's pre-activations: the term that its removal takes away."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int64
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from surfeit.prune.removal import Site

_CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}

# add_(Z, k): puts the k-th unit of an order back into Z, in place.
AddUnit = Callable[[Tensor, int], None]


@dataclass(frozen=True, eq=False)
class Linear:
    """A reader that is linear in the units that it reads: a Linear layer or a convolution.

    Args:
        module: the reader.
        site: where it reads them.
        positions: int64 [units, size], where each unit lies along the site's axis: as many
            positions for each.
    """

    module: nn.Linear | _ConvNd
    site: Site
    positions: Int64[Tensor, "units size"]

    @staticmethod
    def of(module: nn.Module, site: Site, units: int) -> "Linear | None":
        """The reader, if it is one: it contracts the units' axis, and each lies as often there."""
        if not isinstance(module, nn.Linear | _ConvNd) or isinstance(module, _ConvTransposeNd):
            return None
        # A subclass may compute something else than its type says.
        if not type(module).forward.__module__.startswith("torch.nn.") or site.outside is not None:
            return None
        axis = -1 if isinstance(module, nn.Linear) else -len(module.kernel_size) - 1
        here = site.units >= 0
        order = torch.argsort(site.units[here], stable=True)
        counts = torch.bincount(site.units[here], minlength=units)
        if site.axis != axis or bool((counts != counts[0]).any()) or not int(counts[0]):
            return None
        positions = here.nonzero().flatten()[order].view(units, int(counts[0]))
        return Linear(module, site, positions)

    def reads(self) -> Bool[Tensor, " units"]:
        """Which units it weighs with anything but exactly zero."""
        if isinstance(self.module, nn.Linear):
            weight = self.module.weight
        else:
            weight = _dense_kernel(self.module)
        read = (weight != 0).transpose(0, 1).flatten(1).any(1)  # of NaN, too
        return read[self.positions.to(read.device)].any(1).cpu()

    def without(self, features: Tensor, instead: Tensor | None, order: Tensor) -> Tensor:
        """The reader's pre-activations once all units of the order are removed."""
        index = self.positions[order].flatten().to(features.device)
        axis = self.site.axis
        if instead is None:
            reduced = features.index_fill(axis, index, 0.0)
        else:
            reduced = features.index_copy(axis, index, instead.index_select(axis, index))
        # The layer's own function: a hook on it runs where the network calls it.
        return type(self.module).forward(self.module, reduced)  # pyright: ignore[reportArgumentType]

    def adder(self, features: Tensor, instead: Tensor | None, order: Tensor) -> AddUnit:
        """How the units of `order` are put back into what the reader computes.

        With `D_i` the unit's output less its replacement and `W` the reader's weights, a Linear
        layer gains `Z += D_i W_iᵀ` (of rank one, or of the positions behind a Flatten), a
        convolution `Z += D_i * W_i` (its own input channels alone).
        """
        index = self.positions[order].to(features.device)
        if isinstance(self.module, nn.Linear):
            return _linear_adder(self.module, _blocks(features, instead, index, -1), index)
        blocks = _blocks(features, instead, index, self.site.axis)
        return _convolution_adder(self.module, blocks, index)


def _blocks(features: Tensor, instead: Tensor | None, index: Tensor, axis: int) -> Tensor:
    """The units' outputs less what stands in their place, side by side in memory: [removals, ...].

    [removals, rows, size] for a linear reader, [removals, n, size, ...] for a convolution.
    """
    if axis == -1:
        features = features.flatten(0, -2)
        instead = None if instead is None else instead.flatten(0, -2)
    at = features.dim() + axis
    own = features.index_select(at, index.flatten())
    if instead is not None:
        own = own - instead.index_select(at, index.flatten())
    return own.unflatten(at, index.shape).movedim(at, 0).contiguous()


def _linear_adder(reader: nn.Linear, blocks: Tensor, index: Tensor) -> AddUnit:
    # [removals, size, outputs]
    columns = reader.weight[:, index.flatten()].unflatten(1, index.shape)
    columns = columns.permute(1, 2, 0).contiguous()

    def add_(Z: Tensor, k: int) -> None:
        rows = Z.view(-1, Z.shape[-1])
        if blocks.shape[2] == 1:
            rows.addcmul_(blocks[k], columns[k])  # a product of width one is slower than this
        else:
            rows.addmm_(blocks[k], columns[k])

    return add_


def _convolution_adder(reader: _ConvNd, blocks: Tensor, index: Tensor) -> AddUnit:
    kernels = _dense_kernel(reader)[:, index.flatten()].unflatten(1, index.shape)
    kernels = kernels.transpose(0, 1).contiguous()
    options = ("kernel_size", "stride", "padding", "dilation", "padding_mode")
    alone = _CONVOLUTIONS[len(reader.kernel_size)](
        index.shape[1],
        reader.out_channels,
        bias=False,
        device=kernels.device,
        dtype=kernels.dtype,
        **{option: getattr(reader, option) for option in options},
    )

    def add_(Z: Tensor, k: int) -> None:
        Z += functional_call(alone, {"weight": kernels[k]}, (blocks[k],))

    return add_


def _dense_kernel(reader: _ConvNd) -> Tensor:
    """The kernel [outputs, inputs, ...] of the same convolution in one group."""
    weight, groups = reader.weight, reader.groups
    if groups == 1:
        return weight
    outputs, inputs = len(weight) // groups, weight.shape[1]
    dense = torch.zeros(len(weight), inputs * groups, *weight.shape[2:]).to(weight)
    for group in range(groups):
        rows = slice(group * outputs, (group + 1) * outputs)
        dense[rows, group * inputs : (group + 1) * inputs] = weight[rows]
    return dense
