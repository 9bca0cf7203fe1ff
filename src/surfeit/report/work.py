"""How much work a layer's measurements are, and so on how many examples they can be made."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils.rnn import PackedSequence
from torch.utils.hooks import RemovableHandle

from surfeit.models import Structure
from surfeit.models.structure import Layer
from surfeit.prune.removal import Place, Removal
from surfeit.report.config import ReportConfig

# Criteria in both directions; the random orders come on top.
_ORDERS = 8
_BASES = 2  # the weights and their update


@dataclass(frozen=True)
class Work:
    """Multiplications an example.

    Args:
        removals: of all removal curves; 0 where units cannot be removed.
        ranks: of all projections.
    """

    removals: float
    ranks: float


def work_of(model: nn.Module, name: str, example: Any, config: ReportConfig) -> Work:
    """An estimate from one forward pass.

    A removal curve takes the layer and its readers once, each removal one unit's share of the
    readers and all that comes behind them; a projection the layer itself, a linear one only once,
    and all that comes behind, or where the network is no `nn.Sequential` all of it.
    """
    structure = Structure.of(model, example)
    layer = structure.layer(name)
    costs = multiplications(model, structure, example)
    return Work(
        removals=_removals(model, structure, layer, costs) * (_ORDERS + config.repeats),
        ranks=_projections(model, structure, layer, costs, config) * _BASES,
    )


def _removals(
    model: nn.Module, structure: Structure, layer: Layer, costs: dict[Place, int]
) -> float:
    """Of one curve."""
    if structure.obstacle is not None or structure.why_not_removable(layer.name) is not None:
        return 0
    removal = Removal.of(structure, layer.name)
    modules = dict(model.named_modules())  # a function that reads is none of them
    linear = not removal.recurrent and all(
        _adds_units(modules.get(called)) for called, _ in removal.first
    )
    readers = sum(costs.get(place, 0) for place in removal.first)
    behind = sum(costs.get(place, 0) for place in removal.behind)
    own = sum(cost for (called, _), cost in costs.items() if called == layer.module)
    each = behind + (readers / removal.units if linear else readers)
    return each * removal.units + own + readers


def _adds_units(module: nn.Module | None) -> bool:
    """Whether a reader takes each unit's term apart, so that removal costs a share of it."""
    return isinstance(module, nn.Linear | _ConvNd) and not isinstance(module, _ConvTransposeNd)


def _projections(
    model: nn.Module,
    structure: Structure,
    layer: Layer,
    costs: dict[Place, int],
    config: ReportConfig,
) -> float:
    """Of all ranks of one matrix."""
    ranks = sum(rank < min(layer.units, layer.inputs) for rank in config.ranks) + 1
    called = structure.caller(layer.name)
    places = list(costs)
    first = next((at for at, (name, _) in enumerate(places) if name == called), len(places))
    own = costs[places[first]] if first < len(places) else 0
    behind = sum(costs[place] for place in places[first + 1 :])
    if type(model) is not nn.Sequential:
        before = sum(costs[place] for place in places[:first])
        return (before + own + behind) * ranks
    return behind * ranks + own * (1 if layer.kind == "linear" else ranks)


@torch.no_grad()
def multiplications(model: nn.Module, structure: Structure, example: Any) -> dict[Place, int]:
    """Of each call of a layer's module in one forward pass, in the order of the calls."""
    costs: dict[Place, int] = {}
    handles: list[RemovableHandle] = []
    for called in {structure.caller(name) for name in structure.layers}:
        weights = sum(
            structure.weights(name)
            for name, layer in structure.layers.items()
            if structure.caller(name) == called and layer.multiplies
        )

        def count(
            module: nn.Module, given: Any, answer: Any, called: str = called, weights: int = weights
        ) -> None:
            occurrence = sum(name == called for name, _ in costs)
            costs[called, occurrence] = weights * _uses(module, given, answer)

        handles.append(structure.module(called).register_forward_hook(count))
    try:
        _ = model(*example) if isinstance(example, tuple) else model(example)
    finally:
        for handle in handles:
            handle.remove()
    return costs


def _uses(module: nn.Module, given: Any, answer: Any) -> int:
    """How often a pass multiplies with each of a module's weights: once a position."""
    if isinstance(module, nn.Linear | nn.Bilinear) and isinstance(answer, Tensor):
        return answer.numel() // answer.shape[-1]
    if isinstance(module, _ConvNd) and not isinstance(module, _ConvTransposeNd):
        return math.prod(answer.shape[-len(module.kernel_size) :]) * _examples(module, answer)
    first = given[0] if given else answer
    first = first.data if isinstance(first, PackedSequence) else first
    if not isinstance(first, Tensor):
        return 1
    if isinstance(module, _ConvTransposeNd):
        return math.prod(first.shape[-len(module.kernel_size) :]) * _examples(module, first)
    return first.numel() // first.shape[-1]


def _examples(module: _ConvNd, value: Tensor) -> int:
    return value.shape[0] if value.dim() == len(module.kernel_size) + 2 else 1
