"""Masks drawn with learned probabilities."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from surfeit.procedures.supermasks.masked import (
    MaskedNetwork,
    check_network,
    masked_layers,
    scores_of,
    straight_through,
)


class BernoulliMask(MaskedNetwork):
    """A mask of independent Bernoulli variables with learned probabilities, on frozen weights.

    For a layer of `n` weights `w` with scores `m`: `p = 1 / (1 + exp(−m))`, `g ~ Bernoulli(p)`,
    and the layer computes with `w ∘ g`. The gradient passes straight through the draw:
    `∂L/∂m := ∂L/∂g · p (1 − p)`. With `rescale` (the paper's dynamic weight rescaling) the layer
    computes with `w ∘ g · n / Σ g`, and `∂L/∂g` is that of this whole product, factor included.

    In training mode each forward pass draws a mask, from torch's global generator as dropout does
    (`train` lends it the step's own seed). In evaluation mode nothing is drawn: `g = [u < p]` with
    one `u ~ U(0, 1)` a weight, drawn once from `generator` and kept as a buffer; so the metrics of
    a run are those of one mask of the learned distribution. Means over several such masks, which
    the paper reports, are `sampled_accuracy`.

    >>> network = signed_constants(lenet_300_100())
    >>> run = train(BernoulliMask(network, generator=generator), dataset, Recipe(lr=100.0))

    Args:
        network: its weights as they are are the frozen ones; copied.
        generator: draws the `u` of evaluation mode, layer after layer.
        rescale: dynamic weight rescaling.
        first_score: of every weight; 0 begins at probability 1/2.

    Raises:
        ValueError: as `MaskedNetwork`, or if the first score is not finite.

    Source: Zhou, Lan, Liu and Yosinski 2019, section 5.1; the gradient through the factor and the
    first score are those of their published program. Cost: a draw for each weight and forward
    pass in training, about 8 ns each.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        generator: torch.Generator,
        rescale: bool = False,
        first_score: float = 0.0,
    ) -> None:
        if not abs(first_score) < float("inf"):
            raise ValueError(f"first_score must be a finite number, got {first_score}")
        found = masked_layers(check_network(network)).items()
        scores = {
            n: torch.full_like(layer.get_parameter("weight"), first_score) for n, layer in found
        }
        super().__init__(network, scores)
        self.rescale = rescale
        for layer in self._layers().values():
            weight = layer.get_buffer("weight")
            u = torch.rand(weight.shape, generator=generator, dtype=weight.dtype)
            layer.register_buffer("thresholds", u)

    def gate(self, layer: nn.Module) -> Tensor:
        """`g`, times `n / Σ g` with `rescale`; drawn in training mode."""
        p = torch.sigmoid(scores_of(layer))
        hard = torch.rand_like(p) < p if self.training else self.kept(layer)
        gate = straight_through(p, hard.to(p.dtype))
        return gate * self.factor(gate)

    def kept(self, layer: nn.Module) -> Bool[Tensor, "..."]:
        """`u < p` with the layer's own `u`."""
        return layer.get_buffer("thresholds") < torch.sigmoid(scores_of(layer).detach())

    def factor(self, kept: Tensor) -> Tensor | float:
        """`n / Σ g` with `rescale` (of an empty mask: `n`), else 1."""
        return kept.numel() / kept.sum().clamp(min=1) if self.rescale else 1.0

    def probabilities(self) -> dict[str, Float[Tensor, "..."]]:
        """Each weight's probability of being kept, on the CPU by the network's parameter names."""
        return {
            name: torch.sigmoid(scores_of(layer).detach()).cpu()
            for name, layer in self._layers().items()
        }

    def likeliest(self) -> dict[str, Tensor]:
        """The mask of the largest probability, `p >= 1/2`, by the network's parameter names."""
        return {name: p >= 0.5 for name, p in self.probabilities().items()}

    def draw(self, generator: torch.Generator) -> dict[str, Tensor]:
        """A mask drawn with the learned probabilities, bool by the network's parameter names."""
        return {
            name: torch.rand(p.shape, generator=generator, dtype=p.dtype) < p
            for name, p in self.probabilities().items()
        }

    def extra_repr(self) -> str:
        """What the key of a run must know beside scores and weights."""
        return f"rescale={self.rescale}"
