"""How much work a layer's measurements are, and so on how many images they can be made."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from surfeit.core import Layer, layer, layers, weight_matrix
from surfeit.report.config import ReportConfig

# Criteria in both directions; the random orders come on top.
_ORDERS = 8
_BASES = 2  # the weights and their update


@dataclass(frozen=True)
class Work:
    """Multiplications an image.

    Args:
        removals: of all removal curves.
        ranks: of all projections.
    """

    removals: float
    ranks: float


def work_of(
    model: nn.Module, name: str, image: Float[Tensor, "1 ..."], config: ReportConfig
) -> Work:
    """An estimate from one forward pass, which takes the layers to follow each other.

    A removal curve takes the layer and the next once, each removal one unit's share of the next
    layer and all that comes behind it; a projection the layer itself, a linear one only once, and
    all that comes behind.
    """
    costs = _multiplications(model, image)
    names = list(costs)
    behind = names[names.index(name) + 1 :]
    units, inputs = weight_matrix(layer(model, name).weight).shape
    tail = sum(costs[other] for other in behind)
    following = costs[behind[0]] if behind else 0
    removal = tail - following * (1 - 1 / units)
    orders = _ORDERS + config.repeats
    ranks = sum(rank < min(units, inputs) for rank in config.ranks) + 1
    own = 1 if isinstance(layer(model, name), nn.Linear) else ranks
    return Work(
        removals=(removal * units + costs[name] + following) * orders,
        ranks=(tail * ranks + costs[name] * own) * _BASES,
    )


@torch.no_grad()
def _multiplications(model: nn.Module, image: Tensor) -> dict[str, int]:
    """Of each layer in one forward pass, in the order of the model."""
    costs = dict.fromkeys(layers(model), 0)
    handles: list[RemovableHandle] = []
    for name, module in layers(model).items():

        def count(module: Layer, _: object, output: Tensor, name: str = name) -> None:
            costs[name] += output.numel() * module.weight[0].numel()

        handles.append(module.register_forward_hook(count))
    try:
        model(image.to(next(model.parameters())))
    finally:
        for handle in handles:
            handle.remove()
    return costs
