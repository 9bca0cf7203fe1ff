"""Are there sharper minima with as low a training loss, which err more on test images?

Source: Wu, Zhu and E 2017, "Towards understanding generalization of deep learning: perspective of
loss landscapes" (1706.10239). Networks, data and training are our choice. The loss is the squared
error: where it is near zero its Hessian is not, as that of the cross-entropy is.
Cost: quick 4 s, laptop about 1 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.core import squared_error
from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, ranks, succeeds
from surfeit.studies._attack_data import Labels, attacked, on_true
from surfeit.studies._fitting import check_ascending
from surfeit.tables.figures.lines import mean_line
from surfeit.tables.figures.style import BLUE, ORANGE, Stroke, panels, percent_axis, style
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "Wu, Zhu and E 2017"
CLAIMS = (
    Claim(
        id="E9a",
        says="With any number of attacks no true training image is misclassified, and their loss "
        "is less than a tenth of that of an output of zero, in more than half of the seeds.",
        source=_SOURCE,
    ),
    Claim(
        id="E9b",
        says="The more attacks, the larger are the largest eigenvalue of the Hessian on the true "
        "training images, and that by relative changes of the weights.",
        source=_SOURCE,
    ),
    Claim(
        id="E9c",
        says="The more attacks, the larger is the test error.",
        source=_SOURCE,
    ),
)
_COMPARISONS = len(CLAIMS)
_JUDGED: dict[str, Any] = {"comparisons": _COMPARISONS}

Setting = tuple[Labels, int]
"""The labels of the other images, and how many there are."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Networks trained on the same true images and on several numbers of wrongly labelled others.

    As a control, which is not judged, the others have their right labels: what more images and
    more steps do by themselves.

    A seed draws its images and initial weights, which all of its trainings share. With one-hot
    targets an output of zero has a loss of 1.
    """

    data: str = POOL_DATA
    images: int = 200  # true ones
    attacks: tuple[int, ...] = (50, 100, 200)  # besides none
    model: str = "mlp-128"
    recipe: Recipe = Recipe(optimizer="adam", lr=3e-3, batch_size=50, epochs=400, schedule="cosine")
    seeds: tuple[int, ...] = tuple(range(8))
    loss_margin: float = 0.1  # of the loss of an output of zero

    def __post_init__(self) -> None:
        check_ascending("attacks", self.attacks)
        if type(self.images) is not int or self.images < 1:
            raise ValueError(f"images must be a whole number above 0, got {self.images!r}")

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of attacks: none, and those of the configuration."""
        return (0, *self.attacks)

    @property
    def settings(self) -> list[Setting]:
        """The trainings of a seed; without others there are no labels to be wrong."""
        found: list[Setting] = [("wrong", attacks) for attacks in self.numbers]
        return found + [("right", attacks) for attacks in self.attacks]


