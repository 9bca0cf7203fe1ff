"""What the study `deep_descent` trains on and measures: beside it, so that judging anew is free."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from surfeit.core import Params, Split, Streams, evaluate
from surfeit.core.threads import one_thread
from surfeit.data import Dataset, with_label_noise
from surfeit.data.fingerprint import fingerprint_of
from surfeit.store import Run
from surfeit.studies._fitting import examples


def noisy(dataset: Dataset, images: int, share: float, seed: int) -> Dataset:
    """The training images that a seed draws, a share of them with a *wrong* label.

    All shares of a seed have the same images, and what a smaller one mislabels a larger one does.

    Raises:
        ValueError: as `examples` and `with_label_noise`.
    """
    labels = Streams(seed).get("labels")
    return with_label_noise(examples(dataset, images, seed), share, labels, kind="wrong")


def watched(dataset: Dataset, count: int) -> Dataset:
    """The data with the first few images of the validation and the test split alone.

    A training measures both each epoch, which of thousands of images would take longer than its
    steps. What is judged is measured afterwards, on all of them.
    """
    few = {name: dataset.splits[name][slice(count)] for name in ("validation", "test")}
    return replace(
        dataset,
        name=f"{dataset.name}-watched-{count}",
        fingerprint=fingerprint_of(dataset.fingerprint, "watched", count),
        **few,
    )


def errors_by_step(
    run: Run, dataset: Dataset, images: int, noise: float
) -> Iterator[dict[str, Any]]:
    """The shares of misclassified images at each kept step, the first excepted.

    Args:
        run: trained on so many images of the data set, with such a share of wrong labels.
        dataset: the whole one, with its right labels: it is sent once for all runs.
        images, noise: as of `noisy`.
    """
    splits = {**dataset.splits, "train": noisy(dataset, images, noise, run.config["seed"]).train}
    model = run.model()
    for step in run.steps()[1:]:
        with one_thread():
            yield {"step": step, **_errors(model, run.tensors(step), splits)}


def _errors(model: nn.Module, tensors: Params, splits: Mapping[str, Split]) -> dict[str, float]:
    found = {}
    for name, split in splits.items():
        right = evaluate(model, tensors, split).accuracy
        assert right is not None  # classes have an accuracy
        found[f"{name}_error"] = 1 - right
    return found
