"""The chance level of outputs: what random weight vectors would answer in the units' place."""

import math

import torch
from torch import Tensor

from surfeit.core import Split, Streams, copied, ties
from surfeit.similarity import (
    ChanceLevel,
    chance_level,
    level_of_chance,
    output_directions,
    pairwise_products,
)
from surfeit.viewer.frames.outputs import sampled_outputs
from surfeit.viewer.timelines.networks import Network

# So many pairs are drawn, if that takes no more than so many passes.
_PAIRS, _DRAWS = 180_000, 4


def output_level(network: Network, layer: str, examples: Split, rows: Tensor) -> ChanceLevel:
    """The correlation that one pair of units is expected to pass by chance.

    The null is the same network with random weight vectors in the layer, each as long as the one
    that it stands for and 0 where that is (a mask), biases and everything else as they are. Units
    read the same inputs, so that untrained ones are correlated too: a correlation that only noise
    in as many examples would bring about is passed by them a thousand times over. An untrained
    layer passes this level about once.

    Where the weights are another layer's as well, or are computed from other parameters, they are
    not redrawn: then it is `chance_level`, which a few dozen pairs of an untrained layer pass.

    Args:
        network: the network, followed.
        layer: the layer's name.
        examples: as for `sampled_outputs`.
        rows: the directions of what that gave.

    Cost: up to four times that of `sampled_outputs`.
    """
    live = int((rows.norm(dim=1) > 0).sum())
    pairs = live * (live - 1) // 2
    if pairs == 0 or not _redrawable(network, layer):
        return chance_level(rows)
    products = []
    for draw in range(min(_DRAWS, math.ceil(_PAIRS / pairs))):
        # The same draws at every moment, so that the level changes with the training alone.
        generator = Streams(0).get("viewer", "redrawn", layer, draw)
        outputs, _ = sampled_outputs(redrawn(network, layer, generator), layer, examples)
        products.append(pairwise_products(output_directions(outputs)))
    found = torch.cat(products)
    return level_of_chance(found[~found.isnan()], pairs=pairs)


@torch.no_grad()
def redrawn(network: Network, layer: str, generator: torch.Generator) -> Network:
    """The network with random weight vectors in a layer, as long as its own.

    Args:
        network: it is only read.
        layer: whose weights are parameters of its own.
        generator: draws the directions.
    """
    model = copied(network.model)
    for part in network.structure.layer(layer).weights:
        weight = model.get_parameter(part.tensor)
        owner = part.owners(weight.shape)
        own = owner >= 0
        unit, length = owner[own], torch.zeros(2, part.units, dtype=torch.float64)
        fresh = torch.randn(len(unit), generator=generator, dtype=torch.float64)
        fresh *= weight[own] != 0  # what a mask holds at zero stays there
        for row, values in zip(length, (weight[own].double(), fresh), strict=True):
            row.index_add_(0, unit, values.square())
        weight[own] = (fresh * (length[0] / length[1]).nan_to_num_(0).sqrt()[unit]).to(weight)
    return Network(model, network.structure.of_copy(model))


def _redrawable(network: Network, layer: str) -> bool:
    """Whether the layer's weights are parameters, and no other layer's too."""
    described = network.structure.layer(layer)
    tied = ties(network.model)
    shared = {*tied, *(tie.to for tie in tied.values())}
    return not described.computed and all(part.tensor not in shared for part in described.weights)
