"""Does the rank that a layer needs follow the number of classes?

Source: Heitmann 2020, section 3.3, which leaves the question open.
Cost: quick 5 s, laptop about 25 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from matplotlib.figure import Figure

from surfeit.core import Streams
from surfeit.data import Dataset, only_classes
from surfeit.lab import (
    POOL_DATA,
    POOL_MODEL,
    POOL_RECIPE,
    Claim,
    Lab,
    Verdict,
    equals,
    not_worse,
    ranks,
)
from surfeit.models import Structure
from surfeit.spectra import elbow, residual_energy
from surfeit.store import Run
from surfeit.tables.figures.style import BLUE, GREEN, GREY, ORANGE, Stroke, panels, style
from surfeit.train import Job, Recipe, report_recipe

CLAIMS = (
    Claim(
        id="D3a",
        says="With 10 classes the elbow of the residual is at rank 10.",
        published="10 for Conv-2, Conv-6 and VGG19-BN",
        source="Heitmann 2020, section 3.3",
        figure=0,
    ),
    Claim(
        id="D3b",
        says="The elbow rises with the number of classes.",
        source="left open by Heitmann 2020, section 3.3",
    ),
    Claim(
        id="D3c",
        says="The elbow is the number of classes, whatever that is.",
        source="left open by Heitmann 2020, section 3.3",
    ),
)

SUBSTITUTES = {
    "recipe": "SGD with momentum in place of Adam: LeNet-300-100 takes the place of Conv-2, which "
    "Heitmann 2020 trains by SGD"
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """One network, trained on some of the classes of a data set.

    The rank is the elbow of the squared norm that a rank-k approximation of the first fully
    connected layer leaves out. Each seed trains on nested sets of classes, drawn by it.
    """

    data: str = "cifar10"
    model: str = "conv-2"
    layer: str = "fc1"
    classes: tuple[int, ...] = (2, 3, 5, 7, 10)
    recipe: Recipe = report_recipe("conv-2")
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    rank_margin: float = 1.0  # ranks: an elbow is a whole number


SIZES = ("data", "model", "layer", "recipe", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    data="mnist",
    model="lenet-300-100",
    recipe=replace(report_recipe("lenet-300-100"), steps=10_000),
)
QUICK = replace(PAPER, data=POOL_DATA, model=POOL_MODEL, recipe=POOL_RECIPE, seeds=(0, 1, 2))


def chosen(dataset: Dataset, count: int, seed: int) -> Dataset:
    """The data of a seed's first classes, in the order in which it draws them."""
    drawn = torch.randperm(dataset.classes, generator=Streams(seed).get("classes"))
    return only_classes(dataset, sorted(drawn[:count].tolist()))


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each number of classes and seed."""
    whole = lab.data(config.data)
    return {
        f"{count} classes, seed {seed}": lab.job(
            config.model, chosen(whole, count, seed), config.recipe, seed=seed
        )
        for count in config.classes
        for seed in config.seeds
    }


def elbows(run: Run, layer: str) -> Iterator[dict[str, Any]]:
    """The elbow of what approximations leave out: at the start, at the end, of the update."""
    structure = Structure.of(run.model())
    first, last = (structure.layer(layer).matrix(run.model(step)) for step in (0, None))
    yield {
        "elbow": elbow(residual_energy(last)),
        "start": elbow(residual_energy(first)),
        "update": elbow(residual_energy(last - first)),
        "accuracy": run.metrics()["validation_accuracy"].to_pylist()[-1],
    }


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `classes, seed`, `elbow` (None without one), validation `accuracy, run`.

    `start` is the elbow before training, `update` that of what training added.
    """
    runs = lab.train(jobs(config, lab))
    measured = lab.measure(elbows, runs, layer=config.layer)
    for count in config.classes:
        for seed in config.seeds:
            name = f"{count} classes, seed {seed}"
            yield {"classes": count, "seed": seed, **measured[name][0], "run": runs[name].key}


def figure(table: pa.Table) -> Figure:
    """The elbow by the number of classes, a point a seed, with the line of equality."""
    drawn = table.to_pylist()
    counts = sorted({row["classes"] for row in drawn})
    with style():
        drawing, axes = panels(1, height=3.3)
        (panel,) = axes[0]
        panel.plot(counts, counts, color=GREY, linestyle="--", label="as many as classes")
        for name, label, stroke in (
            ("elbow", "after training", Stroke(color=BLUE, marker="o")),
            ("update", "of what training added", Stroke(color=GREEN, marker="^", linestyle="-.")),
            ("start", "at initialisation", Stroke(color=ORANGE, marker="s", linestyle=":")),
        ):
            points = [(row["classes"], row[name]) for row in drawn if row[name] is not None]
            panel.scatter(
                *zip(*points, strict=True), s=14, color=stroke.color, marker=stroke.marker
            )
            means = [np.mean([value for at, value in points if at == count]) for count in counts]
            panel.plot(counts, means, label=f"{label} (mean)", **stroke.options())
        panel.set(xlabel="classes", ylabel="rank at the elbow of the residual", xticks=counts)
        panel.set_ylim(0, None)
        panel.legend()
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """The elbow at the most classes, its rank correlation with classes, and how far it is off."""
    found = {(row["classes"], row["seed"]): row["elbow"] for row in table.to_pylist()}
    # NaN where equal singular values have no elbow.
    elbows = np.array(
        [[found[count, seed] for count in config.classes] for seed in config.seeds], np.float64
    )
    classes, most = np.array(config.classes), max(config.classes)
    at_most = elbows[:, classes.argmax()]
    off = np.abs(elbows - classes).mean(axis=1)
    return (
        equals(
            "D3a",
            at_most - most,
            margin=config.rank_margin,
            comparisons=3,
            unit=f"ranks from {most}",
            says=f"With {most} classes the elbow is at rank {at_most.mean():.3g}; before training "
            f"it was at {_mean(table, most, 'start')}, in what training added it is at "
            f"{_mean(table, most, 'update')}.",
        ),
        ranks(
            "D3b",
            classes,
            elbows,
            comparisons=3,
            says=f"From {min(config.classes)} to {most} classes the elbow goes from rank "
            f"{elbows[:, classes.argmin()].mean():.3g} to {at_most.mean():.3g}.",
        ),
        not_worse(
            "D3c",
            -off,
            margin=config.rank_margin,
            comparisons=3,
            unit="ranks, below 0 where off",
            says=f"The elbow is off the number of classes by {off.mean():.3g} ranks on average.",
        ),
    )


def _mean(table: pa.Table, classes: int, name: str) -> str:
    """The mean over seeds of an elbow, in words."""
    rows = [row for row in table.to_pylist() if row["classes"] == classes]
    known = [row[name] for row in rows if row[name] is not None]
    return f"{np.mean(known):.3g}" if known else "none"
