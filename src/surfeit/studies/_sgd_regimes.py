"""What the study `sgd_regimes` draws: beside it, so that judging anew computes nothing anew."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from surfeit.core import Streams
from surfeit.least_squares import (
    best_rate,
    critical_batch,
    expected_losses,
    minimum_norm,
    noise_floor,
    simulated_losses,
)


def drawn(part: str, seed: int, settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of a part: `descents`, `rates` or `batches`."""
    parts = {"descents": descents, "rates": rates, "batches": batches}
    yield from parts[part](seed, **settings)


def descents(
    seed: int,
    examples: int,
    narrow: int,
    wide: int,
    noise: float,
    batch: int,
    places: list[int],
    runs: int,
) -> Iterator[dict[str, Any]]:
    """A row a width and step: the loss above the least one, of that at the start, w = 0.

    `measured` is the mean over runs, `typical` the geometric mean, `largest` that of the slowest
    run. `contraction` is by how much the bound's logarithm falls a step, in nats; `floor` is where
    the expectation ends.
    """
    sizes = {"narrow": narrow, "wide": wide}
    problems = {name: problem(seed, examples, size, noise) for name, size in sizes.items()}
    rate = common_rate([inputs for inputs, _ in problems.values()], batch)
    for name, (inputs, targets) in problems.items():
        start = torch.zeros(inputs.shape[1])
        about: dict[str, Any] = {"rate": rate, "batch": batch, "steps": max(places)}
        exact = expected_losses(inputs, targets, start, **about)
        generator = Streams(seed).get("descents", name)
        losses = simulated_losses(
            inputs, targets, start, runs=runs, generator=generator, **about
        ) / float(exact[0])
        least = torch.linalg.svdvals(inputs)[-1] ** 2 / examples
        floor = noise_floor(inputs, targets, rate=rate, batch=batch)
        for place in places:
            at = losses[:, place]
            yield {
                "part": name,
                "place": place,
                "measured": at.mean().item(),
                "typical": at.log().mean().exp().item(),
                "largest": at.max().item(),
                "exact": float(exact[place] / exact[0]),
                "contraction": -math.log1p(-rate * float(least)),
                "floor": floor / float(exact[0]),
            }


def rates(
    seed: int,
    examples: int,
    narrow: int,
    wide: int,
    noise: float,
    batch: int,
    shares: list[float],
    steps: int,
    runs: int,
) -> Iterator[dict[str, Any]]:
    """A row a share of the common rate: the floor, of the least loss.

    It is the mean over runs and over the second half of `steps` steps, of as many more as the rate
    is smaller.
    """
    inputs, targets = problem(seed, examples, narrow, noise)
    rate = common_rate([inputs, problem(seed, examples, wide, noise)[0]], batch)
    left = targets - inputs @ minimum_norm(inputs, targets[:, None])[:, 0]
    least = float(left.square().mean()) / 2
    for share in shares:
        about: dict[str, Any] = {"rate": share * rate, "batch": batch}
        taken = round(steps / share)
        losses = simulated_losses(
            inputs,
            targets,
            torch.zeros(narrow),
            steps=taken,
            runs=runs,
            generator=Streams(seed).get("rates", str(share)),
            **about,
        )
        yield {
            "part": "rates",
            "place": share,
            "measured": float(losses[:, taken // 2 :].mean()) / least,
            "exact": noise_floor(inputs, targets, **about) / least,
        }


def batches(
    seed: int,
    examples: int,
    wide: int,
    noise: float,
    sizes: list[int],
    tolerance: float,
    runs: int,
) -> Iterator[dict[str, Any]]:
    """A row a batch: the steps until the mean loss is down to the tolerance, at the best rate.

    The part `critical` has the first batch that is no smaller than the critical one, which is in
    the column of that name; `full` are the steps of gradient descent.
    """
    inputs, targets = problem(seed, examples, wide, noise)
    critical, start = critical_batch(inputs), torch.zeros(wide)
    full = exact_steps(inputs, targets, None, tolerance, 64)
    for part, size in [("batches", size) for size in sizes] + [("critical", math.ceil(critical))]:
        enough = round(2 * full * (1 + 2 * critical / size))
        exact = exact_steps(inputs, targets, size, tolerance, enough)
        losses = simulated_losses(
            inputs,
            targets,
            start,
            rate=best_rate(inputs, size),
            batch=size,
            steps=round(1.5 * exact) + 10,
            runs=runs,
            generator=Streams(seed).get("batches", part, size),
        )
        yield {
            "part": part,
            "place": size,
            "measured": crossing(losses.mean(0), tolerance),
            "exact": exact,
            "critical": critical,
            "full": full,
        }


def problem(seed: int, examples: int, features: int, noise: float) -> tuple[Tensor, Tensor]:
    """Inputs with normal entries and norms of about 1, and a linear target with noise."""
    generator = Streams(seed).get("problem", features)
    inputs = torch.randn(examples, features, generator=generator, dtype=torch.float64)
    inputs = inputs / features**0.5
    coefficients = torch.randn(features, generator=generator, dtype=torch.float64)
    errors = torch.randn(examples, generator=generator, dtype=torch.float64)
    return inputs, inputs @ coefficients + noise**0.5 * errors


def common_rate(both: Sequence[Tensor], batch: int) -> float:
    """The smaller of the best rates of two widths' inputs."""
    return min(best_rate(inputs, batch) for inputs in both)


def exact_steps(
    inputs: Tensor, targets: Tensor, batch: int | None, tolerance: float, steps: int
) -> float:
    """The steps after which the expected loss is down to the tolerance, at the best rate.

    They are looked for among so many steps, and among twice as many where they are not there.
    """
    rate, start = best_rate(inputs, batch), torch.zeros(inputs.shape[1])
    while True:
        losses = expected_losses(inputs, targets, start, rate=rate, batch=batch, steps=steps)
        found = crossing(losses, tolerance)
        if found is not None:
            return found
        steps *= 2


def crossing(losses: Tensor, tolerance: float) -> float | None:
    """The step at which losses first fall to a share of the first one, none if they do not.

    Between two steps the logarithm is taken as a straight line: of few steps a whole number would
    be too coarse.
    """
    logs = (losses / losses[0]).log()
    reached = (logs <= math.log(tolerance)).nonzero()
    if len(reached) == 0:
        return None
    at = int(reached[0])
    before, after = float(logs[at - 1]), float(logs[at])
    if after == -math.inf:  # solved at once
        return float(at)
    return at - 1 + (math.log(tolerance) - before) / (after - before)
