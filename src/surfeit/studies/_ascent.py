"""What the study `ascent` measures: beside it, so that judging anew measures nothing."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from surfeit.core import Split, Streams, squared_error
from surfeit.curvature import (
    LossSurface,
    ascent,
    dense,
    hessian,
    measured_ascent,
    predicted_change,
)
from surfeit.data import Dataset
from surfeit.store import Run
from surfeit.studies._fitting import examples
from surfeit.studies._flatness import top

_FIRST = 1e-3
"""Of the predicted rate: where the search for the measured one begins."""


def climbed(run: Run, dataset: Dataset, images: int, steps: list[int]) -> Iterator[dict[str, Any]]:
    """A row a step: where descent turns into ascent before it, and what it did to the loss.

    `turns` is the rate at which a step along the gradient is predicted to raise the loss, `turned`
    that at which it does, `edge` is 2/λ₁; `predicted` and `change` are of the step as it was taken.
    A rate that is not finite or not found is None.
    """
    split = examples(dataset, images, run.config["seed"]).train
    for step in steps:
        surface = LossSurface.of(run.model(step), split, squared_error)
        after = LossSurface.of(run.model(step + 1), split, squared_error)
        found, largest = ascent(surface), top(hessian(surface))
        turns = found.rate if math.isfinite(found.rate) else None
        taken = _point(after) - _point(surface)
        yield {
            "place": float(step),
            "loss": surface.loss,
            "slope": found.slope,
            "turns": turns,
            "turned": None if turns is None else measured_ascent(surface, first=_FIRST * turns),
            "edge": None if largest is None or largest <= 0 else 2 / largest,
            "predicted": predicted_change(surface, taken),
            "change": after.loss - surface.loss,
        }


def _point(surface: LossSurface) -> Tensor:
    return surface.coordinates.flat(surface.coordinates.point).double()


def of_quadratic(
    seed: int, count: int, features: int, shares: list[float], steps: int
) -> Iterator[dict[str, Any]]:
    """Gradient descent on least squares: a row a share of 2/λ₁ that is its rate.

    `place` is the share, `predicted` and `change` are of the last of the steps, `turns` is the
    predicted rate before it, `edge` 2/λ₁, by all eigenvalues.
    """
    generator = Streams(seed).get("quadratic")
    inputs = torch.randn(count, features, generator=generator, dtype=torch.float64)
    targets = torch.randn(count, 1, generator=generator, dtype=torch.float64)
    line = nn.Linear(features, 1, bias=False).double()
    split = Split(inputs, targets)
    nn.init.zeros_(line.weight)
    origin = LossSurface.of(line, split, squared_error)
    whole, first = dense(hessian(origin)), origin.gradient()
    edge = 2 / float(torch.linalg.eigvalsh(whole)[-1])
    for share in shares:
        weights = torch.zeros(features, dtype=torch.float64)
        for _ in range(steps):
            weights = weights - share * edge * (first + whole @ weights)
        before = _at(line, weights, split)
        after = _at(line, weights - share * edge * before.gradient(), split)
        found = ascent(before)
        yield {
            "place": share,
            "loss": before.loss,
            "slope": found.slope,
            "turns": found.rate,
            "turned": measured_ascent(before, first=_FIRST * found.rate),
            "edge": edge,
            "predicted": found.change(share * edge),
            "change": after.loss - before.loss,
        }


@torch.no_grad()
def _at(line: nn.Module, weights: Tensor, split: Split) -> LossSurface:
    """The loss around some weights."""
    for value in line.parameters():
        value.copy_(weights[None])
    return LossSurface.of(line, split, squared_error)
