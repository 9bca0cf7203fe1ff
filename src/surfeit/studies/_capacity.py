"""What the study `capacity` trains and measures: networks without biases, where they fit."""

import math
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from surfeit.capacity import MEASURES, TwoLayer, unit_capacity, unit_impact, unit_wise
from surfeit.core import Streams, evaluate
from surfeit.data import Dataset
from surfeit.models import Shape
from surfeit.store import Run
from surfeit.studies._fitting import examples
from surfeit.train import Recipe, Snapshots

MEASURED = (*MEASURES, "norms", "capacity", "impact")
"""The columns that a network has where it fits; None where it never does."""

_APART = 1.05  # kept epochs, from the tenth on


def two_layers(
    width: int,
    *,
    input_shape: Shape = (1, 28, 28),
    classes: int = 10,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """A hidden layer `fc1` with ReLU and an output layer `fc2`, without biases.

    Initial weights are uniform within `± 1/√inputs` of a layer, PyTorch's default, as which the
    authors' program leaves them.
    """
    drawing = generator or Streams(0).get("init")
    hidden = nn.Linear(math.prod(input_shape), width, bias=False)
    output = nn.Linear(width, classes, bias=False)
    for layer in (hidden, output):
        bound = 1 / math.sqrt(layer.in_features)
        nn.init.uniform_(layer.weight, -bound, bound, generator=drawing)
    parts = {"flatten": nn.Flatten(), "fc1": hidden, "relu1": nn.ReLU(), "fc2": output}
    return nn.Sequential(OrderedDict(parts))


def kept(recipe: Recipe, images: int) -> Snapshots:
    """The ends of the first ten epochs, and of those that are each a twentieth later."""
    per_epoch = recipe.steps_per_epoch(images)
    last = recipe.total_steps(images) // per_epoch
    epochs, place = set(range(1, min(10, last) + 1)), 10.0
    while (place := place * _APART) < last:
        epochs.add(round(place))
    return Snapshots(every_epochs=0, at=tuple(per_epoch * epoch for epoch in sorted(epochs)))


def where_fitted(run: Run, dataset: Dataset, images: int, stop: float) -> Iterator[dict[str, Any]]:
    """Errors and measures at the first kept epoch whose training loss is at most `stop`.

    As in the authors' program the loss is the mean over an epoch's batches as they were trained on.
    `train_error` is that of the network as it is then. `norms` is the sixth measure without `√h`,
    `capacity` and `impact` are means over hidden units.

    Args:
        run: of `two_layers`, trained on so many images of the data set, as its seed draws them.
        dataset: the whole one.
        images: how many.
        stop: nats.
    """
    at = run.metrics().to_pylist()
    fitted = {row["step"]: row for row in at if row["train_loss"] and row["train_loss"] <= stop}
    step = next((step for step in run.steps() if step in fitted), None)
    if step is None:
        columns = ("epoch", "train_loss", "train_error", "test_error", *MEASURED)
        yield dict.fromkeys(columns)
        return
    row, tensors, start = fitted[step], run.tensors(step), run.tensors(0)
    right = evaluate(
        run.model(), tensors, examples(dataset, images, run.config["seed"]).train
    ).accuracy
    assert right is not None  # classes have an accuracy, and a run that diverged is none
    network = TwoLayer(
        U=tensors["fc1.weight"],
        V=tensors["fc2.weight"],
        U0=start["fc1.weight"],
        V0=start["fc2.weight"],
    )
    yield {
        "epoch": row["epoch"],
        "train_loss": row["train_loss"],
        "train_error": 1 - right,
        "test_error": 1 - row["test_accuracy"],
        **{name: measure(network) for name, measure in MEASURES.items()},
        "norms": unit_wise(network, root=False),
        "capacity": unit_capacity(network).mean().item(),
        "impact": unit_impact(network).mean().item(),
    }