SIZES = ("images", "attacks", "model", "recipe", "seeds")
PAPER = Config()
LAPTOP = PAPER
QUICK = replace(
    PAPER,
    images=60,
    attacks=(30, 60),
    model="mlp-64",
    recipe=replace(PAPER.recipe, epochs=100),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each number of attacks and seed."""
    whole = lab.data(config.data)
    return {
        name_of(labels, attacks, seed): lab.job(
            config.model,
            attacked(whole, config.images, attacks, seed, labels),
            config.recipe,
            seed=seed,
            objective=squared_error,
            snapshots=Snapshots(every_epochs=0),
        )
        for labels, attacks in config.settings
        for seed in config.seeds
    }


def name_of(labels: Labels, attacks: int, seed: int) -> str:
    """What a training is called."""
    return f"{attacks} others with {labels} labels, seed {seed}"


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `labels, attacks, images, seed`, the columns of `on_true`, `run`."""
    runs = lab.train(jobs(config, lab))
    found = lab.measure(on_true, runs, lab.data(config.data), images=config.images)
    for labels, attacks in config.settings:
        for seed in config.seeds:
            name = name_of(labels, attacks, seed)
            about = {"labels": labels, "attacks": attacks, "images": config.images, "seed": seed}
            yield about | found[name][0] | {"run": runs[name].key}


_PANELS = {
    "sharpness": "Largest eigenvalue λ₁",
    "relative": "λ₁ by relative changes",
    "loss": "Loss of the true images",
    "test_error": "Test images misclassified",
}
_STROKES: dict[Labels, Stroke] = {
    "wrong": Stroke(color=BLUE, marker="o"),
    "right": Stroke(color=ORANGE, linestyle="--", marker="s"),
}


def figure(table: pa.Table) -> Figure:
    """Sharpness, loss and test error by the number of other images: a dot a seed, and the mean."""
    drawn = table.to_pylist()
    with style():
        drawing, axes = panels(2, rows=2, height=4.8, sharex=True)
        for place, (name, title) in zip(axes.flat, _PANELS.items(), strict=True):
            for labels, stroke in _STROKES.items():
                own = [row for row in drawn if row["labels"] == labels or not row["attacks"]]
                mean_line(place, own, "attacks", name, stroke, f"{labels} labels")
            place.set(title=title, ylim=(0, None), xticks=sorted({r["attacks"] for r in drawn}))
        percent_axis(axes[1, 1])
        axes[1, 0].legend(loc="upper left")
        for place in axes[1]:
            place.set_xlabel(f"other images, beside {drawn[0]['images']:,} true ones")
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """E9a by seeds; E9b and E9c by rank correlations within seeds."""
    every = table.to_pylist()
    rows = {(r["attacks"], r["seed"]): r for r in every if r["labels"] == "wrong"}
    control = {(r["attacks"], r["seed"]): r for r in every if r["labels"] == "right"}

    def values(name: str) -> np.ndarray:
        found = [[rows[one, seed][name] for one in config.numbers] for seed in config.seeds]
        return np.array(found, dtype=float)  # None becomes NaN

    fits = [
        all(
            rows[one, seed]["train_error"] == 0 and rows[one, seed]["loss"] < config.loss_margin
            for one in config.numbers
        )
        for seed in config.seeds
    ]
    most = config.numbers[-1]
    return (
        succeeds(
            "E9a",
            fits,
            rate=0.5,
            unit="of the seeds",
            says=f"In {sum(fits)} of {len(fits)} seeds all networks fit all true images; "
            f"their mean loss is {_span(rows, 'loss', most)}.",
            **_JUDGED,
        ),
        all_of(
            "E9b",
            ranks("λ₁", config.numbers, values("sharpness"), **_JUDGED),
            ranks("λ₁ by relative changes", config.numbers, values("relative"), **_JUDGED),
            says=f"The mean λ₁ is {_span(rows, 'sharpness', most)}, by relative changes "
            f"{_span(rows, 'relative', most)}; with as many right labels instead it is "
            f"{_mean(control, 'sharpness', most)} and {_mean(control, 'relative', most)}.",
            **_JUDGED,
        ),
        ranks(
            "E9c",
            config.numbers,
            values("test_error"),
            says=f"The mean test error is {_span(rows, 'test_error', most, '.1%')}.",
            **_JUDGED,
        ),
    )


_Rows = dict[tuple[int, int], dict[str, Any]]


def _span(rows: _Rows, name: str, most: int, form: str = ".2g") -> str:
    """A column's mean without attacks, and with the most."""
    none, all_ = (_mean(rows, name, attacks, form) for attacks in (0, most))
    return f"{none} without attacks and {all_} with {most}"


def _mean(rows: _Rows, name: str, attacks: int, form: str = ".2g") -> str:
    values = [row[name] for (one, _), row in rows.items() if one == attacks]
    known = [value for value in values if value is not None]
    return format(fmean(known), form) if known else "unknown"
