"""What a step may be disturbed by: noise on inputs, labels and weights, and weights left out.

Everything is drawn from (seed, step), so that a training that goes on draws what it would have
drawn. Weights are the parameters of more than one axis, as for L1: no biases.
"""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Int64
from torch import Generator, Tensor

from surfeit.core import Params, Streams
from surfeit.train.recipe import Recipe


def noisy(values: Tensor, deviation: float, generator: Generator) -> Tensor:
    """The values with independent Gaussian noise of a standard deviation added to each.

    On the inputs of a linear model under the squared error its mean is L2: `E ‖y − W (x + e)‖² =
    ‖y − W x‖² + deviation² ‖W‖²`.

    Args:
        values: real numbers; they are not changed.
        deviation: > 0, in the unit of the values: of inputs, as the network is given them.
        generator: a CPU generator; the same draws serve every device.

    Source: Bishop 1995, "Training with noise is equivalent to Tikhonov regularization".
    """
    drawn = torch.randn(values.shape, generator=generator, dtype=values.dtype)
    return values + deviation * drawn.to(values.device)


def relabelled(
    labels: Int64[Tensor, "..."], share: float, classes: int, generator: Generator
) -> Int64[Tensor, "..."]:
    """The labels, each replaced with probability `share` by one drawn from all classes alike.

    A label that is replaced may be drawn again, so that `share · (classes − 1) / classes` of them
    are wrong. The mean over the draws of a loss that is linear in the labels' distribution, such as
    cross-entropy, is that of label smoothing: targets of `1 − share + share / classes` for the
    label and `share / classes` for every other class; so is that of its gradient.

    Args:
        labels: [n], or [n, positions]: each position is replaced by itself; not changed.
        share: in (0, 1].
        classes: how many there are.
        generator: a CPU generator.

    Source: Szegedy et al. 2016, section 7 (label smoothing, as the marginal over such labels).
    """
    replaced = torch.rand(labels.shape, generator=generator) < share
    drawn = torch.randint(0, classes, labels.shape, generator=generator)
    return torch.where(replaced.to(labels.device), drawn.to(labels), labels)


def left_in(params: Mapping[str, Tensor], rate: float, generator: Generator) -> Params:
    """What DropConnect multiplies each weight by at a step: 0 at the rate, else 1 / (1 − rate).

    The mean is 1, so that the network is used whole, and as it is, afterwards. All examples of a
    batch share one draw, and biases stay; Wan et al. draw for each example, and drop biases too.

    Args:
        params: parameters by name, for shapes.
        rate: in (0, 1).
        generator: a CPU generator.

    Returns:
        the factors of all that are weights, by name.

    Source: Wan et al. 2013, "Regularization of neural networks using DropConnect".
    """
    factors: Params = {}
    for name, value in params.items():
        if is_weight(value):
            kept = torch.rand(value.shape, generator=generator) >= rate
            factors[name] = kept.to(value) / (1 - rate)
    return factors


def is_weight(value: Tensor) -> bool:
    """Whether a parameter holds weights, and no biases nor factors of units."""
    return value.dim() > 1


class WeightDisturbance:
    """The weights at which a step's gradient is taken, where the recipe has them disturbed.

    Args:
        recipe: `weight_noise`, `drop_connect`.
        streams: the training's; a step draws from `("weight noise", step)` and
            `("drop connect", step)`.
    """

    def __init__(self, recipe: Recipe, streams: Streams) -> None:
        self._deviation, self._rate = recipe.weight_noise, recipe.drop_connect
        self._streams = streams

    def noisy(self, params: Params, step: int, held: Callable[[Params], Params]) -> Params:
        """The parameters with the step's noise on the weights.

        Args:
            params: by name; they are not changed.
            step: updates made so far.
            held: sets what is masked to zero again: noise would revive it.
        """
        if not self._deviation:
            return params
        drawn = self._streams.get("weight noise", step)
        return held(
            {
                name: noisy(value, self._deviation, drawn) if is_weight(value) else value
                for name, value in params.items()
            }
        )

    def factors(self, params: Params, step: int) -> Params:
        """What the step multiplies weights and their gradients by; empty without DropConnect."""
        if not self._rate:
            return {}
        return left_in(params, self._rate, self._streams.get("drop connect", step))
