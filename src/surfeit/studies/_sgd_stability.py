"""What the study `sgd_stability` starts from, and what it measures: beside it, so that judging anew
measures nothing anew."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from surfeit.core import squared_error
from surfeit.curvature import LossSurface as Surface
from surfeit.curvature import deviation, hessian
from surfeit.data import Dataset
from surfeit.lab import Lab
from surfeit.store import Run
from surfeit.studies._fitting import examples
from surfeit.studies._flatness import top
from surfeit.train import Job, Origin, Recipe, Snapshots


def descent(lab: Lab, model: str, data: Dataset, recipe: Recipe, *, seed: int, scale: float) -> Job:
    """A training by the squared error, from the network's initial weights times `scale`."""
    job = lab.job(
        model,
        data,
        recipe,
        seed=seed,
        objective=squared_error,
        snapshots=Snapshots(every_epochs=0),
    )
    return replace(job, model=scaled_(job.network, scale), name=model)


@torch.no_grad()
def scaled_(network: nn.Module, scale: float) -> nn.Module:
    """The network with all of its weights multiplied."""
    for value in network.parameters():
        value.mul_(scale)
    return network


def moved_on(run: Run, *, base: Job, recipe: Recipe) -> Job:
    """The training that goes on from where a run ended, by another recipe."""
    origin = Origin(parents=(run.key,))
    return replace(base, model=run.model(), recipe=recipe, origin=origin)


def curved(run: Run, dataset: Dataset, images: int) -> Iterator[dict[str, Any]]:
    """Loss, sharpness and non-uniformity at a run's end, on the images that it was trained on.

    An eigenvalue that has not converged is None.
    """
    split = examples(dataset, images, run.config["seed"]).train
    surface = Surface.of(run.model(), split, squared_error)
    square = top(deviation(surface))
    yield {
        "loss": surface.loss,
        "sharpness": top(hessian(surface)),
        "nonuniformity": None if square is None else math.sqrt(max(0.0, square)),
    }


def highest_loss(run: Run) -> float:
    """The largest mean training loss of an epoch, of its batches as they were trained on."""
    losses = run.metrics()["train_loss"].to_pylist()
    return max(loss for loss in losses if loss is not None)
