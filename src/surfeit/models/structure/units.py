"""Where units lie in what a module gives: which unit each element of its outputs belongs to."""

from collections.abc import Iterator

import torch
from jaxtyping import Int, Int64
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.rnn import RNNBase, RNNCellBase

from surfeit.models.structure.calls import Call
from surfeit.models.structure.layers import Layer

# By layer's name, for each output of a call: the unit of each element, broadcast to its shape, -1
# where there is none; None where an output holds no units of the layer.
Places = dict[str, list[Int[Tensor, "..."] | None]]


def places(module: nn.Module, call: Call) -> Places:
    """Where the units of a module's layers lie in one call's outputs.

    Args:
        module: a layer's module.
        call: one call of it.

    Returns:
        by the layer's name; empty for what has no units of its own at the output: queries, keys
        and values of attention, recurrent layers whose state is projected.
    """
    if isinstance(module, RNNBase):
        return _recurrent(module, call)
    if isinstance(module, RNNCellBase):
        codes = torch.arange(module.hidden_size, dtype=torch.int32)
        return {call.name: [codes] * len(call.outputs)}
    if isinstance(module, nn.MultiheadAttention):
        name = f"{call.name}.out_proj" if call.name else "out_proj"
        codes = torch.arange(module.embed_dim, dtype=torch.int32)
        return {name: [codes, *[None] * (len(call.outputs) - 1)]}
    if len(call.outputs) != 1:  # a subclass that gives more than its type does
        return {}
    output, axis = call.outputs[0], output_axis(module)
    units = _units(module)
    if output.dim() < -axis or output.shape[axis] != units:
        return {}
    codes = torch.arange(units, dtype=torch.int32)
    return {call.name: [codes.view(-1, *[1] * (-axis - 1))]}


def output_axis(module: nn.Module) -> int:
    """The axis of the units in a module's output, counted from the end."""
    return -(len(module.kernel_size) + 1) if isinstance(module, _ConvNd) else -1


def input_axis(module: nn.Module) -> int:
    """The axis that a module contracts, or normalises over, counted from the end."""
    if isinstance(module, nn.GroupNorm) or "BatchNorm" in type(module).__name__:
        return 1
    return output_axis(module)


def _units(module: nn.Module) -> int:
    for name in ("out_features", "out_channels", "embedding_dim", "units"):
        if hasattr(module, name):
            return int(getattr(module, name))
    return 0


def _recurrent(module: RNNBase, call: Call) -> Places:
    if module.proj_size:
        return {}
    size, directions = module.hidden_size, 2 if module.bidirectional else 1
    found: Places = {}
    for level in range(module.num_layers):
        for direction in range(directions):
            name = _level_name(module, call.name, level, direction)
            last = level == module.num_layers - 1
            found[name] = list(_levels(module, call, level * directions + direction, size, last))
    return found


def _levels(
    module: RNNBase, call: Call, row: int, size: int, last: bool
) -> Iterator[Tensor | None]:
    """Of the sequence of outputs, and of the last states, which lie level by level."""
    directions = 2 if module.bidirectional else 1
    sequence = torch.full((directions * size,), -1, dtype=torch.int32)
    if last:
        first = row % directions * size
        sequence[first : first + size] = torch.arange(size, dtype=torch.int32)
    states = 2 if isinstance(module, nn.LSTM) else 1
    rows = directions * module.num_layers
    state = torch.full((rows, size), -1, dtype=torch.int32)
    state[row] = torch.arange(size, dtype=torch.int32)
    yield sequence if last else None
    # A packed sequence has its lengths and orders between the outputs and the states.
    for _ in range(len(call.outputs) - 1 - states):
        yield None
    for output in call.outputs[-states:]:
        yield state if output.dim() == 2 else state.unsqueeze(1)


def _level_name(module: RNNBase, name: str, level: int, direction: int) -> str:
    if module.num_layers == 1 and not module.bidirectional:
        return name
    suffix = f"l{level}{'_reverse' if direction else ''}"
    return f"{name}.{suffix}" if name else suffix


def left(module: nn.Module, layer: Layer) -> tuple[int, Int64[Tensor, " positions"]]:
    """The axis, counted from the end, and the units along it of what a layer's module gives first.

    Raises:
        ValueError: if units of the layer lie nowhere there, as those of attention's queries and of
            the lower levels of a recurrent module.
    """
    apart = f"units of {layer.label} leave {type(module).__name__} nowhere apart"
    if isinstance(module, RNNBase):
        directions = 2 if module.bidirectional else 1
        units = torch.full((directions * module.hidden_size,), -1)
        last = layer.name == layer.module or f"l{module.num_layers - 1}" in layer.name
        if not last or module.proj_size:
            raise ValueError(apart)
        first = module.hidden_size if layer.name.endswith("_reverse") else 0
        units[first : first + module.hidden_size] = torch.arange(module.hidden_size)
        return -1, units
    if layer.kind == "attention":
        raise ValueError(apart)
    return output_axis(module), torch.arange(layer.units)
