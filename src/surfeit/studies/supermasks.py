"""How well does an untrained network classify under a mask, by how mask and weights are made?

Source: Zhou, Lan, Liu and Yosinski 2019 (1905.01067), table 1, column "MNIST FC". The published
setting trains masks by SGD at rate 100 for 2,000 epochs; the smaller budgets train them by Adam, at
rates chosen on validation images for their length.
Cost: quick 5 s, laptop about 12 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.execute import Derived
from surfeit.lab import POOL_DATA, POOL_MODEL, POOL_RECIPE, Claim, Lab, Verdict, exceeds, not_worse
from surfeit.models import builder_named
from surfeit.procedures.supermasks import SupermaskConfig, supermask_jobs, supermask_table
from surfeit.tables import over_replicates
from surfeit.tables.figures.dots import dots, dots_legend
from surfeit.tables.figures.style import GREY, panels, style
from surfeit.train import Job, Recipe

_SOURCE = "Zhou et al. 2019, table 1"

PUBLISHED = {
    "mask-initial": 0.793,
    "mask-constant": 0.863,
    "learned-initial": 0.953,
    "learned-constant": 0.964,
    "rescaled-initial": 0.978,
    "rescaled-constant": 0.980,
    "trained": 0.977,
}
"""Test accuracy of the fully connected network on MNIST, fractions."""

LABELS = {
    "mask-initial": "mask by criterion, initial weights",
    "mask-constant": "mask by criterion, signed constants",
    "learned-initial": "learned mask, initial weights",
    "learned-constant": "learned mask, signed constants",
    "rescaled-initial": "learned and rescaled, initial weights",
    "rescaled-constant": "learned and rescaled, signed constants",
    "edge-popup": "edge-popup",
    "trained": "trained weights, no mask",
}

CLAIMS = (
    Claim(
        id="F9a",
        says="A mask taken from trained weights lifts an untrained network far above chance.",
        published="86.3 % on MNIST (fully connected, signed constants); chance is about 10 %",
        source=_SOURCE,
        figure=86.3,
    ),
    Claim(
        id="F9b",
        says="Under a learned mask constants with the weights' signs do as well as the weights.",
        published="96.4 % with signed constants, 95.3 % with the initial weights (MNIST)",
        source=_SOURCE,
        figure=1.1,
    ),
    Claim(
        id="F9c",
        says="Dynamic weight rescaling makes learned masks more accurate.",
        published="97.8 % with, 95.3 % without, on the initial weights (MNIST)",
        source=_SOURCE,
        figure=2.5,
    ),
    Claim(
        id="F9d",
        says="A learned mask with rescaled signed constants does as well as trained weights.",
        published="98.0 % masked, 97.7 % trained (MNIST)",
        source=_SOURCE,
        figure=0.3,
    ),
)

SUBSTITUTES = {
    "masks": "masks are trained by Adam on a cosine schedule in place of SGD at rate 100, which is "
    "published for 2,000 epochs; the rates were chosen on validation images, for shorter trainings"
}

_SGD = Recipe(lr=100.0, momentum=0.9, batch_size=250, epochs=2000)
_PUBLISHED = SupermaskConfig(
    trained=Recipe(optimizer="adam", lr=1.2e-3, batch_size=60, epochs=55),
    learned=_SGD,
    rescaled=_SGD,
)
_SHORT = Recipe(optimizer="adam", lr=0.3, batch_size=60, epochs=10, schedule="cosine")


@dataclass(frozen=True, kw_only=True)
class Config:
    """One network, its masks, and what counts as far above chance and as well as."""

    model: str = "lenet-300-100"
    data: str = "mnist"
    masks: SupermaskConfig = _PUBLISHED
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    above_chance: float = 0.2
    """A fraction: twice of what guessing gives with ten classes, out of reach of a lucky mask."""
    margin: float = 0.005
    """A fraction of test accuracy: half a point, the spread of trained networks over seeds."""


SIZES = ("model", "data", "masks", "seeds")
PAPER = Config()
LAPTOP = replace(PAPER, masks=SupermaskConfig())
QUICK = replace(
    PAPER,
    model=POOL_MODEL,
    data=POOL_DATA,
    masks=SupermaskConfig(
        trained=POOL_RECIPE,
        learned=_SHORT,
        rescaled=_SHORT,
        popup=replace(_SHORT, lr=0.01),
        levels=tuple(range(1, 7)),
        samples=2,
    ),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job | Derived]:
    """The trainings of the table: weights, four learned masks and edge-popup for each seed."""
    network, data = builder_named(config.model), lab.data(config.data)
    return supermask_jobs(network, data, config.masks, seeds=config.seeds)


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """As `supermask_table`, with `model`, `data`, `classes` and `published`, a fraction or null."""
    data = lab.data(config.data)
    table = supermask_table(
        builder_named(config.model), data, config.masks, seeds=config.seeds, **lab.resources
    )
    setting = {"model": config.model, "data": config.data, "classes": data.outputs}
    is_published = (config.model, config.data) == (PAPER.model, PAPER.data)
    for row in table.to_pylist():
        figure = PUBLISHED.get(row["method"]) if is_published else None
        yield {**setting, **row, "published": figure}


def figure(table: pa.Table) -> Figure:
    """Test accuracy by method, a dot a seed, with the published figures where there are some."""
    rows, groups, published = table.to_pylist(), {}, {}
    for row in rows:
        label = LABELS[row["method"]]
        if row["method"] == "edge-popup":
            label += f", {100 * row['density']:.0f} % kept"
        groups.setdefault(label, []).append(row["test_accuracy"])
        if row["published"] is not None:
            published[label] = row["published"]
    chance = 1 / rows[0]["classes"]
    with style():
        drawing, axes = panels(1, height=3.4)
        dots(axes[0][0], groups, published=published)
        title = f"Masks on untrained networks: {rows[0]['model']} on {rows[0]['data']}"
        axes[0][0].set(title=title, xlabel="test accuracy")
        axes[0][0].axvline(chance, linestyle=":", color=GREY)
        axes[0][0].annotate("chance", (chance, 0), xytext=(4, 0), textcoords="offset points")
        dots_legend(axes[0][0], published=_SOURCE if published else None)
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """F9a to F9d, each paired over the seeds."""
    chance, margin = 100 / table["classes"][0].as_py(), 100 * config.margin
    masked = [100 * value for value in _accuracies(table, "mask-constant", config)]
    constants, rescaled, trained = (
        _less(table, config, first, second)
        for first, second in (
            ("learned-constant", "learned-initial"),
            ("rescaled-initial", "learned-initial"),
            ("rescaled-constant", "trained"),
        )
    )
    shared: dict[str, Any] = {"comparisons": len(CLAIMS)}
    points: dict[str, Any] = shared | {"unit": "points"}
    return (
        exceeds(
            "F9a",
            masked,
            margin=chance + 100 * config.above_chance,
            unit="% accuracy",
            signed=False,
            says=f"{over_replicates(masked).mean:.1f} % under masks by criterion on signed "
            f"constants; chance is {chance:.0f} %",
            **shared,
        ),
        not_worse(
            "F9b",
            constants,
            margin=margin,
            says=_says(constants, "learned masks, signed constants less initial weights"),
            **points,
        ),
        exceeds(
            "F9c",
            rescaled,
            says=_says(rescaled, "learned masks on initial weights, rescaled less not"),
            **points,
        ),
        not_worse(
            "F9d",
            trained,
            margin=margin,
            says=_says(trained, "learned and rescaled masks less trained weights"),
            **points,
        ),
    )


def _says(points: list[float], words: str) -> str:
    return f"{words}: {over_replicates(points).mean:+.2f} points of test accuracy"


def _less(table: pa.Table, config: Config, first: str, second: str) -> list[float]:
    """The first method's accuracies less the second's, in points, seed by seed."""
    pairs = zip(*(_accuracies(table, name, config) for name in (first, second)), strict=True)
    return [100 * (one - other) for one, other in pairs]


def _accuracies(table: pa.Table, method: str, config: Config) -> list[float]:
    """Test accuracies in the order of the seeds."""
    by_seed = {
        r["replicate"]: r["test_accuracy"] for r in table.to_pylist() if r["method"] == method
    }
    return [by_seed[seed] for seed in config.seeds]
