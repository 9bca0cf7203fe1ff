"""What the study `attack_data` trains on and measures: beside it, so that judging anew measures
nothing anew."""

from collections.abc import Iterator
from typing import Any, Literal

import torch

from surfeit.core import Split, Streams, evaluate, squared_error
from surfeit.curvature import LossSurface, adaptive, hessian
from surfeit.data import Dataset, from_tensors
from surfeit.store import Run
from surfeit.studies._flatness import top

Labels = Literal["wrong", "right"]


def attacked(
    dataset: Dataset, images: int, attacks: int, seed: int, labels: Labels = "wrong"
) -> Dataset:
    """Training images with their labels, and so many others of a seed with wrong ones, at the end.

    The true ones are the same for any number of attacks, and fewer attacks are among more. As a
    control the others can have their right labels.

    Raises:
        ValueError: if the data set has too few training images.
    """
    there = len(dataset.train)
    if images + attacks > there:
        raise ValueError(
            f"{images:,} images and {attacks:,} attacks need as many training images, and "
            f"{dataset.name} has {there:,}: take fewer"
        )
    streams = Streams(seed)
    order = torch.randperm(there, generator=streams.get("attacked"))
    shift = torch.randint(1, dataset.classes, (there,), generator=streams.get("attack labels"))
    shift[: images if labels == "wrong" else None] = 0
    chosen = order[: images + attacks]
    given = (dataset.train.labels[chosen] + shift[: images + attacks]) % dataset.classes
    return from_tensors(
        f"{dataset.name}-{labels}-{attacks}",
        train=Split(dataset.train.inputs[chosen], given),
        validation=dataset.validation,
        test=dataset.test,
        class_names=dataset.class_names,
        mean=dataset.mean,
        std=dataset.std,
    )


def on_true(run: Run, dataset: Dataset, images: int) -> Iterator[dict[str, Any]]:
    """Loss, error and sharpness on the true training images, and the test error, at a run's end."""
    split = attacked(dataset, images, 0, run.config["seed"]).train
    surface = LossSurface.of(run.model(), split, squared_error)
    right = evaluate(run.model(), run.tensors(), split).accuracy
    assert right is not None  # classes have an accuracy
    whole = hessian(surface)
    yield {
        "loss": surface.loss,
        "train_error": 1 - right,
        "sharpness": top(whole),
        "relative": top(adaptive(surface, whole)),
        "test_error": 1 - run.metrics()["test_accuracy"][-1].as_py(),
    }
