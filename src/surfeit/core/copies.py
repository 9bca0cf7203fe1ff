"""Copies of a network that compute what it computes: ties and computed weights included."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from surfeit.core.memory import memory_of, share_memory
from surfeit.core.ties import remember, tie_, ties
from surfeit.core.wrappers import unwrapped


def copied(model: nn.Module) -> nn.Module:
    """A deep copy whose parameters are tied as the model's are; the model is only read.

    Of a compiled or parallel network, a copy of what is within (`unwrapped`).

    Tensors that a forward pass has computed and left behind (the weight of
    `torch.nn.utils.prune`, of the old `weight_norm` and `spectral_norm`) are copied as numbers:
    hooks compute them anew in the copy's next pass, where `copy.deepcopy` raises an error.

    Raises:
        ValueError: if an attribute or a buffer is a view of a parameter, which no copy could
            follow, or as `ties`.
    """
    model = unwrapped(model)
    found, numbers = ties(model), {}
    parameters = _by_memory(model)
    for name, value in _kept_tensors(model):
        if name.rpartition(".")[2] != "_flat_weights":  # a recurrent layer's pass renews them
            _check_apart(name, value, parameters.get(memory_of(value), []))
        if value.grad_fn is not None:
            numbers[id(value)] = value.detach().clone()
    # What `copy` finds in its memo it does not copy again.
    return tie_(copy.deepcopy(model, numbers), found)


def skeleton(model: nn.Module) -> nn.Module:
    """The structure alone, on the meta device: every call of it must bring its own tensors.

    Modules that stand at several places and parameters that are tied stay so.

    Raises:
        ValueError: as `copied`.
    """
    found = ties(model)
    result = tie_(copied(model).to("meta"), found)
    remember(result, found)
    return result


def converted_(model: nn.Module, target: torch.dtype | torch.device | str) -> nn.Module:
    """`model.to(target)` with its ties kept, which PyTorch loosens; the model is returned."""
    found = ties(model)
    return tie_(model.to(target), found)


def _by_memory(model: nn.Module) -> dict[int | None, list[tuple[str, Tensor]]]:
    found: dict[int | None, list[tuple[str, Tensor]]] = {}
    for name, value in model.named_parameters():
        found.setdefault(memory_of(value), []).append((name, value))
    return found


def _check_apart(name: str, value: Tensor, parameters: Iterable[tuple[str, Tensor]]) -> None:
    for parameter, own in parameters:
        if share_memory(value, own):
            raise ValueError(
                f"{name} is a view of the parameter {parameter} without being one, so that no copy "
                "of the network can follow it: compute it in forward, or make it an nn.Parameter "
                "over the same memory, which ties the two"
            )


def _kept_tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """All tensors that modules hold beside their parameters, by name."""
    for path, module in model.named_modules():
        own = {key: value for key, value in vars(module).items() if key not in _REGISTERED}
        for key, value in {**module._buffers, **own}.items():
            for tensor in _tensors_in(value):
                if not isinstance(tensor, nn.Parameter):
                    yield (f"{path}.{key}" if path else key), tensor


_REGISTERED = frozenset({"_parameters", "_buffers", "_modules"})


def _tensors_in(value: Any) -> Iterable[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in _tensors_in(item)]
    return []
