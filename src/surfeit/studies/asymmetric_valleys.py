"""Do averaged weights lie on the flat side of a valley, and is the test loss lower there?

Source: He, Huang and Yuan 2019 (1902.00744); averages, Izmailov et al. 2018 (1803.05407).
Cost: quick 3 s, laptop about 2 min (two cores).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.core import check_size
from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, exceeds
from surfeit.studies._asymmetric_valleys import sides
from surfeit.studies._fitting import check_ascending, examples
from surfeit.tables.figures.style import BLUE, GREY, VERMILLION, Stroke, loss_axis, panels, style
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "He et al. 2019"
CLAIMS = (
    Claim(
        id="G3a",
        says="On the line through a training's end and averaged weights, the training loss rises "
        "less beyond its minimum towards the average than away from it, and the two sides differ "
        "more than those of random directions.",
        source=_SOURCE,
    ),
    Claim(
        id="G3b",
        says="The averaged weights lie beyond that minimum, on the flatter side.",
        source=_SOURCE,
    ),
    Claim(
        id="G3c",
        says="The test loss has its minimum on that line farther to the flatter side than the "
        "training loss.",
        source=_SOURCE,
    ),
    Claim(
        id="G3d",
        says="Averaged weights have a lower test loss than the end of a training of as many steps "
        "whose rate falls.",
        source=f"Izmailov et al. 2018; {_SOURCE}",
    ),
)
_COMPARISONS = len(CLAIMS)


@dataclass(frozen=True, kw_only=True)
class Config:
    """A training whose rate falls, and averaged weights of the same training whose rate does not.

    Both are one until the rate falls; the average is that of each later epoch's end. A seed draws
    its own training images.
    """

    data: str = "cifar-10"
    images: int = 45_000  # training images
    model: str = "vgg19-bn"
    recipe: Recipe = Recipe(lr=0.05, momentum=0.9, batch_size=128, epochs=300, weight_decay=5e-4)
    decay: float = 0.02  # of the rate
    decay_at: float = 0.5  # of the steps
    measured: int = 10_000  # images of each split
    points: tuple[float, float, int] = (-1.0, 2.5, 29)  # of the line: first, last, how many
    distances: tuple[float, ...] = (1.0, 2.0)  # from the minimum, in lengths of the line
    random: int = 8  # random directions
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7)

    def __post_init__(self) -> None:
        if self.recipe.epochs is None or self.recipe.schedule != "constant":
            raise ValueError("the recipe must have epochs and a constant rate, which decay lowers")
        if not (0 < self.decay < 1 and 0 < self.decay_at < 1):
            given = f"{self.decay} and {self.decay_at}"
            raise ValueError(f"decay and decay_at must be in (0, 1), got {given}")
        first, last, count = self.points
        if not (first < 0 and last > 1):
            raise ValueError(f"points must reach from below 0 to above 1, got {first} to {last}")
        check_size("points of the line", count, 3)
        check_size("random", self.random, 2)
        check_ascending("distances", [round(1000 * one) for one in self.distances], fewest=1)

    @property
    def falling(self) -> Recipe:
        """The recipe whose rate falls at an epoch's end."""
        epochs = self.recipe.epochs
        assert epochs is not None
        fall = round(self.decay_at * epochs) * self.recipe.steps_per_epoch(self.images)
        return replace(self.recipe, schedule="steps", milestones=(fall,), decay=self.decay)


