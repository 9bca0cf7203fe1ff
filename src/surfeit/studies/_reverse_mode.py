"""What the study `reverse_mode` counts: beside it, so that judging anew counts nothing anew."""

import weakref
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from surfeit.core import Streams

_TIMES = {"tanh_backward": 3, "clone": 0, "copy_": 0, "_to_copy": 0}  # tanh: g (1 − y²)
_FLOAT = torch.float64


class _Elementwise(TorchDispatchMode):
    """Adds up the operations that are no matrix products, the numbers they compute or sum."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        tags = set(func.tags)
        if torch.Tag.pointwise in tags:
            self.operations += _TIMES.get(func.overloadpacket.__name__, 1) * found.numel()
        elif torch.Tag.reduction in tags:
            self.operations += args[0].numel()
        return found


def operations(function: Callable[[], Any]) -> int:
    """The scalar operations that a call takes, forward and backward.

    Matrix products count `2 n m k` (`torch.utils.flop_counter`), elementwise operations and sums
    one a number, tanh's derivative `g (1 − y²)` three; copies, views and constants nothing.

    Args:
        function: does the work, with derivatives if it takes some.
    """
    products = FlopCounterMode(display=False)
    with products, _Elementwise() as others:
        function()
    return products.get_total_flops() + others.operations


Graph = tuple[tuple[str, int, int], ...]
"""A scalar function as a list of operations: each one's name and which values it takes.

The inputs are values 0 to n − 1, the first operation gives value n. The function is the last one.
"""

_ONE = {"sin": torch.sin, "exp": torch.exp, "tanh": torch.tanh}
_TWO = {"add": torch.add, "mul": torch.mul, "div": torch.div}


def random_graph(inputs: int, *, nodes: int, generator: torch.Generator) -> Graph:
    """A random function of so many inputs: every value is used, and leads to the last one.

    Args:
        inputs: n, at least 2.
        nodes: operations that are drawn, each of `add, mul, div, sin, exp, tanh` as likely as the
            others, on values drawn from all before; what no one used is added up at the end.
        generator: draws them.
    """
    names = [*_ONE, *_TWO]
    drawn = []
    for at in range(inputs, inputs + nodes):
        name = names[_below(len(names), generator)]
        first = at - inputs if at < 2 * inputs else _below(at, generator)
        drawn.append((name, first, _below(at, generator) if name in _TWO else first))
    used = {value for _, *values in drawn for value in values}
    total, *others = [value for value in range(inputs + nodes) if value not in used]
    for last, value in zip(count(inputs + nodes), others, strict=False):
        drawn.append(("add", total, value))
        total = last
    return tuple(drawn)


def _below(end: int, generator: torch.Generator) -> int:
    return int(torch.randint(end, (), generator=generator))


def evaluated(graph: Graph, inputs: Sequence[Tensor]) -> Tensor:
    """The function's value at scalar inputs."""
    values = list(inputs)
    for name, first, second in graph:
        two = _TWO.get(name)
        values.append(two(values[first], values[second]) if two else _ONE[name](values[first]))
    return values[-1]


def costs(function: Callable[..., Tensor], at: Sequence[Tensor]) -> dict[str, int]:
    """Operations of a function's value, and of it with derivatives in both modes.

    Args:
        function: of the tensors, with a single number as its value.
        at: where, all floating.

    Returns:
        `value`; `reverse`, the value and all derivatives; `forward`, the value and its derivative
        along one direction in all of the inputs.
    """
    leaves = [one.detach().clone().requires_grad_() for one in at]

    def along() -> None:
        with forward_ad.dual_level():
            duals = [forward_ad.make_dual(one.detach(), torch.ones_like(one)) for one in at]
            function(*duals)

    return {
        "value": operations(lambda: function(*(one.detach() for one in at))),
        "reverse": operations(lambda: torch.autograd.grad(function(*leaves), leaves)),
        "forward": operations(along),
    }


def chain(depth: int, width: int, generator: torch.Generator) -> nn.Sequential:
    """So many layers of `width` units, each a linear map and tanh."""
    layers = []
    for _ in range(depth):
        linear = nn.Linear(width, width, dtype=_FLOAT)
        with torch.no_grad():
            linear.weight.normal_(std=width**-0.5, generator=generator)
            linear.bias.zero_()
        layers.append(nn.Sequential(linear, nn.Tanh()))
    return nn.Sequential(*layers)


def loss(layers: nn.Sequential, inputs: Tensor, segment: int | None = None) -> Tensor:
    """The mean square of a chain's outputs.

    Args:
        layers: the chain.
        inputs: a batch; with segments it must want a gradient.
        segment: how many layers are recomputed together; None stores all activations.
    """
    if segment is None:
        return layers(inputs).square().mean()
    values = inputs
    for start in range(0, len(layers), segment):
        values = checkpoint(layers[start : start + segment], values, use_reentrant=True)
    assert isinstance(values, Tensor)
    return values.square().mean()


