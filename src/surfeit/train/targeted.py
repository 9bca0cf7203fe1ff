"""Targeted dropout: a network is trained to do without its smallest weights or units."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from surfeit.core import Params, Streams
from surfeit.models import Structure
from surfeit.train.recipe import Recipe

_ROWS = ("linear", "convolution")  # whose weights lie a unit a row


class TargetedDropout:
    """Drops some of the smallest weights, or units, of each layer, anew at every step.

    Targeted are the `⌊γ n⌋` smallest of the `n` weights of each unit, or the units with the `⌊γ n⌋`
    smallest of the layer's `n` weight vectors. Each is dropped with probability `α` at each step,
    of a unit the bias too, and what stays is not scaled: at the end the network is used whole, or
    without what was targeted. Left alone are layers of outputs, weights that layers share, and
    layers of other kinds than linear ones and convolutions. Behind a batch normalisation a dropped
    unit still says the normalisation's own bias.

    Args:
        recipe: `α = recipe.targeted_dropout`, `γ = recipe.targeted_share`, and
            `recipe.targeted_granularity`.
        structure: of the network.
        trained: the names of the parameters that are trained.
        streams: the training's; each step draws from `("targeted dropout", step)`.

    Raises:
        ValueError: as `targeted_layers`.

    Source: Gomez et al. 2019, "Learning sparse networks using targeted dropout", section 3.
    Cost: a step selects from each row, and draws one number for each weight or unit.
    """

    def __init__(
        self, recipe: Recipe, structure: Structure, trained: Sequence[str], streams: Streams
    ) -> None:
        self._rate, self._share = recipe.targeted_dropout, recipe.targeted_share
        self._by_unit = recipe.targeted_granularity == "unit"
        self._streams = streams
        self._layers = targeted_layers(structure, trained)

    def kept(self, params: Mapping[str, Tensor], step: int) -> Params:
        """What is kept at a step: bool by name, of the parameters that may be dropped."""
        generator = self._streams.get("targeted dropout", step)
        kept: Params = {}
        for weight, bias in self._layers:
            rows = params[weight].flatten(1)
            if self._by_unit:
                gone = self._drawn(_smallest(rows.norm(dim=1), self._share), generator)
                kept[weight] = ~gone.view(-1, *[1] * (params[weight].dim() - 1))
                if bias is not None:
                    kept[bias] = ~gone
            else:
                gone = self._drawn(_smallest(rows.abs(), self._share), generator)
                kept[weight] = ~gone.view_as(params[weight])
        return kept

    def _drawn(self, targeted: Tensor, generator: torch.Generator) -> Tensor:
        drawn = torch.rand(targeted.shape, generator=generator) < self._rate
        return targeted & drawn.to(targeted.device)


def without(params: Params, kept: Mapping[str, Tensor]) -> Params:
    """The parameters with what is not kept at zero; they are not changed."""
    return {name: value * kept[name] if name in kept else value for name, value in params.items()}


def _smallest(sizes: Tensor, share: float) -> Tensor:
    """Which of the sizes along the last axis are below the one at place `⌊share · n⌋`."""
    count = int(share * sizes.shape[-1])
    return sizes < sizes.kthvalue(count + 1, dim=-1, keepdim=True).values


def targeted_layers(structure: Structure, trained: Sequence[str]) -> list[tuple[str, str | None]]:
    """The names of weight and bias of each layer that targeted dropout drops from.

    Raises:
        ValueError: if the network cannot be followed, or there is no such layer.
    """
    found, tied = [], structure.tied
    shared = {*tied, *tied.values()}
    for name, layer in structure.layers.items():
        if layer.kind not in _ROWS or name in structure.outputs:
            continue
        weight = layer.weights[0].tensor
        bias = layer.biases[0].tensor if layer.biases else None
        if weight in trained and weight not in shared:
            found.append((weight, bias if bias in trained and bias not in shared else None))
    if not found:
        raise ValueError(
            "targeted dropout has no layer to drop from: it takes linear layers and convolutions "
            "that are trained, share no weights and are no outputs"
        )
    return found