SIZES = ("data", "images", "model", "recipe", "measured", "random", "seeds")
SUBSTITUTES = {
    "recipe": "Weight decay of 1e-3 in place of 5e-4: with few images and a small network the "
    "smaller one leaves the training loss without a minimum near the end of training.",
}
PAPER = Config()
LAPTOP = replace(
    PAPER,
    data="fashion-mnist",
    images=3_000,
    model="mlp-64-64",
    recipe=replace(PAPER.recipe, batch_size=64, epochs=40, weight_decay=1e-3),
    measured=4_000,
    random=4,
)
QUICK = replace(
    LAPTOP,
    data=POOL_DATA,
    images=300,
    model="mlp-16",
    recipe=replace(LAPTOP.recipe, batch_size=20, epochs=16),
    measured=300,
    random=2,
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """Two trainings a seed."""
    whole = lab.data(config.data)
    drawn = {seed: examples(whole, config.images, seed) for seed in config.seeds}
    arms = {"falling": (config.falling, 0), "constant": (config.recipe, 1)}
    return {
        f"{arm} rate, seed {seed}": lab.job(
            config.model,
            drawn[seed],
            recipe,
            seed=seed,
            snapshots=Snapshots(every_epochs=every),
        )
        for seed in config.seeds
        for arm, (recipe, every) in arms.items()
    }


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """Rows of the line and of its sides: `seed`, the columns of `sides`, `falling, constant`."""
    runs = lab.train(jobs(config, lab))
    pairs = {
        seed: (runs[f"falling rate, seed {seed}"], runs[f"constant rate, seed {seed}"])
        for seed in config.seeds
    }
    found = lab.measure(
        sides,
        pairs,
        lab.data(config.data),
        images=config.images,
        measured=config.measured,
        points=list(config.points),
        distances=list(config.distances),
        random=config.random,
    )
    for seed, measured in found.items():
        falling, constant = (run.key for run in pairs[seed])
        for row in measured:
            yield {"seed": seed, **row, "falling": falling, "constant": constant}


_LOSSES = {
    "train_loss": ("training images", Stroke(color=BLUE)),
    "test_loss": ("test images", Stroke(color=VERMILLION, linestyle="--")),
}


def figure(table: pa.Table) -> Figure:
    """Losses along the line, and how unequal its sides are beside random directions'."""
    drawn = table.to_pylist()
    line = [row for row in drawn if row["part"] == "line"]
    with style():
        drawing, ((left, right),) = panels(2, height=3.7)
        for name, (words, stroke) in _LOSSES.items():
            for seed in sorted({row["seed"] for row in line}):
                own = [(row["at"], row[name]) for row in line if row["seed"] == seed]
                left.plot(*zip(*own, strict=True), color=stroke.color, linewidth=0.6, alpha=0.4)
            means: dict[float, list[float]] = {}
            for row in line:
                means.setdefault(row["at"], []).append(row[name])
            mean = [fmean(some) for some in means.values()]
            left.plot(list(means), mean, label=f"loss of {words}", **stroke.options())
        values = [row[name] for row in line for name in _LOSSES]
        loss_axis(left, np.array(values), needed=10.0)
        for place, words in ((0, "end"), (1, "average")):
            left.axvline(place, color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
            left.annotate(
                words,
                (place, 1),
                xycoords=("data", "axes fraction"),
                xytext=(3, -10),
                textcoords="offset points",
                color=GREY,
                fontsize=8.5,
            )
        left.set(title="On the line", xlabel="place (0: end of training, 1: averaged weights)")
        left.set_ylabel("loss (nats)")
        _draw_sides(right, [row for row in drawn if row["part"] == "side"])
        drawing.legend(loc="outside lower center", ncols=2)
    return drawing


def _draw_sides(axes: Axes, rows: list[dict[str, Any]]) -> None:
    distances = sorted({row["distance"] for row in rows})
    kinds = {"average": (BLUE, "o", -0.12), "random": (GREY, "s", 0.12)}
    for kind, (color, marker, shift) in kinds.items():
        own = [row for row in rows if row["direction"].startswith(kind)]
        places = [distances.index(row["distance"]) + shift for row in own]
        words = "towards the average" if kind == "average" else "random direction"
        axes.plot(
            places,
            [_unequal(row) for row in own],
            linestyle="",
            marker=marker,
            color=color,
            alpha=0.6,
            label=words,
        )
    axes.axhline(0, color=GREY, linewidth=0.9)
    axes.set_xticks(range(len(distances)), [f"{one:g}" for one in distances])
    axes.set(
        title="How unequal the sides are",
        xlabel="distance from the minimum",
        xlim=(-0.5, len(distances) - 0.5),
        ylim=(-1.05, 1.05),
    )
    axes.set_ylabel("(behind − ahead) / (behind + ahead)")


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """G3a by the share that sides differ by, G3b and G3c in lengths of the line, G3d in nats."""
    rows = table.to_pylist()
    line = {s: [r for r in rows if r["seed"] == s and r["part"] == "line"] for s in config.seeds}
    lowest = {name: {s: _lowest(line[s], name) for s in config.seeds} for name in _LOSSES}

    def excess(distance: float) -> list[float]:
        """By how much the sides differ more than those of random directions do in mean."""
        found = []
        for seed in config.seeds:
            here = [r for r in rows if r["seed"] == seed and r["distance"] == distance]
            own = [_unequal(r) for r in here if r["direction"] == "average"]
            null = [abs(_unequal(r)) for r in here if r["direction"] != "average"]
            found.append(own[0] - fmean(null))
        return found

    def of(column: str, place: float) -> list[float]:
        return [_near(line[seed], place)[column] for seed in config.seeds]

    def mean_unequal(kind: str, value: Callable[[dict[str, Any]], float]) -> float:
        return fmean(
            value(r)
            for r in rows
            if (r["direction"] or "").startswith(kind)
            and r["part"] == "side"
            and r["distance"] == config.distances[0]
        )

    at = {name: fmean(lowest[name].values()) for name in _LOSSES}
    ends = {place: 100 * fmean(of("test_accuracy", place)) for place in (0.0, 1.0)}
    length: dict[str, Any] = {"comparisons": _COMPARISONS, "unit": "lengths of the line"}
    return (
        all_of(
            "G3a",
            *(
                exceeds(
                    f"distance {distance:g}",
                    excess(distance),
                    comparisons=_COMPARISONS,
                    unit="of both rises together",
                )
                for distance in config.distances
            ),
            says="At a distance of one length the rises differ by "
            f"{mean_unequal('average', _unequal):.2f} of both together, those of random "
            f"directions by {mean_unequal('random', lambda r: abs(_unequal(r))):.2f}.",
            comparisons=_COMPARISONS,
        ),
        exceeds(
            "G3b",
            [1 - lowest["train_loss"][seed] for seed in config.seeds],
            says=f"The training loss is least at {at['train_loss']:.2f} of the way from the end of "
            "training to the average.",
            **length,
        ),
        exceeds(
            "G3c",
            [lowest["test_loss"][s] - lowest["train_loss"][s] for s in config.seeds],
            says=f"The test loss is least at {at['test_loss']:.2f} of the way.",
            **length,
        ),
        exceeds(
            "G3d",
            [a - b for a, b in zip(of("test_loss", 0.0), of("test_loss", 1.0), strict=True)],
            comparisons=_COMPARISONS,
            unit="nats",
            says=f"The mean test loss is {fmean(of('test_loss', 0.0)):.3f} at the end of training "
            f"and {fmean(of('test_loss', 1.0)):.3f} at the average; test accuracy {ends[0.0]:.2f} "
            f"and {ends[1.0]:.2f} %.",
        ),
    )


def _unequal(row: dict[str, Any]) -> float:
    """The difference of two rises as a share of both, in [−1, 1]; 0 where neither rises."""
    both = abs(row["behind"]) + abs(row["ahead"])
    return row["difference"] / both if both > 0 else 0.0


def _lowest(line: list[dict[str, Any]], name: str) -> float:
    """Where on the line a loss is least."""
    return min(line, key=lambda row: row[name])["at"]


def _near(line: list[dict[str, Any]], place: float) -> dict[str, Any]:
    return min(line, key=lambda row: abs(row["at"] - place))
