"""How far does training move the weights from where they began, by width and by training set?

Source: Neyshabur et al. 2018 (1805.12076); Nagarajan and Kolter 2019 (1902.04742); Du et al. 2018
(1810.02054).
Cost: quick 5 s, laptop 9 min (two cores).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from surfeit.core import Streams, evaluate
from surfeit.data import Dataset, subset
from surfeit.lab import POOL_DATA, POOL_RECIPE, Claim, Lab, Verdict, exceeds
from surfeit.store import Run
from surfeit.tables.figures.lines import mean_line
from surfeit.tables.figures.style import BLUE, GREY, ORANGE, Stroke, panels, plain, style
from surfeit.train import Job, Recipe, Snapshots

CLAIMS = (
    Claim(
        id="D6a",
        says="A two-layer network's distance from its initial weights falls with its width.",
        source="Neyshabur et al. 2018",
    ),
    Claim(
        id="D6b",
        says="The distance grows with the number m of training examples, at least as m^0.4.",
        published="at least m^0.4",
        source="Nagarajan and Kolter 2019",
        figure=0.4,
    ),
    Claim(
        id="D6c",
        says="The largest move of a single hidden unit falls with the width.",
        source="Du et al. 2018",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Two-layer networks of several widths, and one of them on training sets of several sizes.

    Networks are compared once they fit their training data alike: at the first snapshot at which 99
    % of the training examples are right. After equal epochs more data would mean more steps.
    """

    data: str = "mnist"
    widths: tuple[int, ...] = (32, 64, 128, 256, 512, 1024, 2048)
    examples: tuple[int, ...] = (1024, 2048, 4096, 8192, 16384, 32768)
    width: int = 256  # of the networks that are trained on fewer examples
    recipe: Recipe = Recipe(lr=0.01, momentum=0.9, batch_size=64, epochs=40)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    fitted: float = 0.99  # of the training examples are right
    exponent: float = 0.4  # published


SIZES = ("data", "widths", "examples", "width", "recipe", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    widths=(32, 128, 512),
    examples=(2048, 8192, 32768),
    recipe=replace(PAPER.recipe, epochs=30),
)
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    widths=(16, 64),
    examples=(250, 1000),
    width=64,
    recipe=replace(POOL_RECIPE, epochs=60),
    seeds=(0, 1, 2),
)

Setting = tuple[str, int, int, int | None]


def settings(config: Config) -> Iterator[Setting]:
    """Every training: what is varied, seed, width, and examples (None: all there are)."""
    for seed in config.seeds:
        yield from (("width", seed, width, None) for width in config.widths)
        yield from (("examples", seed, config.width, count) for count in config.examples)


def trained_on(config: Config, lab: Lab, setting: Setting) -> Dataset:
    """The data of a training; a seed's smaller sets lie in its larger ones."""
    _, seed, _, count = setting
    whole = lab.data(config.data)
    return whole if count is None else subset(whole, count, Streams(seed).get("subset"))


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each width, or number of examples, and seed."""
    return {
        name_of(setting): lab.job(
            f"mlp-{setting[2]}",
            trained_on(config, lab, setting),
            config.recipe,
            seed=setting[1],
            snapshots=Snapshots(every_epochs=0, per_decade=20),
        )
        for setting in settings(config)
    }


def name_of(setting: Setting) -> str:
    """What a training is called."""
    varied, seed, width, count = setting
    return f"{varied}: {width} units, {count or 'all'} examples, seed {seed}"


def moved(run: Run, dataset: Dataset, fitted: float) -> Iterator[dict[str, Any]]:
    """How far the hidden layer is from its start where the network first fits: in all, and a unit.

    `step`, `distance` and `farthest` are None if it never fits.
    """
    network = run.model()
    for step in run.steps():
        tensors = run.tensors(step)
        if (evaluate(network, tensors, dataset.train).accuracy or 0) >= fitted:
            change = tensors["fc1.weight"].double() - run.tensors(0)["fc1.weight"].double()
            farthest = change.norm(dim=1).max().item()
            yield {"step": step, "distance": change.norm().item(), "farthest": farthest}
            return
    yield {"step": None, "distance": None, "farthest": None}


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `varied, seed, width, examples, step, distance, farthest, run`."""
    trainings = jobs(config, lab)
    runs = lab.train(trainings)
    measured: dict[str, list[dict[str, Any]]] = {}
    for dataset in {job.dataset.fingerprint: job.dataset for job in trainings.values()}.values():
        alike = {
            name: runs[name]
            for name, job in trainings.items()
            if job.dataset.fingerprint == dataset.fingerprint
        }
        measured |= lab.measure(moved, alike, dataset, fitted=config.fitted)
    for setting in settings(config):
        varied, seed, width, _ = setting
        name = name_of(setting)
        examples = len(trainings[name].dataset.train)
        about = {"varied": varied, "seed": seed, "width": width, "examples": examples}
        yield {**about, **measured[name][0], "run": runs[name].key}


