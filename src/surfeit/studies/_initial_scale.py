"""What the study `initial_scale` measures: beside it, so that judging measures nothing anew."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from surfeit.core import Streams, evaluate
from surfeit.data import Dataset
from surfeit.store import Run
from surfeit.studies._chains import Activation, Chain, propagated
from surfeit.studies._fitting import examples

UNITS = {"relu": nn.ReLU, "tanh": nn.Tanh}


def signals(
    seed: int,
    activations: Sequence[Activation],
    scales: Sequence[float],
    width: int,
    depth: int,
    draws: int,
    places: Sequence[int],
) -> Iterator[dict[str, Any]]:
    """A row an activation, scale and layer: the mean square of its values in random chains.

    `measured` is the mean over draws; `exact` is its expectation, of tanh in the limit of many
    units. Chains of all activations and scales share their draws.
    """
    chains = [Chain(activation=name, scale=scale) for name in activations for scale in scales]
    found = propagated(
        chains, width=width, depth=depth, draws=draws, generator=Streams(seed).get("signals")
    )
    for chain, squares in zip(chains, found, strict=True):
        exact = chain.squares(depth)
        for place in places:
            yield {
                "activation": chain.activation,
                "scale": chain.scale,
                "depth": place,
                "measured": float(squares[:, place].mean()),
                "exact": exact[place],
            }


def deep(
    inputs: Tensor, *, activation: str, depth: int, width: int, scale: float, seed: int
) -> nn.Sequential:
    """Hidden layers of one width, and ten outputs, with weights of variance `k² v / fan_in`.

    v is 2 for ReLU and 1 for tanh, biases are zero. Weights of all scales are multiples of the same
    draws. In the hidden layers k = 1 is He's scale of ReLU (Glorot's is k = 1/√2) and Glorot's of
    tanh.

    Args:
        inputs: [n, ...], of which the shape counts.
        activation: `relu` or `tanh`.
        depth: hidden layers.
        width: units of each.
        scale: k.
        seed: of the draws.
    """
    generator, parts = Streams(seed).get("init"), OrderedDict[str, nn.Module](flatten=nn.Flatten())
    sizes = [inputs[0].numel(), *[width] * depth, 10]
    variance = scale**2 * (2 if activation == "relu" else 1)
    for number, (before, after) in enumerate(pairwise(sizes), start=1):
        layer = nn.Linear(before, after)
        with torch.no_grad():
            layer.weight.normal_(std=(variance / before) ** 0.5, generator=generator)
            layer.bias.zero_()
        parts[f"fc{number}"] = layer
        if number <= depth:
            parts[f"{activation}{number}"] = UNITS[activation]()
    return nn.Sequential(parts)


def fitted(run: Run, dataset: Dataset, images: int) -> Iterator[dict[str, Any]]:
    """The share of its training images that a run classifies right at the end."""
    trained_on = examples(dataset, images, run.config["seed"]).train
    yield {"measured": evaluate(run.model(), run.tensors(), trained_on).accuracy}
