"""What the study `optimisers` descends: beside it, so that judging anew computes nothing anew."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.optim import SGD, Adagrad, Adam, Optimizer, RMSprop

from surfeit.core import Streams, cross_entropy, evaluate, tensors_of
from surfeit.data import Dataset
from surfeit.least_squares import (
    contraction,
    expected_losses,
    momentum_losses,
    noise_floor,
    simulated_losses,
)
from surfeit.models import builder_named
from surfeit.studies._fitting import examples

MOMENTUM = 0.9
"""Of momentum and Nesterov; RMSProp has none."""
PLAIN = ("gradient descent", "SGD", "mini-batch")
"""All examples, one example, and few examples a step, each by the plain step."""
OPTIMISERS = (*PLAIN, "momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam")


def optimiser_of(name: str, values: list[Tensor], rate: float) -> Optimizer:
    """Torch's optimiser of this name, with torch's own coefficients but for the momentum."""
    if name in PLAIN:
        return SGD(values, lr=rate)
    if name in ("momentum", "Nesterov"):
        return SGD(values, lr=rate, momentum=MOMENTUM, nesterov=name == "Nesterov")
    return {"AdaGrad": Adagrad, "RMSProp": RMSprop, "Adam": Adam}[name](values, lr=rate)


def conditioned(
    seed: int, part: str, count: int, features: int, condition: float
) -> tuple[Tensor, Tensor, Generator]:
    """Inputs whose H has eigenvalues from 1 to 1/condition, coefficients, and what else is drawn.

    The eigenvalues are evenly spaced in their logarithms, and the eigenvectors lie along no axis.
    """
    generator = Streams(seed).get("conditioned", part)
    left, right = (
        torch.linalg.qr(torch.randn(n, features, generator=generator, dtype=torch.float64))[0]
        for n in (count, features)
    )
    values = torch.logspace(0, -math.log10(condition), features, dtype=torch.float64)
    inputs = left * (count * values).sqrt() @ right.T
    return inputs, torch.randn(features, generator=generator, dtype=torch.float64), generator


def tuned(
    seed: int,
    count: int,
    features: int,
    condition: float,
    batch: int,
    steps: int,
    places: list[int],
    rates: list[float],
    runs: int,
) -> Iterator[dict[str, Any]]:
    """A row an optimiser and rate on least squares that all examples fit, from w = 0.

    `losses` are the excess at the places, of that at the start, and `exact` what a closed form
    gives for gradient descent, momentum and Nesterov; `contraction` is the loss's factor a step at
    last. `validation_loss` is that of as many other examples, at the end. SGD and mini-batches are
    means over runs. What is not finite is None.
    """
    inputs, wanted, generator = conditioned(seed, "tuned", count, features, condition)
    others = torch.randn(count, features, generator=generator, dtype=torch.float64)
    held = others @ torch.linalg.cholesky(inputs.T @ inputs / count).T
    for name in OPTIMISERS:
        for rate in rates:
            batches = Streams(seed).get("batches", name, str(rate))
            size = {"SGD": 1, "mini-batch": batch}.get(name)
            if size is None:
                path = _deterministic(name, inputs, wanted, rate, steps)[:, None]
            else:
                path = _stochastic(inputs, wanted, rate, size, steps, runs, batches)
            off = path[[*places, -1]] - wanted
            losses = (off @ inputs.T).square().mean((1, 2)) / 2
            validation = float((off[-1] @ held.T).square().mean()) / 2
            exact, factor = _closed_form(name, inputs, wanted, rate, steps)
            yield {
                "optimiser": name,
                "rate": rate,
                "validation_loss": validation if math.isfinite(validation) else None,
                "losses": _finite(losses[:-1] / losses[0]),
                "exact": None if exact is None else _finite(exact[places] / exact[0]),
                "contraction": factor,
            }


def _deterministic(name: str, inputs: Tensor, wanted: Tensor, rate: float, steps: int) -> Tensor:
    """The weights at each step from 0 on, by the gradient of all examples."""
    h = inputs.T @ inputs / len(inputs)
    weights = torch.zeros_like(wanted)
    optimiser = optimiser_of(name, [weights], rate)
    path = [weights.clone()]
    for _ in range(steps):
        weights.grad = h @ (weights - wanted)
        optimiser.step()
        path.append(weights.clone())
    return torch.stack(path)


def _stochastic(
    inputs: Tensor,
    wanted: Tensor,
    rate: float,
    batch: int,
    steps: int,
    runs: int,
    generator: Generator,
) -> Tensor:
    """The weights at each step of many runs, batches drawn with replacement."""
    weights = torch.zeros(runs, len(wanted), dtype=torch.float64)
    path = [weights]
    drawn = torch.randint(len(inputs), (steps, runs, batch), generator=generator)
    for indices in drawn:
        given = inputs[indices]
        errors = given @ (weights - wanted)[:, :, None]
        weights = weights - rate / batch * (given.transpose(1, 2) @ errors)[:, :, 0]
        path.append(weights)
    return torch.stack(path)


def _closed_form(
    name: str, inputs: Tensor, wanted: Tensor, rate: float, steps: int
) -> tuple[Tensor | None, float | None]:
    """The losses of deterministic plain steps, with and without momentum, and their factor."""
    if name not in ("gradient descent", "momentum", "Nesterov"):
        return None, None
    step: dict[str, Any] = {"rate": rate, "nesterov": name == "Nesterov"}
    step["momentum"] = 0.0 if name == "gradient descent" else MOMENTUM
    start, targets = torch.zeros_like(wanted), inputs @ wanted
    exact = momentum_losses(inputs, targets, start, steps=steps, **step)
    return exact, contraction(inputs, **step) ** 2


def scheduled(
    seed: int,
    count: int,
    features: int,
    condition: float,
    noise: float,
    batch: int,
    rate: float,
    decay_steps: int,
    places: list[int],
    runs: int,
) -> Iterator[dict[str, Any]]:
    """SGD on least squares that leaves noise: a row a schedule and step, from w = 0.

    `value` is the mean excess over runs and `exact` its expectation; `floor` is where a constant
    rate ends, None of others. The schedules are `constant`, `quarter` (of the rate), `inverse`,
    η/(1 + t/τ), and `inverse square`, η/(1 + t/τ)², whose sum converges.
    """
    inputs, wanted, generator = conditioned(seed, "scheduled", count, features, condition)
    errors = torch.randn(count, generator=generator, dtype=torch.float64)
    targets = inputs @ wanted + noise**0.5 * errors
    steps = places[-1]
    decays = [1 + step / decay_steps for step in range(steps)]
    schedules: dict[str, float | list[float]] = {
        "constant": rate,
        "quarter": rate / 4,
        "inverse": [rate / decay for decay in decays],
        "inverse square": [rate / decay**2 for decay in decays],
    }
    for name, rates in schedules.items():
        about: dict[str, Any] = {"rate": rates, "batch": batch, "steps": steps}
        start = torch.zeros(features)
        exact = expected_losses(inputs, targets, start, **about)
        batches = Streams(seed).get("scheduled", name)
        losses = simulated_losses(inputs, targets, start, runs=runs, generator=batches, **about)
        floor = None
        if isinstance(rates, float):
            floor = noise_floor(inputs, targets, rate=rates, batch=batch)
        for place in places:
            yield {
                "optimiser": name,
                "rate": rate,
                "place": float(place),
                "value": float(losses[:, place].mean()),
                "exact": float(exact[place]),
                "floor": floor,
            }


def trained(
    dataset: Dataset,
    optimiser: str,
    seed: int,
    images: int,
    model: str,
    batch: int,
    epochs: int,
    rates: list[float],
) -> Iterator[dict[str, Any]]:
    """A row a rate: a network after so many epochs, from the initial weights of the seed.

    `value` is the training loss and `validation_loss` that of the validation split, in nats; they
    are None where a rate makes the loss overflow. `test_error`, a share, is measured at the rate of
    the least validation loss alone, and None elsewhere.
    """
    data = examples(dataset, images, seed)
    size = {"gradient descent": images, "SGD": 1}.get(optimiser, batch)
    rows, best = [], None
    for rate in rates:
        network = builder_named(model)(
            input_shape=data.input_shape,
            classes=data.classes,
            generator=Streams(seed).get("init"),
        )
        steps = optimiser_of(optimiser, list(network.parameters()), rate)
        row: dict[str, Any] = {"optimiser": optimiser, "rate": rate, "value": None}
        row |= {"validation_loss": None, "test_error": None}
        rows.append(row)
        if not _fitted(network, data, steps, size, epochs, Streams(seed).get("order")):
            continue
        for column, split in (("value", data.train), ("validation_loss", data.validation)):
            row[column] = _or_none(evaluate(network, tensors_of(network), split).loss)
        lowest = math.inf if best is None else best[0]["validation_loss"]
        if row["validation_loss"] is not None and row["validation_loss"] < lowest:
            best = row, network
    if best is not None:
        right = evaluate(best[1], tensors_of(best[1]), data.test).accuracy
        best[0]["test_error"] = None if right is None else 1 - right
    yield from rows


def _fitted(
    network: nn.Module,
    data: Dataset,
    optimiser: Optimizer,
    batch: int,
    epochs: int,
    generator: Generator,
) -> bool:
    """Trains in place; whether the loss stayed finite."""
    inputs, targets = data.train.inputs, data.train.targets
    for _ in range(epochs):
        for some in torch.randperm(len(inputs), generator=generator).split(batch):
            optimiser.zero_grad()
            loss = cross_entropy.loss(network(inputs[some]), targets[some])
            if not bool(loss.isfinite()):
                return False
            loss.backward()
            optimiser.step()
    return all(bool(value.isfinite().all()) for value in network.parameters())


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _finite(values: Tensor) -> list[float | None]:
    return [_or_none(value) for value in values.tolist()]
