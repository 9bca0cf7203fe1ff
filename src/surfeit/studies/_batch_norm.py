"""What the studies of normalisation share: small data, arms, and what the probes saw."""

from collections.abc import Iterator
from dataclasses import replace
from statistics import fmean
from typing import Any

from surfeit.core import Streams
from surfeit.data import Dataset
from surfeit.models import Builder, Initial, builder_named, drawn_as
from surfeit.store import Run
from surfeit.studies._fitting import examples


def small(dataset: Dataset, images: int, held_out: int, seed: int) -> Dataset:
    """The training images that a seed draws, and at most so many of either other split.

    The others are the same for all seeds.
    """
    few = {
        name: getattr(dataset, name).some(held_out, Streams(0).get("held out", name))
        for name in ("validation", "test")
    }
    return replace(examples(dataset, images, seed), **few)


def network(model: str, normalise: str | None) -> Builder:
    """A family's network with this normalisation, drawn by He's law, as ReLUs want it."""
    name = model if normalise is None else f"{model}-{normalise}"
    return drawn_as(builder_named(name), Initial("he-normal"))


def seen(run: Run) -> Iterator[dict[str, Any]]:
    """A row for each step that `smoothness` looked at.

    `loss_range`, `change_range` and `smoothness` are of that probe; `moment_shift` and
    `gradient_shift` the means over all layers but the first of `covariate_shift`'s `√(relative
    mean² + relative deviation²)` and relative change of the gradient, None at steps at which it
    did not look; `train_loss`, `validation_accuracy` and `test_accuracy` those of the end, the
    first over the last epoch's batches as they were trained on.
    """
    ended = run.metrics().to_pylist()[-1]
    shifts: dict[int, list[dict[str, Any]]] = {}
    for row in run.probe("covariate_shift").to_pylist():
        shifts.setdefault(row["step"], []).append(row)
    for row in run.probe("smoothness").to_pylist():
        later = shifts.get(row["step"], [])[1:]
        moments = [_root(one["relative_mean"], one["relative_deviation"]) for one in later]
        slopes = [one["relative_gradient"] for one in later]
        yield {
            **{name: row[name] for name in ("step", "loss", "loss_range", "change_range")},
            "smoothness": row["smoothness"],
            "moment_shift": _mean(moments),
            "gradient_shift": _mean(slopes),
            "train_loss": ended["train_loss"],
            "validation_accuracy": ended["validation_accuracy"],
            "test_accuracy": ended["test_accuracy"],
        }


def _root(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else (one**2 + other**2) ** 0.5


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None
