"""What the study `output_units` differentiates and trains: beside it, so that judging anew trains
nothing anew.

A pair is an output unit and a cost, of net inputs z [..., classes] and one-hot targets y. Half of
squared errors are summed, so that the slope of every cost that belongs to its unit is output − y.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot, softplus

from surfeit.core import Split, Streams
from surfeit.core.threads import one_thread
from surfeit.data import Dataset

Cost = Callable[[Tensor, Tensor], Tensor]
Weights = list[Tensor]  # of the hidden layer and its biases, of the output layer and its biases


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    """½ Σ (output − y)² [...], the −log likelihood of normal errors of variance 1."""
    return (outputs - targets).square().sum(-1) / 2


COSTS: dict[str, Cost] = {
    "linear, squared error": squared,
    "sigmoid, Bernoulli": lambda z, y: (softplus(z) - y * z).sum(-1),
    "sigmoid, squared error": lambda z, y: squared(z.sigmoid(), y),
    "softmax, categorical": lambda z, y: -(y * z.log_softmax(-1)).sum(-1),
    "softmax, squared error": lambda z, y: squared(z.softmax(-1), y),
}
"""The pairs: the first, second and fourth belong together, by maximum likelihood."""


def slope(pair: str, z: Tensor, y: Tensor) -> Tensor:
    """∂cost/∂z [..., classes] in closed form, with s = σ(z) and p = softmax(z).

    z − y, s − y and p − y where cost and unit belong together; behind a sigmoid squared error has
    (s − y) s (1 − s), behind a softmax p (p − y − Σ p (p − y)).
    """
    unit, _, cost = pair.partition(", ")
    outputs = {"linear": z, "sigmoid": z.sigmoid(), "softmax": z.softmax(-1)}[unit]
    off = outputs - y
    if cost != "squared error" or unit == "linear":
        return off
    if unit == "sigmoid":
        return off * outputs * (1 - outputs)
    return outputs * (off - (outputs * off).sum(-1, keepdim=True))


def slopes(seed: int, confidences: list[float], step: float = 0.01) -> Iterator[dict[str, Any]]:
    """A row a pair and confidence c: the slope at the label's net input −c by central differences.

    Of two classes the other's net input is 0; the seed moves both a little.
    """
    generator = Streams(seed).get("net inputs")
    y = torch.tensor([1.0, 0.0], dtype=torch.float64)
    for place in confidences:
        moved = 0.1 * torch.randn(2, generator=generator, dtype=torch.float64)
        z = torch.tensor([-place, 0.0], dtype=torch.float64) + moved
        ahead = torch.tensor([step, 0.0], dtype=torch.float64)
        for pair, cost in COSTS.items():
            measured = (cost(z + ahead, y) - cost(z - ahead, y)) / (2 * step)
            exact = slope(pair, z, y)[0]
            yield {
                "pair": pair,
                "place": place,
                "measured": -measured.item(),
                "exact": -exact.item(),
            }


def flow_time(pair: str, start: float, end: float) -> float:
    """How long the net input of a sigmoid unit of target 1 takes from `start` to `end`.

    On dz/dt = −∂cost/∂z: z + eᶻ of the Bernoulli cost, and 3 z + 3 eᶻ + e²ᶻ/2 − e⁻ᶻ of squared
    error, at the end less at the start. From −c the one takes c, the other eᶜ.

    Raises:
        ValueError: if the pair is no sigmoid's.
    """
    if pair == "sigmoid, Bernoulli":
        return end + math.exp(end) - start - math.exp(start)
    if pair != "sigmoid, squared error":
        raise ValueError(f"the time is known of a sigmoid's two costs, got {pair!r}")

    def by(z: float) -> float:
        return 3 * z + 3 * math.exp(z) + math.exp(2 * z) / 2 - math.exp(-z)

    return by(end) - by(start)


def one_unit(
    seed: int, confidences: list[float], inputs: int, rate: float, sure: float
) -> Iterator[dict[str, Any]]:
    """A row a cost and confidence c: steps of a sigmoid unit from the net input −c to an output.

    Gradient descent on weights and bias, which move z by the rate times 1 + ‖x‖² of the slope.
    """
    end = math.log(sure / (1 - sure))
    drawn = torch.randn(inputs, generator=Streams(seed).get("input"), dtype=torch.float64)
    pace = rate * (1 + drawn.square().sum().item() / inputs)
    y = torch.ones(1, dtype=torch.float64)
    for pair in ("sigmoid, Bernoulli", "sigmoid, squared error"):
        z = -torch.tensor(confidences, dtype=torch.float64)[:, None]
        steps = torch.zeros(len(confidences))
        while bool((left := z[:, 0] < end).any()):
            z = z - pace * slope(pair, z, y)
            steps += left
        for place, count in zip(confidences, steps.tolist(), strict=True):
            exact = flow_time(pair, -place, end) / pace
            yield {"pair": pair, "place": place, "measured": count, "exact": exact}


def networks(
    dataset: Dataset,
    seed: int,
    pair: str,
    scales: list[float],
    rates: list[float],
    settings: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    """A row a start and rate: steps until a network of one hidden layer classifies as it should.

    Starts are the initial weights (scale 0), and those after training on the class that follows the
    right one, by the cost that belongs to the unit, the output layer then times a scale. All starts
    and rates are trained side by side, on the same batches. Steps are None where it never came so
    far; `confidence` is the mean net input of the largest output less the right one's.
    """
    with one_thread():
        seen, others = _images(dataset, seed, settings["examples"], settings["held"])
        first = initial(seed, seen.inputs.shape[1], settings["hidden"], dataset.classes)
        wrong = Split(seen.inputs, (seen.labels + 1) % dataset.classes)
        batches = Streams(seed).get("batches")
        batch, rate = settings["batch"], settings["first_rate"]
        before = training(first, belonging(pair), wrong, [rate], batch, batches)
        (misled,) = deque(islice(before, settings["before"]), maxlen=1)
        starts = [first if scale == 0 else scaled(misled, scale) for scale in scales]
        stack = [torch.cat([start[at] for start in starts for _ in rates]) for at in range(4)]
        sure = confidence(stack, others["test"])
        reached = {name: [math.inf] * len(sure) for name in others}
        course = training(stack, pair, seen, rates * len(scales), batch, batches)
        for step, weights in enumerate(islice(course, settings["steps"]), start=1):
            if step % settings["every"] == 0:
                for name, split in others.items():
                    there = wrong_share(weights, split) <= settings["error"]
                    for at in there.nonzero()[:, 0].tolist():
                        reached[name][at] = min(reached[name][at], step)
    for at, one in enumerate(sure.tolist()):
        steps = {f"{name}_steps": counts[at] for name, counts in reached.items()}
        yield {
            "place": scales[at // len(rates)],
            "rate": rates[at % len(rates)],
            "confidence": one,
            **{name: None if count == math.inf else count for name, count in steps.items()},
        }


def _images(
    dataset: Dataset, seed: int, examples: int, held: int
) -> tuple[Split, dict[str, Split]]:
    """The training images that a seed draws; of the validation and test images the first few."""
    drawn = torch.randperm(len(dataset.train), generator=Streams(seed).get("examples"))[:examples]
    seen = Split(dataset.train.inputs[drawn].flatten(1), dataset.train.labels[drawn])
    others = {"validation": dataset.validation, "test": dataset.test}
    return seen, {
        name: Split(split.inputs[:held].flatten(1), split.labels[:held])
        for name, split in others.items()
    }


def belonging(pair: str) -> str:
    """The pair of the same unit with the cost that belongs to it."""
    return next(one for one in COSTS if one.partition(", ")[0] == pair.partition(", ")[0])


def initial(seed: int, inputs: int, hidden: int, classes: int) -> Weights:
    """A stack of one network: normal weights of variance 1/inputs of the layer, biases of 0."""
    generator = Streams(seed).get("init")
    first = torch.randn(1, inputs, hidden, generator=generator) / inputs**0.5
    second = torch.randn(1, hidden, classes, generator=generator) / hidden**0.5
    return [first, torch.zeros(1, 1, hidden), second, torch.zeros(1, 1, classes)]


def scaled(weights: Weights, scale: float) -> Weights:
    """The output layer times a scale."""
    return [*weights[:2], *(scale * one for one in weights[2:])]


def net_inputs(weights: Weights, inputs: Tensor) -> Tensor:
    """z [networks, n, classes] of a stack of networks, whose hidden units are tanh."""
    first, bias, second, level = weights
    return (inputs @ first + bias).tanh() @ second + level


def wrong_share(weights: Weights, split: Split) -> Tensor:
    """The share [networks] of examples whose largest output is not their label's."""
    return (net_inputs(weights, split.inputs).argmax(-1) != split.labels).float().mean(1)


def confidence(weights: Weights, split: Split) -> Tensor:
    """The mean [networks] of the largest net input less that of the label."""
    z = net_inputs(weights, split.inputs)
    right = z.gather(2, split.labels.expand(len(z), -1)[..., None])[..., 0]
    return (z.amax(-1) - right).mean(1)


def training(
    weights: Weights,
    pair: str,
    split: Split,
    rates: list[float],
    batch: int,
    generator: torch.Generator,
) -> Iterator[Weights]:
    """Yields a stack of networks after each step of SGD, without end; all see the same batches.

    A network whose rate is too large ends as NaN, and leaves the others alone.
    """
    pace = torch.tensor(rates)[:, None, None]
    targets = one_hot(split.labels, weights[2].shape[2]).float()
    while True:
        drawn = torch.randint(len(split.labels), (batch,), generator=generator)
        leaves = [one.detach().requires_grad_() for one in weights]
        cost = COSTS[pair](net_inputs(leaves, split.inputs[drawn]), targets[drawn])
        found = torch.autograd.grad(cost.mean(1).sum(), leaves)
        weights = [one.detach() - pace * by for one, by in zip(leaves, found, strict=True)]
        yield weights
