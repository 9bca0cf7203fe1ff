"""Does the size that pruning selects under label noise depend on the size one starts from?

Source: Irto, Goldt and Sanguinetti 2023 (2306.12190), figures 1 and 3.
Cost: quick 8 s, laptop 20 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from surfeit.core import Streams, calibration_error, outputs_of
from surfeit.data import Dataset, subset, with_label_noise
from surfeit.lab import (
    POOL_DATA,
    POOL_SEARCH,
    Claim,
    Lab,
    Verdict,
    equals,
    exceeds,
    not_judged,
)
from surfeit.models import builder_named
from surfeit.procedures.tickets import TicketConfig, complete, find_tickets
from surfeit.prune import coverage
from surfeit.store import Run
from surfeit.tables.figures.lines import mean_lines
from surfeit.tables.figures.style import GREY, panels, style
from surfeit.tables.pairs import paired
from surfeit.tables.tables import column, where
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
    slope: float = 0.25
    """Of log weights selected by log weights at the start: doubling the start adds a fifth."""
    margin: float = 0.5
    """Points of calibration error: by choice, no better if less."""


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
        found = complete(table).to_pylist()
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
    """Accuracy and calibration error by the number of weights, and the number that is selected."""
    chosen = where(table, best=True)
    with style():
        drawing, axes = panels(3, height=3.2)
        left, middle, right = axes[0]
        mean_lines(left, table, x="weights", y="test_accuracy", by="model", scale=100)
        left.set(title="Accuracy", xscale="log", xlabel="weights kept")
        left.set_ylabel("test accuracy (%)")
        left.legend()
        mean_lines(middle, table, x="weights", y="calibration_error", by="model", scale=100)
        middle.set(title="Calibration", xscale="log", xlabel="weights kept")
        middle.set_ylabel("expected calibration error (points)")
        mean_lines(right, chosen, x="start", y="weights")
        starts = sorted(set(chosen["start"].to_pylist()))
        right.plot(starts, starts, color=GREY, linewidth=0.9, label="nothing removed")
        right.set(title="Selected size", xscale="log", yscale="log")
        right.set(xlabel="weights at the start", ylabel="weights of the best network")
        right.legend()
        for axis in (left.xaxis, middle.xaxis, right.xaxis, right.yaxis):
            axis.set_minor_formatter(NullFormatter())
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """F18a: of each seed the slope of log selected by log initial weights; F18b on the largest."""
    largest = where(table, model=config.models[-1])
    dense, best = where(largest, level=0), where(largest, best=True)
    better = paired(dense, best, "calibration_error", scale=100)
    says = f"The best pruned networks of the largest have {fmean(better):.2f} points less "
    says += "calibration error than the dense ones."
    many = {"comparisons": len(CLAIMS), "says": says, "unit": "points of calibration error"}
    return (_size(table, config), exceeds("F18b", better, margin=config.margin, **many))


def _size(table: pa.Table, config: Config) -> Verdict:
    chosen, last = where(table, best=True), max(table["level"].to_pylist())
    cut = where(chosen, level=last).num_rows
    if cut:  # the size is then only an upper bound, proportional to the start
        doubt = f"{cut} of {chosen.num_rows} searches are best at their sparsest level"
        return not_judged("F18a", f"{doubt}: the size is not reached", unit="slope")
    slopes = []
    for seed in config.seeds:
        found = where(chosen, seed=seed)
        start, weights = (np.log(column(found, name)) for name in ("start", "weights"))
        slopes.append(float(np.polyfit(start, weights, 1)[0]))
    says = f"A network of twice the weights selects {2 ** fmean(slopes):.2f} times as many."
    many = {"comparisons": len(CLAIMS), "unit": "slope", "says": says}
    return equals("F18a", slopes, margin=config.slope, **many)
