"""The published settings of searches for tickets: the recipe and what is removed a level."""

from collections.abc import Mapping
from dataclasses import dataclass

from surfeit.core import unknown
from surfeit.train import Recipe

_LOTTERY = "Frankle and Carbin 2019, figure 2"


@dataclass(frozen=True, kw_only=True)
class Published:
    """How the tickets of one network were published to be found.

    Args:
        recipe: each training's.
        rate: removed of fully connected layers at each level, a fraction of what is left.
        conv_rate: the same of convolutions; None where there are none.
        output_rate: the same of the output layer.
        source: author, year, place.
    """

    recipe: Recipe
    rate: float = 0.2
    conv_rate: float | None = None
    output_rate: float = 0.1
    source: str = _LOTTERY


def _adam(lr: float, steps: int) -> Recipe:
    return Recipe(optimizer="adam", lr=lr, batch_size=60, steps=steps)


PUBLISHED: Mapping[str, Published] = {
    "lenet-300-100": Published(recipe=_adam(1.2e-3, 50_000)),
    "conv-2": Published(recipe=_adam(2e-4, 20_000), conv_rate=0.1),
    "conv-4": Published(recipe=_adam(3e-4, 25_000), conv_rate=0.1),
    "conv-6": Published(recipe=_adam(3e-4, 30_000), conv_rate=0.15),
}
"""By the network's name. LeNet is on MNIST, the others are on CIFAR-10."""


def published(model: str) -> Published:
    """The published settings for a network's tickets.

    Args:
        model: a name of `PUBLISHED`.

    Raises:
        ValueError: if none are published; the nearest are suggested.

    Source: Frankle and Carbin 2019, "The lottery ticket hypothesis", figure 2. They take 5,000 of
    the training images for validation; here the data set's own validation split is used.
    """
    if model not in PUBLISHED:
        raise unknown("published search for tickets of", model, PUBLISHED)
    return PUBLISHED[model]
