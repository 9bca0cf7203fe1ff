"""What the study `initial_scale` measures: beside it, so that judging measures nothing anew."""

from collections.abc import Iterator, Sequence
from typing import Any

from surfeit.core import Streams, evaluate
from surfeit.data import Dataset
from surfeit.store import Run
from surfeit.studies._chains import Activation, Chain, propagated
from surfeit.studies._fitting import examples


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


def fitted(run: Run, dataset: Dataset, images: int) -> Iterator[dict[str, Any]]:
    """The share of its training images that a run classifies right at the end."""
    trained_on = examples(dataset, images, run.config["seed"]).train
    yield {"measured": evaluate(run.model(), run.tensors(), trained_on).accuracy}
