"""Does a wider network err less on test images once it fits all training images?

Source: Neyshabur, Tomioka and Srebro 2015 (1412.6614); Neyshabur et al. 2018 (1805.12076). How
networks are trained is our choice.
Cost: quick 4 s, laptop about 5 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from surfeit.lab import (
    POOL_DATA,
    POOL_RECIPE,
    Claim,
    Lab,
    Verdict,
    all_of,
    exceeds,
    not_judged,
    not_worse,
    succeeds,
)
from surfeit.studies._fitting import check_ascending, examples, wrong
from surfeit.tables.figures.lines import mean_line
from surfeit.tables.figures.style import BLUE, GREY, ORANGE, Stroke, error_axis, panels, style
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "Neyshabur et al. 2015"
CLAIMS = (
    Claim(
        id="E14a",
        says="From some width below the largest on, two-layer networks misclassify no training "
        "image, in more than half of the seeds.",
        source=_SOURCE,
    ),
    Claim(
        id="E14b",
        says="Without a regulariser the widest network has a lower test error than the narrowest "
        "that fits all training images.",
        source=_SOURCE,
    ),
    Claim(
        id="E14c",
        says="From the narrowest that fits on, test error rises by less than half a point from "
        "each width to the next and to the widest.",
        source=_SOURCE,
    ),
)
_COMPARISONS = len(CLAIMS)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Two-layer ReLU networks of several widths, without weight decay and early stopping.

    A seed draws its own training images, which all of its widths share.
    """

    data: str = "mnist"
    images: int = 55_000  # training images
    widths: tuple[int, ...] = (4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
    recipe: Recipe = Recipe(lr=0.02, momentum=0.9, batch_size=64, epochs=50)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7)
    margin: float = 0.5  # points: two standard errors of 10,000 test images of which 6 % are wrong

    def __post_init__(self) -> None:
        check_ascending("widths", self.widths)


SIZES = ("data", "images", "widths", "recipe", "seeds")
PAPER = Config()
LAPTOP = replace(PAPER, images=4_000, widths=(4, 8, 16, 32, 64, 128, 256, 512, 1024))
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    images=1_077,
    widths=(4, 16, 64, 256),
    recipe=replace(POOL_RECIPE, epochs=60),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each width and seed."""
    whole = lab.data(config.data)
    drawn = {seed: examples(whole, config.images, seed) for seed in config.seeds}
    return {
        name_of(width, seed): lab.job(
            f"mlp-{width}",
            drawn[seed],
            config.recipe,
            seed=seed,
            snapshots=Snapshots(every_epochs=0),
        )
        for width in config.widths
        for seed in config.seeds
    }


def name_of(width: int, seed: int) -> str:
    """What a training is called."""
    return f"{width} hidden units, seed {seed}"


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `width, seed`, the fractions `train_error` and `test_error`, `run`."""
    runs = lab.train(jobs(config, lab))
    errors = lab.measure(wrong, runs, lab.data(config.data), images=config.images)
    for width in config.widths:
        for seed in config.seeds:
            name = name_of(width, seed)
            yield {"width": width, "seed": seed, **errors[name][0], "run": runs[name].key}


_ERRORS = {
    "test_error": ("test images", Stroke(color=BLUE, marker="o")),
    "train_error": ("training images", Stroke(color=ORANGE, linestyle="--", marker="s")),
}


def figure(table: pa.Table) -> Figure:
    """Training and test error by the number of hidden units: a dot a seed, and their mean."""
    drawn = table.to_pylist()
    widths = sorted({row["width"] for row in drawn})
    with style():
        drawing, ((axes,),) = panels(1, height=3.4)
        for name, (label, stroke) in _ERRORS.items():
            mean_line(axes, drawn, "width", name, stroke, label, bands=False)
        least = narrowest(table)
        if least is not None:
            axes.axvline(
                least, color=GREY, linestyle=":", zorder=1, label="narrowest that fits all"
            )
        axes.set_xscale("log")
        axes.set_xticks(widths, [f"{width:,}" for width in widths])
        axes.xaxis.set_minor_locator(NullLocator())
        errors = np.array([row[name] for row in drawn for name in _ERRORS])
        error_axis(axes, errors)
        if not errors.all():  # room for the markers of those that have none
            axes.set_ylim(bottom=-0.2 * errors[errors > 0].min(initial=1.0))
        axes.set(xlabel="hidden units (logarithmic axis)", ylabel="misclassified images")
        axes.legend()
    return drawing


def narrowest(table: pa.Table) -> int | None:
    """The least width from which on no network of any seed misclassifies a training image.

    It is chosen on training errors alone. None if the widest networks do not fit either.
    """
    worst: dict[int, float] = {}
    for row in table.to_pylist():
        worst[row["width"]] = max(worst.get(row["width"], 0.0), row["train_error"])
    least = None
    for width in sorted(worst, reverse=True):
        if worst[width] > 0:
            break
        least = width
    return least


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """E14a by seeds; E14b and E14c from the narrowest that fits on, in points, paired by seed."""
    least = narrowest(table)
    beyond = [width for width in config.widths if least is not None and width >= least]
    if len(beyond) < 2:
        doubt = "there is no width below the largest from which on all networks fit"
        others = tuple(not_judged(claim, doubt, unit="points") for claim in ("E14b", "E14c"))
        return (_fits(table, config, least), *others)
    error = {(r["width"], r["seed"]): 100 * r["test_error"] for r in table.to_pylist()}

    def falls(narrow: int, wide: int) -> list[float]:
        return [error[narrow, seed] - error[wide, seed] for seed in config.seeds]

    first, last = beyond[0], beyond[-1]
    means = {width: fmean(error[width, seed] for seed in config.seeds) for width in beyond}
    at_most = min(beyond, key=lambda width: means[width])
    return (
        _fits(table, config, least),
        exceeds(
            "E14b",
            falls(first, last),
            comparisons=_COMPARISONS,
            unit="points",
            says=f"With {first:,} hidden units {means[first]:.2f} % of the test images are wrong, "
            f"with {last:,} {means[last]:.2f} %.",
        ),
        all_of(
            "E14c",
            *(
                not_worse(
                    f"{narrow:,} to {wide:,} units",
                    falls(narrow, wide),
                    margin=config.margin,
                    comparisons=_COMPARISONS,
                    unit="points",
                )
                for narrow, wide in _steps(beyond)
            ),
            says=f"From {first:,} units on test error is least with {at_most:,}, "
            f"{means[at_most]:.2f} %; with {last:,} it is {means[last]:.2f} %.",
            comparisons=_COMPARISONS,
        ),
    )


def _steps(widths: list[int]) -> list[tuple[int, int]]:
    """From each width to the next, and to the widest."""
    return sorted({*pairwise(widths), *((width, widths[-1]) for width in widths[:-1])})


def _fits(table: pa.Table, config: Config, least: int | None) -> Verdict:
    """Whether a seed's networks fit from a width below the largest on, by seed."""
    last = set(config.widths[-2:])
    fit = {
        seed: all(
            row["train_error"] == 0
            for row in table.to_pylist()
            if row["seed"] == seed and row["width"] in last
        )
        for seed in config.seeds
    }
    said = f"In {sum(fit.values())} of {len(fit)} seeds no training image is wrong"
    said += " from a width below the largest on"
    if least is not None:
        said += f"; in all of them from {least:,} hidden units on"
    return succeeds(
        "E14a",
        list(fit.values()),
        rate=0.5,
        comparisons=_COMPARISONS,
        unit="of the seeds",
        says=f"{said}.",
    )
