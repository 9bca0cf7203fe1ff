"""Edge-popup: the weights with the largest scores are kept, and the scores are trained."""

import copy
import math

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from surfeit.procedures.supermasks.masked import (
    MaskedNetwork,
    check_network,
    fan_ins,
    masked_layers,
    scores_of,
    straight_through,
)


class EdgePopup(MaskedNetwork):
    """Keeps the share `density` of each layer's weights with the largest `|s|`; trains the scores.

    With `k = max(1, round(density · n))` of a layer's `n` weights: `g = 1` for the `k` largest
    `|s|`, else 0, and the layer computes with `w ∘ g`. The gradient passes straight through the
    choice: `∂L/∂s := ∂L/∂g · sign(s)`, so that a weight left out can come back.

    >>> network = kaiming(lenet_300_100(), generator, density=0.5)
    >>> EdgePopup(network, density=0.5, generator=scores)

    Args:
        network: its weights as they are are the frozen ones; copied.
        density: share of each layer's weights that is kept, in (0, 1].
        generator: draws the first scores, `U(−1/√fan_in, 1/√fan_in)`, layer after layer.

    Raises:
        ValueError: as `MaskedNetwork`, or if the density is out of range.

    Source: Ramanujan, Wortsman, Kembhavi, Farhadi and Rastegari 2020, section 3.2 and the authors'
    program, which orders by `|s|`. Cost: a selection of the k largest a layer and forward pass.
    """

    def __init__(self, network: nn.Module, *, density: float, generator: torch.Generator) -> None:
        found, inputs = masked_layers(check_network(network)), fan_ins(network)
        check_density(density)
        scores = {}
        for name, layer in found.items():
            weight, bound = layer.get_parameter("weight"), 1 / math.sqrt(inputs[name])
            first = torch.empty(weight.shape, dtype=weight.dtype)
            scores[name] = first.uniform_(-bound, bound, generator=generator)
        super().__init__(network, scores)
        self.density = density

    def gate(self, layer: nn.Module) -> Tensor:
        """`g`, alike in training and evaluation mode."""
        scores = scores_of(layer)
        return straight_through(scores.abs(), self.kept(layer).to(scores.dtype))

    def kept(self, layer: nn.Module) -> Bool[Tensor, "..."]:
        """The `k` largest `|s|`, exactly `k` of them whatever ties there are."""
        sizes = scores_of(layer).detach().abs()
        count = max(1, round(self.density * sizes.numel()))
        largest = torch.topk(sizes.flatten(), count, sorted=False).indices
        kept = torch.zeros(sizes.numel(), dtype=torch.bool, device=sizes.device)
        kept[largest] = True
        return kept.view_as(sizes)

    def factor(self, kept: Tensor) -> float:
        """1: the weights' scale is chosen beforehand, by `kaiming`."""
        return 1.0

    def extra_repr(self) -> str:
        """What the key of a run must know beside scores and weights."""
        return f"density={self.density}"


def kaiming(network: nn.Module, generator: torch.Generator, *, density: float = 1.0) -> nn.Module:
    """A copy with every layer's weights drawn from `N(0, 2 / (density · fan_in))`.

    The factor `1 / density` keeps the outputs' variance where only that share of the weights is
    kept. With `signed_constants` of it one has the paper's signed Kaiming constants.

    Args:
        network: any module; only the weights of its layers are drawn.
        generator: draws them, layer after layer.
        density: in (0, 1]; 1 is He's distribution itself.

    Raises:
        ValueError: if the density is out of range or there is no layer.

    Sources: He, Zhang, Ren and Sun 2015; Ramanujan et al. 2020, section 4 ("scaled").
    """
    check_density(density)
    drawn = copy.deepcopy(check_network(network))
    inputs = fan_ins(drawn)
    with torch.no_grad():
        for name, layer in masked_layers(drawn).items():
            sd = math.sqrt(2 / (density * inputs[name]))
            layer.get_parameter("weight").normal_(0, sd, generator=generator)
    return drawn


def check_density(density: float) -> None:
    """Says so if a density is not in (0, 1].

    Raises:
        ValueError: then.
    """
    if not 0 < density <= 1:
        raise ValueError(f"density, the share of weights kept, must be in (0, 1], got {density}")