class _Live:
    """Bytes that autograd holds for the backward pass, each storage counted once."""

    def __init__(self, without: Sequence[Tensor]) -> None:
        self._weights = {one.untyped_storage().data_ptr() for one in without}
        self._holders: dict[int, int] = {}
        self._bytes = self.peak = 0

    def pack(self, value: Tensor) -> "_Held":
        held, storage = _Held(value.detach()), value.untyped_storage()
        if storage.data_ptr() not in self._weights:
            self._take(storage.data_ptr(), storage.nbytes())
            weakref.finalize(held, self._leave, storage.data_ptr(), storage.nbytes())
        return held

    def _take(self, place: int, size: int) -> None:
        self._bytes += 0 if self._holders.get(place) else size
        self._holders[place] = self._holders.get(place, 0) + 1
        self.peak = max(self.peak, self._bytes)

    def _leave(self, place: int, size: int) -> None:
        self._holders[place] -= 1
        self._bytes -= 0 if self._holders[place] else size


class _Held:
    """A saved tensor, as long as autograd holds it."""

    def __init__(self, value: Tensor) -> None:
        self.value = value


def peak_bytes(layers: nn.Sequential, inputs: Tensor, segment: int | None = None) -> int:
    """The most bytes of saved activations at any moment of a forward and backward pass.

    Saved tensors are counted while autograd holds them, weights left out: a number that depends on
    no allocator and no clock.

    Args:
        layers, inputs, segment: as of `loss`.
    """
    live = _Live(list(layers.parameters()))
    leaf = inputs.detach().clone().requires_grad_()
    with saved_tensors_hooks(live.pack, lambda held: held.value):
        loss(layers, leaf, segment).backward()
    layers.zero_grad()
    return live.peak


def counted(
    part: str, seed: int, sizes: Sequence[int], nodes: int, depth: int, segments: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """The rows of a part and seed: `graphs`, `chains` or `segments`.

    Args:
        part: which.
        seed: draws the graphs, and width and batch of the chains.
        sizes: inputs of the graphs, depths of the chains.
        nodes: operations of a graph for each of its inputs.
        depth: of the chain that is cut into segments.
        segments: their lengths.
    """
    if part == "graphs":
        for inputs in sizes:
            yield {"place": inputs, "inputs": inputs} | _of_graph(seed, inputs, nodes)
        return
    generator = Streams(seed).get("sizes")
    width, batch = (8 + _below(25, generator) for _ in range(2))
    for at in sizes if part == "chains" else [depth]:
        layers = chain(at, width, Streams(seed).get("chain", at))
        inputs = torch.randn(batch, width, generator=Streams(seed).get("inputs"), dtype=_FLOAT)
        activation = inputs.numel() * inputs.element_size()
        if part == "chains":
            yield {"place": at} | _of_chain(layers, inputs, activation)
            continue
        for segment in segments:
            peak = peak_bytes(layers, inputs, segment)
            yield {"place": segment, "recomputed": peak / activation}


def _of_graph(seed: int, inputs: int, nodes: int) -> dict[str, int]:
    generator = Streams(seed).get("graph", inputs)
    graph = random_graph(inputs, nodes=nodes * inputs, generator=generator)
    at = torch.rand(inputs, generator=generator, dtype=_FLOAT) + 0.5
    return costs(lambda *values: evaluated(graph, values), at.unbind())


def _of_chain(layers: nn.Sequential, inputs: Tensor, activation: int) -> dict[str, float]:
    """Costs of the loss and its derivatives by weights, biases and inputs; peaks in activations."""

    def function(first: Tensor, *given: Tensor) -> Tensor:
        values = first
        for weight, bias in zip(given[::2], given[1::2], strict=True):
            values = torch.tanh(nn.functional.linear(values, weight, bias))
        return values.square().mean()

    at = [inputs, *layers.parameters()]
    segment = round(len(layers) ** 0.5)
    leaf = inputs.detach().clone().requires_grad_()
    again = operations(lambda: loss(layers, leaf, segment).backward())
    layers.zero_grad()
    found = costs(function, at)
    last = 2 * inputs.numel()  # squares and their sum are not computed again
    return {
        "inputs": sum(one.numel() for one in at),
        **found,
        "stored": peak_bytes(layers, inputs) / activation,
        "recomputed": peak_bytes(layers, inputs, segment) / activation,
        "extra": (again - found["reverse"]) / (found["value"] - last),
    }
