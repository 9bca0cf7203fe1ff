"""What the study `early_stopping` computes: beside it, so that judging anew computes nothing."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from surfeit.core import Split, one_thread
from surfeit.data import Dataset
from surfeit.least_squares import penalised_share, penalty_of_steps, stopped_share
from surfeit.studies._fitting import examples

_DIRECTIONS = 12  # of each stop that rows, and so the figure, have
_ABSENT = 1e-9  # of the largest eigenvalue: directions that the images do not have


@one_thread()
def descended(
    dataset: Dataset, seed: int, images: int, stops: list[int], flat: float
) -> Iterator[dict[str, Any]]:
    """Gradient descent on the least squares of a seed's images, and L2 of the matching strength.

    The inputs are pixels and the targets one-hot labels, each less its mean over the training
    images; the rate is one over the Hessian's largest eigenvalue.

    Args:
        dataset: the whole one.
        seed: draws the images.
        images: how many.
        stops: steps at which descent is stopped, ascending.
        flat: up to which `steps · rate · λ` little has been learned along a direction.

    Yields:
        one row a stop, `part` "path": errors on test and validation of `stopped` and `penalised`
        weights, the mean over images of the squared error; `least_strength` and `largest_strength`
        of L2 that leave what descent has, times steps · rate, over the directions that are flat;
        `off` by how much a share is from its closed form at most. And some of the directions of
        each stop, `part` "direction": `s = steps · rate · λ`, and the share that is left.
    """
    chosen = examples(dataset, images, seed).train
    centre, mean = _rows(chosen).mean(0), _targets(chosen, dataset).mean(0)
    rows, targets = _rows(chosen) - centre, _targets(chosen, dataset) - mean
    hessian, pull = rows.T @ rows / len(rows), rows.T @ targets / len(rows)
    values, vectors = torch.linalg.eigh(hessian)
    there = values > _ABSENT * values[-1]
    values, vectors = values[there], vectors[:, there]
    solution = vectors.T @ pull / values[:, None]
    rate = 1 / float(values[-1])
    weights = torch.zeros_like(pull)
    split = {"test": dataset.test, "validation": dataset.validation}
    judged = {
        name: (_rows(one) - centre, _targets(one, dataset) - mean) for name, one in split.items()
    }
    for step in range(1, stops[-1] + 1):
        weights = weights - rate * (hessian @ weights - pull)
        if step not in stops:
            continue
        share = ((vectors.T @ weights) * solution).sum(1) / solution.square().sum(1)
        strength = values * (1 - share) / share * rate * step
        little = values * rate * step <= flat
        l2 = penalised_share(values, penalty=1 / (rate * step))
        penalised = vectors @ (l2[:, None] * solution)
        exact = stopped_share(values, rate=rate, steps=step)
        about = {"seed": seed, "steps": step}
        yield _row(about, part="path") | {
            **{f"stopped_{name}": _error(weights, *one) for name, one in judged.items()},
            **{f"penalised_{name}": _error(penalised, *one) for name, one in judged.items()},
            "least_strength": float(strength[little].min()) if little.any() else None,
            "largest_strength": float(strength[little].max()) if little.any() else None,
            "off": float((share - exact).abs().max()),
        }
        own = penalty_of_steps(values, rate=rate, steps=step) * rate * step
        for place in torch.linspace(0, len(values) - 1, _DIRECTIONS).round().long().unique():
            yield _row(about, part="direction") | {
                "s": float(values[place]) * rate * step,
                "share": float(share[place]),
                "l2_share": float(l2[place]),
                "strength": float(strength[place]),
                "own_strength": float(own[place]),
            }


COLUMNS = (
    *("part", "seed", "steps", "stopped_test", "penalised_test", "stopped_validation"),
    *("penalised_validation", "least_strength", "largest_strength", "off", "s", "share"),
    *("l2_share", "strength", "own_strength", "loss", "accuracy", "run"),
)
"""Of the study's table; what a part does not have is None."""


def _row(about: dict[str, Any], part: str) -> dict[str, Any]:
    return dict.fromkeys(COLUMNS) | about | {"part": part}


def network_row(part: str, seed: int, steps: int, measured: dict[str, Any]) -> dict[str, Any]:
    """A row of a network that was stopped, decayed or neither."""
    return _row({"seed": seed, "steps": steps}, part) | measured


def _rows(split: Split) -> Tensor:
    return split.inputs.flatten(1).double()


def _targets(split: Split, dataset: Dataset) -> Tensor:
    return F.one_hot(split.labels, dataset.classes).double()


def _error(weights: Tensor, rows: Tensor, targets: Tensor) -> float:
    return float((rows @ weights - targets).square().sum(1).mean())