def figure(table: pa.Table) -> Figure:
    """Distance in all and of the farthest unit by width (left), distance by examples (right)."""
    with style():
        drawing, axes = panels(2, height=3.1)
        left, right = axes[0]
        by_width, by_examples = (
            [row for row in table.to_pylist() if row["varied"] == varied]
            for varied in ("width", "examples")
        )
        every, farthest = Stroke(color=BLUE, marker="o"), Stroke(color=ORANGE, marker="s")
        mean_line(left, by_width, "width", "distance", every, "all units together")
        mean_line(left, by_width, "width", "farthest", farthest, "farthest unit")
        left.set(title="By width", xlabel="hidden units (logarithmic axis)")
        left.set_ylabel("distance from the start (logarithmic axis)")
        mean_line(right, by_examples, "examples", "distance", every, "all units together")
        _published(right, by_examples)
        right.set(title="By training set", xlabel="training examples m (logarithmic axis)")
        _logarithmic(left, by_width, "width")
        _logarithmic(right, by_examples, "examples")
        for panel in (left, right):
            panel.legend()
    return drawing


def _logarithmic(axes: Axes, drawn: list[dict[str, Any]], varied: str) -> None:
    ticks = sorted({row[varied] for row in drawn})
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: plain(value)))


def _published(axes: Axes, drawn: list[dict[str, Any]]) -> None:
    fitted = [row for row in drawn if row["distance"]]
    if fitted:
        least, most = (end(row["examples"] for row in fitted) for end in (min, max))
        start = np.mean([row["distance"] for row in fitted if row["examples"] == least])
        line = [start, start * (most / least) ** 0.4]
        axes.plot([least, most], line, color=GREY, linestyle="--", label="published: m^0.4")


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Each seed's exponents: of the distance in width and examples, of the farthest unit's move."""
    falls = [-slope for slope in slopes(table, config, "width", "distance")]
    grows = slopes(table, config, "examples", "distance")
    single = [-slope for slope in slopes(table, config, "width", "farthest")]
    return (
        _judged("D6a", falls, 0.0, "The distance goes as width^−x with x = {:.2f}."),
        _judged("D6b", grows, config.exponent, "The distance goes as m^x with x = {:.2f}."),
        _judged("D6c", single, 0.0, "The farthest unit's move goes as width^−x with x = {:.2f}."),
    )


def _judged(claim: str, exponents: list[float], margin: float, says: str) -> Verdict:
    said = says.format(np.mean(exponents)) if np.isfinite(exponents).all() else ""
    shared: dict[str, Any] = {"comparisons": 3, "unit": "exponent", "signed": False}
    return exceeds(claim, exponents, margin=margin, says=said, **shared)


def slopes(table: pa.Table, config: Config, varied: str, name: str) -> list[float]:
    """Each seed's exponent, by least squares of logarithms; NaN where a network never fits."""
    exponents = []
    for seed in config.seeds:
        points = [
            (row[varied], row[name] or math.nan)
            for row in table.to_pylist()
            if row["varied"] == varied and row["seed"] == seed
        ]
        along, values = np.log(points).T
        along = along - along.mean()
        exponents.append(float((along * values).sum() / (along * along).sum()))
    return exponents
