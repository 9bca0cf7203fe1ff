"""A network is run, and left as it was found."""

import sys
from collections import deque
from collections.abc import Iterator, MutableMapping, MutableSet
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def as_found(model: nn.Module) -> Iterator[None]:
    """Evaluation mode; afterwards modes, weights, buffers, attributes and random states are back.

    What a pass collects outside the network, as a hook may, is out of reach. Compiled parts run as
    they were written meanwhile. Cost: a copy of the network's tensors.
    """
    modes = [(module, module.training) for module in model.modules()]
    attributes = [(module, dict(module.__dict__)) for module in model.modules()]
    contents = [one for _, own in attributes for one in map(_content, own.values()) if one]
    tensors = [*map(_kept, model.parameters()), *map(_kept, model.buffers())]
    model.eval()
    try:
        with torch.random.fork_rng(_cuda_devices(model)), _eager():
            yield
    finally:
        for module, before in attributes:
            module.__dict__.update(before)
            for name in module.__dict__.keys() - before.keys():
                del module.__dict__[name]
        for container, content in contents:
            _refill(container, content)
        for module, training in modes:
            module.training = training
        with torch.no_grad():
            for value, storage, copy in tensors:
                _put_back(value, storage, copy)


def random_states(model: nn.Module) -> list[Tensor]:
    """The states of torch's generators that a model may draw from."""
    devices = _cuda_devices(model)
    return [torch.random.get_rng_state(), *map(torch.cuda.get_rng_state, devices)]


def _content(value: Any) -> tuple[Any, Any] | None:
    """A container, and what is in it: caches, lists of activations, a module's own tables."""
    if isinstance(value, MutableMapping):
        return value, dict(value)
    if isinstance(value, list | deque):
        return value, list(value)
    if isinstance(value, MutableSet):
        return value, set(value)
    return None


def _refill(container: Any, content: Any) -> None:
    if isinstance(content, dict):
        same = list(container) == list(content)
        if not same or any(container[key] is not value for key, value in content.items()):
            container.clear()
            container.update(content)
    elif isinstance(content, set):
        if container != content:
            container.clear()
            container |= content
    elif len(container) != len(content) or any(
        a is not b for a, b in zip(container, content, strict=True)
    ):
        container.clear()
        container.extend(content)


def _kept(value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return value, value.detach(), value.detach().clone()


def _put_back(value: Tensor, storage: Tensor, copy: Tensor) -> None:
    """Writes only where something has changed: a graph that awaits its gradients stays valid."""
    if value.data_ptr() != storage.data_ptr():
        value.data = storage
    if not bool(((storage == copy) | ((storage != storage) & (copy != copy))).all()):
        storage.copy_(copy)


def _eager() -> AbstractContextManager[None]:
    """Nothing is compiled where the compiler was never loaded; to load it takes two seconds."""
    if "torch._dynamo" not in sys.modules:
        return nullcontext()
    return torch.compiler.set_stance("force_eager")


def _cuda_devices(model: nn.Module) -> list[torch.device]:
    return list({value.device for value in model.parameters() if value.is_cuda})
