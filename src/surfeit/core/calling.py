"""A forward pass of a network with other tensors than its own."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from surfeit.core.ties import Tie, ties
from surfeit.core.wrappers import unwrapped


def call(model: nn.Module, tensors: dict[str, Tensor], *inputs: Any) -> Any:
    """The outputs of a network with these parameters and buffers, at every place they belong to.

    As `torch.func.functional_call`, but that parameters over one memory (`ties`) are one, that a
    skeleton on the meta device will do, that of a compiled or parallel network what is within is
    called, and that a module which stands at several places has its own tensors back afterwards:
    PyTorch leaves the given ones in it.

    Args:
        model: the structure; for a tensor that is not given its own is taken.
        tensors: by name. One of tied parameters stands for all; what the network puts in a
            tensor's place is found in this dict, what it changes in place in the tensor.
        inputs: of its forward.

    Raises:
        ValueError: if two names of one parameter are given different tensors, or as `ties`.

    Cost: that of the pass; of a model that is no `skeleton`, also of `ties`.
    """
    model = unwrapped(model)
    found = ties(model)
    whole = _at_every_place(model, found, tensors) if found else tensors
    outputs = functional_call(model, whole, inputs, tie_weights=False)
    if whole is not tensors:
        tensors.update({name: whole[name] for name in tensors})
    return outputs


def fitting(model: nn.Module, inputs: Tensor) -> Tensor:
    """The inputs as a network takes them: a copy, on its device and, if real, in its precision.

    A copy, since modules may work in place; the precision is that of the first real parameter.
    """
    first = next((value for value in model.parameters() if value.is_floating_point()), None)
    if first is None:
        return inputs.clone()
    dtype = first.dtype if inputs.is_floating_point() else None
    return inputs.to(first.device, dtype, copy=True)


def _at_every_place(
    model: nn.Module, found: dict[str, Tie], tensors: dict[str, Tensor]
) -> dict[str, Tensor]:
    whole = dict(tensors)
    for name, tie in found.items():
        if name not in tensors:
            continue
        if tie.to not in whole:
            shape = dict(model.named_parameters())[tie.to].shape
            whole[tie.to] = tie.inverse(tensors[name], shape)
        elif not same(tie.of(whole[tie.to]), tensors[name]):
            raise ValueError(
                f"{name} and {tie.to} are one parameter of the network, but were given different "
                "tensors: give one of them"
            )
    for name, tie in found.items():
        if tie.to in whole:
            whole[name] = tie.of(whole[tie.to])
    return whole


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are one, or equal to the last bit."""
    return one is other or torch.equal(one, other)
