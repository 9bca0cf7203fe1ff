"""Does a random network contain a good one, the more surely the larger it is?

Source: Ramanujan et al. 2020 (1911.13299), sections 3 and 4, for edge-popup; Malach, Yehudai,
Shalev-Shwartz and Shamir 2020 (2002.00585), section 2, for the construction: a random network of
twice the depth and enough width contains any smaller one.
Cost: quick 5 s, laptop about 25 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from torch import nn

from surfeit.data import Dataset
from surfeit.execute import Derived
from surfeit.lab import POOL_DATA, POOL_RECIPE, Claim, Lab, Verdict, exceeds, not_worse
from surfeit.procedures.supermasks import Learned, approximation_error, learned_rows, masked_job
from surfeit.store import Run
from surfeit.tables import over_replicates
from surfeit.tables.figures.dots import dots, dots_legend
from surfeit.tables.figures.style import BLUE, GREY, panels, plain, style
from surfeit.tables.tables import where
from surfeit.train import Job, Recipe

CLAIMS = (
    Claim(
        id="F10a",
        says="Edge-popup finds, in a random network, a subnetwork as accurate as trained weights.",
        source="Ramanujan et al. 2020, section 4",
    ),
    Claim(
        id="F10b",
        says="With few weights kept, larger random networks hold better subnetworks.",
        published="10 % kept, CIFAR-10: Conv-2 65 %, Conv-4 74 %, Conv-6 77 %",
        source="Ramanujan et al. 2020",
    ),
    Claim(
        id="F10c",
        says="A random network of twice the depth, pruned, comes the nearer to a given one the "
        "wider it is: the error falls at least as the root of the width.",
        published="width of order 1/error², a bound by proof",
        source="Malach et al. 2020, section 2",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Random networks from small to large, and constructions of a small one, wider and wider."""

    models: tuple[str, ...] = ("conv-2", "conv-4", "conv-6")
    data: str = "cifar10"
    densities: tuple[float, ...] = (0.1, 0.3, 0.5)
    trained: Recipe = Recipe(optimizer="adam", lr=3e-4, batch_size=60, epochs=30)
    popup: Recipe = Recipe(
        lr=0.1, momentum=0.9, weight_decay=1e-4, batch_size=128, epochs=100, schedule="cosine"
    )
    target: str = "mlp-16"
    pairs: tuple[int, ...] = (10, 30, 100, 300, 1000)
    """Random units for each input of the target: the proof is of many, so that a few are none."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    margin: float = 0.01
    """A fraction of test accuracy: one point less than trained weights still counts as accurate."""
    exponent: float = 0.5
    """Of the fall with width: what the proof promises, error² of order 1/width."""


SIZES = ("models", "data", "densities", "trained", "popup", "pairs", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    models=("mlp-75-25", "lenet-300-100", "mlp-600-200"),
    data="mnist",
    densities=(0.1, 0.5),
    trained=Recipe(optimizer="adam", lr=1.2e-3, batch_size=60, epochs=10),
    popup=replace(PAPER.popup, batch_size=250, epochs=15),
)
QUICK = replace(
    LAPTOP,
    models=("mlp-32-16", "mlp-64-32"),
    data=POOL_DATA,
    trained=POOL_RECIPE,
    popup=replace(PAPER.popup, batch_size=60, epochs=10),
    pairs=(10, 30, 100),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job | Derived]:
    """Trained weights and edge-popup of each density for each network, and the target, by seed."""
    found: dict[str, Job | Derived] = {}
    for seed in config.seeds:
        # The theorem knows no data: a target of few inputs can be built very wide.
        found[_target(seed)] = lab.job(config.target, POOL_DATA, POOL_RECIPE, seed=seed)
        for model in config.models:
            job = lab.job(model, config.data, config.trained, seed=seed)
            found[f"{model}, seed {seed}"] = job
            for density in config.densities:
                derive = partial(
                    masked_job, job=job, mask=Learned(density=density), recipe=config.popup
                )
                found[_name(model, density, seed)] = Derived(derive=derive, parents=())
    return found


def _target(seed: int) -> str:
    return f"target, seed {seed}"


def _name(model: str, density: float, seed: int) -> str:
    return f"{model}, edge-popup {density:g}, seed {seed}"


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """Rows `of, model, seed, density, accuracy, pairs, error, run`.

    `of` is "trained" or "edge-popup" (test accuracy, a fraction) or "construction" (the mean
    difference of an output from the target's, over its standard deviation); what a row is not
    about is null.
    """
    runs, data = lab.train(jobs(config, lab)), lab.data(config.data)
    empty = {"density": None, "accuracy": None, "pairs": None, "error": None}
    for model, seed in product(config.models, config.seeds):
        run = runs[f"{model}, seed {seed}"]
        row = {"of": "trained", "model": model, "seed": seed, **empty, "run": run.key}
        yield row | {"density": 1.0, "accuracy": run.metrics()["test_accuracy"][-1].as_py()}
    for density in config.densities:
        pairs = {
            (model, seed): (runs[f"{model}, seed {seed}"], runs[_name(model, density, seed)])
            for model, seed in product(config.models, config.seeds)
        }
        mask = Learned(density=density)
        for (model, seed), (found,) in lab.measure(
            learned_rows, pairs, data, mask=mask, samples=1
        ).items():
            row = {"of": "edge-popup", "model": model, "seed": seed, **empty}
            run = pairs[model, seed][1].key
            yield row | {"density": density, "accuracy": found["test_accuracy"], "run": run}
    targets = {seed: runs[_target(seed)] for seed in config.seeds}
    small = lab.data(POOL_DATA)
    measured = lab.measure(constructed, targets, small, pairs=list(config.pairs))
    for seed, found in measured.items():
        row = {"of": "construction", "model": config.target, "seed": seed, **empty}
        for one in found:
            yield row | one | {"run": targets[seed].key}


def constructed(run: Run, dataset: Dataset, *, pairs: list[int]) -> Iterator[dict[str, Any]]:
    """The mean error of outputs against the random units for each input, in the outputs' spread.

    Random weights are drawn from the run's own seed; outputs are those for the test images.
    """
    target, inputs = run.model(), dataset.test.inputs
    assert isinstance(target, nn.Sequential)  # as all that the study trains
    table = approximation_error(target, inputs, pairs=pairs, seeds=(run.config["seed"],))
    spread = target(inputs).std().item()
    for row in table.to_pylist():
        yield {"pairs": row["pairs"], "error": row["mean_output_error"] / spread}


def figure(table: pa.Table) -> Figure:
    """Accuracy by network and share kept (left); the construction's error by its width (right)."""
    with style():
        drawing, axes = panels(2, height=3.6)
        left, right = axes[0]
        groups: dict[str, list[float]] = {}
        masks = table.filter(table["accuracy"].is_valid())
        for model in dict.fromkeys(masks["model"].to_pylist()):
            for row in where(masks, model=model).to_pylist():
                share = "trained" if row["of"] == "trained" else f"{100 * row['density']:g} % kept"
                groups.setdefault(f"{model}, {share}", []).append(row["accuracy"])
        dots(left, groups)
        left.set(title="Edge-popup on random weights", xlabel="test accuracy")
        dots_legend(left)
        _construction(right, where(table, of="construction"))
    return drawing


def _construction(axes: Axes, rows: pa.Table) -> None:
    by_seed: dict[int, list[tuple[int, float]]] = {}
    for row in rows.to_pylist():
        by_seed.setdefault(row["seed"], []).append((row["pairs"], row["error"]))
    for points in by_seed.values():
        axes.plot(*zip(*points, strict=True), marker="o", color=BLUE, alpha=0.55)
    first = [points[0] for points in by_seed.values()]
    ends = np.array([min(rows["pairs"].to_pylist()), max(rows["pairs"].to_pylist())])
    root = np.mean([error for _, error in first]) * (ends / ends[0]) ** -0.5
    axes.plot(ends, root, color=GREY, linestyle="--", label="1 / √width, as by proof")
    axes.plot([], [], marker="o", color=BLUE, alpha=0.55, label="one seed")
    axes.set(xscale="log", yscale="log", title="A given network, by pruning")
    axes.set(xlabel="random units for each input of the target")
    axes.set_ylabel("error of outputs / their spread")
    for axis in (axes.yaxis, axes.xaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """F10a of the largest network and most kept, F10b with the least kept, F10c by its slope."""
    accuracy = {(r["model"], r["density"], r["seed"]): r["accuracy"] for r in table.to_pylist()}
    small, large = config.models[0], config.models[-1]
    most, least = max(config.densities), min(config.densities)
    to_trained = [
        100 * (accuracy[large, most, seed] - accuracy[large, 1.0, seed]) for seed in config.seeds
    ]
    larger = [
        100 * (accuracy[large, least, seed] - accuracy[small, least, seed]) for seed in config.seeds
    ]
    slopes = [-_slope(where(table, of="construction", seed=seed)) for seed in config.seeds]
    shared: dict[str, Any] = {"comparisons": len(CLAIMS)}
    return (
        not_worse(
            "F10a",
            to_trained,
            margin=100 * config.margin,
            unit="points",
            says=f"{large} with {100 * most:g} % of its random weights kept, less trained weights: "
            f"{over_replicates(to_trained).mean:+.2f} points of test accuracy",
            **shared,
        ),
        exceeds(
            "F10b",
            larger,
            unit="points",
            says=f"with {100 * least:g} % kept, {large} less {small}: "
            f"{over_replicates(larger).mean:+.2f} points of test accuracy",
            **shared,
        ),
        exceeds(
            "F10c",
            slopes,
            margin=config.exponent,
            unit="exponent",
            says=f"the error falls as width to the power −{over_replicates(slopes).mean:.2f}; "
            f"the proof needs −{config.exponent:g}",
            **shared,
        ),
    )


def _slope(rows: pa.Table) -> float:
    """Of log error against log width, by least squares."""
    widths, errors = rows["pairs"].to_numpy(), rows["error"].to_numpy()
    return float(np.polyfit(np.log(widths), np.log(errors), 1)[0])
