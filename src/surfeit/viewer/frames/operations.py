"""How many operations the modules of a network take, and the removal of a unit."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from surfeit.core import Split, fast_path_off
from surfeit.prune import Removal
from surfeit.viewer.timelines.networks import Network

_LINEAR = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def operations(model: nn.Module, inputs: Any) -> dict[str, int]:
    """The floating-point operations of each module in one pass, with those of the modules within.

    A multiplication and its addition count as two, of matrix products, convolutions and attention
    alone; encoder layers count as they are when their parts are measured. It counts what
    `torch.utils.flop_counter.FlopCounterMode` does, but that one imports torch's compiler when it
    is first used, more than a second, and counts the modules of other threads as well.

    Args:
        model: in the mode and precision it is to run in.
        inputs: what it takes.

    Returns:
        by dotted names, "" for the whole; modules that are never called are left out.
    """
    counted: Counter[str] = Counter()
    with _Tally() as tally, _watched(model, tally, counted), fast_path_off(), torch.no_grad():
        model(inputs)
    return dict(counted)


def removal_operations(
    network: Network, removal: Removal, examples: Split, *, together: int = 1
) -> float:
    """What one removal takes for one example: all that runs again, and of linear readers a unit.

    Args:
        network: the network, followed.
        removal: whose units go.
        examples: what the network takes; the first is run.
        together: so many units at once, whose terms linear readers take.
    """
    counts = operations(network.model, network.takes(examples.inputs[:1]))
    modules = dict(network.model.named_modules())
    total = float(sum(counts.get(name, 0) for name in {name for name, _ in removal.behind}))
    for name in {name for name, _ in removal.first}:
        linear = isinstance(modules.get(name), _LINEAR)
        total += counts.get(name, 0) * (together / removal.units if linear else 1)
    return total


class _Tally(TorchDispatchMode):
    """Counts the operations of this thread."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or torch would import its compiler only to keep it off this class

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        options = kwargs or {}
        with self:  # in inference mode layers arrive whole, and no formula knows them
            parts = func.decompose(*args, **options)
        if parts is not NotImplemented:
            return parts
        out = func(*args, **options)
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += int(formula(*args, **options, out_val=out))
        return out


@contextmanager
def _watched(model: nn.Module, tally: _Tally, counted: Counter[str]) -> Iterator[None]:
    """Adds to `counted` what the tally grows by while a module is at work."""
    thread = get_ident()
    began: list[int] = []

    def enter(module: nn.Module, inputs: Any) -> None:
        if get_ident() == thread:
            began.append(tally.total)

    def leave(name: str) -> Any:
        def add(module: nn.Module, inputs: Any, outputs: Tensor) -> None:
            if get_ident() == thread:
                counted[name] += tally.total - began.pop()

        return add

    hooks = []
    try:
        for name, module in model.named_modules():
            hooks.append(module.register_forward_pre_hook(enter))
            hooks.append(module.register_forward_hook(leave(name)))
        yield
    finally:
        for hook in hooks:
            hook.remove()
