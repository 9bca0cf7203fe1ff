"""What the study `gradient_noise` measures: beside it, so that judging anew measures nothing."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Generator, Tensor

from surfeit.core import Split, Streams, cross_entropy
from surfeit.curvature import LossSurface, gradient_noise
from surfeit.data import Dataset
from surfeit.store import Run
from surfeit.studies._fitting import examples


def noisy(
    run: Run, dataset: Dataset, images: int, batches: list[int], draws: int
) -> Iterator[dict[str, Any]]:
    """A row for each snapshot, size of batch and way of drawing it, with or without replacement.

    `measured` is the mean of `‖g_B − g‖²` over the batches that were drawn, `exact` what it is over
    all that can be. `bias` is `‖mean_B g_B − g‖²` times the draws, over `exact`: 1 in expectation
    if the batches' gradients are unbiased. `scale` is the noise scale σ²/‖g‖².
    """
    seed = run.config["seed"]
    split = examples(dataset, images, seed).train
    trained_by = run.config["recipe"]["batch_size"]
    for step in run.steps():
        surface = LossSurface.of(run.model(step), split)
        noise, whole = gradient_noise(surface), surface.gradient()
        for replacement in (True, False):
            for batch in batches:
                about = f"{step} {batch} {replacement}"
                drawn = _indices(
                    images, batch, draws, replacement, Streams(seed).get("batches", about)
                )
                off, total = 0.0, torch.zeros_like(whole)
                for some in drawn:
                    found = _gradient(surface, split[some]) - whole
                    off += float(found.square().sum())
                    total += found
                exact = noise.of_batch(batch, replacement=replacement)
                yield {
                    "epoch": step * trained_by / images,
                    "replacement": replacement,
                    "batch": batch,
                    "measured": off / draws,
                    "exact": exact,
                    "bias": float(total.square().sum()) / draws / exact,
                    "squared": noise.squared,
                    "scale": noise.scale,
                    "loss": surface.loss,
                }


def _indices(
    examples: int, batch: int, draws: int, replacement: bool, generator: Generator
) -> Tensor:
    """Batches of indices, [draws, batch]."""
    if replacement:
        return torch.randint(examples, (draws, batch), generator=generator)
    orders = [torch.randperm(examples, generator=generator)[:batch] for _ in range(draws)]
    return torch.stack(orders)


def _gradient(surface: LossSurface, batch: Split) -> Tensor:
    """The gradient of a batch's mean loss, as a training step takes it; float64."""
    surface.network.zero_grad()
    cross_entropy.loss(surface.network(batch.inputs), batch.targets).backward()
    slopes = {name: value.grad for name, value in surface.network.named_parameters()}
    return surface.coordinates.flat(slopes).double()  # pyright: ignore[reportArgumentType]
