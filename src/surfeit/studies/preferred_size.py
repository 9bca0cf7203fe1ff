"""Does the size that pruning selects under label noise depend on the size one starts from?

Source: Irto, Goldt and Sanguinetti 2023 (2306.12190), figures 1 and 3.
Cost: quick 8 s, laptop 20 min (two cores).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.core import Streams, calibration_error, outputs_of
from surfeit.data import Dataset, subset, with_label_noise
from surfeit.lab import POOL_DATA, POOL_SEARCH, Claim, Lab, Verdict, equals, exceeds
from surfeit.models import builder_named
from surfeit.procedures.tickets import TicketConfig, find_tickets
from surfeit.prune import coverage
from surfeit.store import Run
from surfeit.tables.figures.lines import mean_lines
from surfeit.tables.figures.style import panels, style
from surfeit.tables.pairs import paired
from surfeit.tables.tables import where
from surfeit.train import Recipe

CLAIMS = (
    Claim(
        id="F18a",
        says="Under label noise the number of weights of the best pruned network hardly depends on "
        "that of the network it comes from.",
        source="Irto, Goldt and Sanguinetti 2023, figure 1",
    ),
    Claim(
        id="F18b",
        says="The best pruned networks are better calibrated than the dense ones.",
        source="Irto, Goldt and Sanguinetti 2023, figure 3",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """A search under label noise for each size; validation images choose the best level."""

    data: str = "mnist"
    images: int = 55_000
    models: tuple[str, ...] = ("mlp-100", "mlp-300", "mlp-1000", "mlp-3000")
    recipe: Recipe = Recipe(lr=0.1, batch_size=128, epochs=160)
    search: TicketConfig = TicketConfig(levels=30, allocation="global", output_rate=0, controls=())
    noise: float = 0.4  # wrong labels, a share
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    slope: float = 0.25  # of log weights selected by log weights at the start: hardly depends


SIZES = ("data", "images", "models", "recipe", "search", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    images=4_000,
    models=("mlp-50", "mlp-150", "mlp-450"),
    recipe=replace(PAPER.recipe, epochs=100),
    search=replace(PAPER.search, levels=20),
    seeds=(0, 1, 2),
)
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    images=600,
    models=("mlp-16", "mlp-64"),
    recipe=Recipe(lr=0.1, batch_size=60, epochs=40),
    search=replace(PAPER.search, levels=POOL_SEARCH.levels, rate=POOL_SEARCH.rate),
    seeds=(0, 1, 2),
)


def calibration(run: Run, dataset: Dataset) -> Iterator[dict[str, Any]]:
    """The expected calibration error on the test split."""
    outputs = outputs_of(run.model(), run.tensors(), dataset.test.inputs)
    yield {"calibration_error": calibration_error(outputs, dataset.test.labels)}


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `model, seed, level, weights, best` (whether validation chose it), ..."""
    data = lab.data(config.data)
    data = subset(data, min(config.images, len(data.train)), Streams(0).get("noise", "images"))
    data = with_label_noise(data, config.noise, Streams(0).get("noise", "labels"))
    for name in config.models:
        builder = builder_named(name)
        network = builder(input_shape=data.input_shape, classes=data.outputs)
        whole = coverage(network).reached
        table = find_tickets(
            builder, data, config.recipe, config.search, seeds=config.seeds, **lab.resources
        )
        found = table.to_pylist()
        runs = {row["run"]: lab.store.find(row["run"]) for row in found}
        measured = lab.measure(calibration, runs, data)
        for row in found:
            rivals = [one for one in found if one["replicate"] == row["replicate"]]
            best = max(rivals, key=lambda one: one["validation_accuracy"])
            yield {
                "model": name,
                "seed": row["replicate"],
                "level": row["level"],
                "density": row["density"],
                "start": whole,
                "weights": row["density"] * whole,
                "validation_accuracy": row["validation_accuracy"],
                "test_accuracy": row["test_accuracy"],
                "best": best["level"] == row["level"],
                **measured[row["run"]][0],
                "run": row["run"],
            }


def figure(table: pa.Table) -> Figure:
    """Test accuracy against the number of weights, and the selected number against the start's."""
    chosen = where(table, best=True)
    with style():
        drawing, axes = panels(2, height=3.6)
        left, right = axes[0]
        mean_lines(left, table, x="weights", y="test_accuracy", by="model", scale=100)
        left.set(title="Under label noise", xscale="log", xlabel="weights kept")
        left.set_ylabel("test accuracy (%)")
        left.legend()
        mean_lines(right, chosen, x="start", y="weights")
        starts = sorted(set(chosen["start"].to_pylist()))
        right.plot(starts, starts, color="#6b6b6b", linewidth=0.9, label="nothing removed")
        right.set(title="The size that is selected", xscale="log", yscale="log")
        right.set(xlabel="weights at the start", ylabel="weights of the best network")
        right.legend()
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """F18a: of each seed the slope of log selected by log initial weights; F18b on the largest."""
    chosen = where(table, best=True)
    slopes = []
    for seed in config.seeds:
        found = where(chosen, seed=seed).to_pylist()
        start = [math.log(row["start"]) for row in found]
        slopes.append(float(np.polyfit(start, [math.log(row["weights"]) for row in found], 1)[0]))
    largest = where(table, model=config.models[-1])
    dense, best = where(largest, level=0), where(largest, best=True)
    better = paired(dense, best, "calibration_error", scale=100)
    return (
        equals("F18a", slopes, margin=config.slope, unit="slope"),
        exceeds("F18b", better, unit="points of calibration error"),
    )
