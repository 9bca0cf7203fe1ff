"""Does a network that fits the true labels fit labels drawn at random as well?

Source: Zhang et al. 2016 (1611.03530), table 1. Its MLP has 28 x 28 inputs of CIFAR-10, ours all
32 x 32: another network, whose figures are not held against the published ones.
Cost: quick 2 s, laptop about 5 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Any

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from surfeit.lab import POOL_DATA, POOL_RECIPE, Claim, Lab, Verdict, equals, faster, succeeds
from surfeit.store import Run
from surfeit.studies._fitting import Labels, examples, labelled, wrong
from surfeit.tables.figures.dots import dots
from surfeit.tables.figures.style import BLACK, BLUE, GREY, VERMILLION, panels, style
from surfeit.tables.tables import where
from surfeit.train import Job, Recipe, Snapshots

CLAIMS = (
    Claim(
        id="E1a",
        says="The network that fits the true labels also fits labels drawn at random: at most 1 % "
        "of the training images are wrong, in more than half of the seeds.",
        published="training accuracy on random labels of CIFAR-10: Inception 100 %, AlexNet "
        "99.82 %, MLP 3 x 512 100 %, MLP 1 x 512 99.34 %",
        source="Zhang et al. 2016, table 1",
    ),
    Claim(
        id="E1b",
        says="Trained on random labels it tests at chance, within 2 points.",
        published="Inception on CIFAR-10: 9.78 % with random labels, 85.75 % with true ones",
        source="Zhang et al. 2016, table 1",
    ),
    Claim(
        id="E1c",
        says="The true labels are fitted in fewer steps than random ones.",
        published="random labels take 1.5 to 3.5 times the steps, on CIFAR-10",
        source="Zhang et al. 2016",
    ),
)
_COMPARISONS = len(CLAIMS)
_LABELS: tuple[Labels, ...] = ("true", "random")
_STEPS_AN_EPOCH = 352  # of 45,000 images: the published rate falls by 5 % an epoch


@dataclass(frozen=True, kw_only=True)
class Config:
    """One network, trained alike on true labels and on labels drawn uniformly from all classes.

    A seed draws its images and its labels. No labels are noisy but those of training images.
    """

    data: str = "cifar10"
    images: int = 45_000  # training images
    model: str = "mlp-512"
    recipe: Recipe = Recipe(
        lr=0.01,
        momentum=0.9,
        batch_size=128,
        epochs=100,
        schedule="steps",
        decay=0.95,
        milestones=tuple(_STEPS_AN_EPOCH * epoch for epoch in range(1, 100)),
    )
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7)
    margin: float = 1.0  # points of training error that count as none: published are up to 0.66
    chance_margin: float = 2.0  # points of test accuracy, by choice


SIZES = ("data", "images", "model", "recipe", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    data="mnist",
    images=4_000,
    recipe=replace(PAPER.recipe, lr=0.02),
)
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    images=300,
    model="mlp-256",
    recipe=replace(POOL_RECIPE, epochs=60),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training on true labels and one on random labels for each seed."""
    whole = lab.data(config.data)
    every: dict[str, Job] = {}
    for seed in config.seeds:
        drawn = examples(whole, config.images, seed)
        for labels in _LABELS:
            every[name_of(labels, seed)] = lab.job(
                config.model,
                labelled(drawn, labels, seed),
                config.recipe,
                seed=seed,
                snapshots=Snapshots(every_epochs=0),
            )
    return every


def name_of(labels: str, seed: int) -> str:
    """What a training is called."""
    return f"{labels} labels, seed {seed}"


def fitted(run: Run, margin: float) -> tuple[int, bool]:
    """The end of the first epoch whose images were right as they came, all but `margin` points.

    Returns:
        the step, and whether there is such an epoch; the last step if there is none.
    """
    step = 0
    for row in run.metrics().to_pylist():
        step = row["step"]
        if (row["train_accuracy"] or 0.0) >= 1 - margin / 100:
            return step, True
    return step, False


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `labels, seed, chance, train_error, test_error, steps, fitted, run`.

    Errors and chance are fractions; `steps` are those until the images were fitted, all of them if
    they were not (`fitted`).
    """
    runs, whole = lab.train(jobs(config, lab)), lab.data(config.data)
    for labels in _LABELS:
        alike = {seed: runs[name_of(labels, seed)] for seed in config.seeds}
        errors = lab.measure(wrong, alike, whole, images=config.images, labels=labels)
        for seed, run in alike.items():
            steps, whether = fitted(run, config.margin)
            yield {
                "labels": labels,
                "seed": seed,
                "chance": 1 / whole.classes,
                **errors[seed][0],
                "steps": steps,
                "fitted": whether,
                "run": run.key,
            }


def figure(table: pa.Table) -> Figure:
    """Accuracy on training and test images, and steps until the labels are fitted: a dot a seed."""
    with style():
        drawing, ((left, right),) = panels(2, height=2.9)
        accuracies = {
            f"{labels} labels,\n{split}": [
                1 - value for value in found[f"{name}_error"].to_pylist()
            ]
            for labels in _LABELS
            for found in [where(table, labels=labels)]
            for name, split in (("train", "training"), ("test", "test"))
        }
        dots(left, accuracies)
        left.axvline(table["chance"][0].as_py(), color=GREY, linestyle="--", zorder=1)
        left.set(title="What is right at the end", xlabel="accuracy", xlim=(-0.03, 1.03))
        _draw_steps(right, table)
        drawing.legend(handles=_legend(table), loc="outside lower center", ncols=4)
    return drawing


def _draw_steps(axes: Axes, table: pa.Table) -> None:
    steps = {labels: where(table, labels=labels) for labels in _LABELS}
    groups = {f"{labels} labels": found["steps"].to_pylist() for labels, found in steps.items()}
    dots(axes, groups, percent=False)
    for place, found in enumerate(steps.values()):
        late = where(found, fitted=False)["steps"].to_pylist()
        axes.plot(late, [place] * len(late), **_LATE)
    axes.set(title="How long fitting takes", xlabel="steps until fitted")
    axes.set_xlim(0, None)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


_LATE: dict[str, Any] = {
    "linestyle": "", "marker": ">", "markersize": 8, "markerfacecolor": "none", "color": VERMILLION,
}  # fmt: skip


def _legend(table: pa.Table) -> list[Line2D]:
    handles = [
        Line2D([], [], linestyle="", marker="o", color=BLUE, alpha=0.55, label="one seed"),
        Line2D([], [], linestyle="", marker="|", markersize=10, color=BLACK, label="mean"),
        Line2D([], [], linestyle="--", color=GREY, label="chance"),
    ]
    if not all(table["fitted"].to_pylist()):
        handles.append(Line2D([], [], **_LATE, label="not fitted at the end"))
    return handles


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """E1a by seeds, E1b in points from chance, E1c in steps, paired by seed."""
    rows = {(row["labels"], row["seed"]): row for row in table.to_pylist()}
    true, drawn = ([rows[labels, seed] for seed in config.seeds] for labels in _LABELS)
    means = {
        labels: {name: 100 * fmean(row[name] for row in some) for name in _ERRORS}
        for labels, some in zip(_LABELS, (true, drawn), strict=True)
    }
    right = {labels: 100 - found["test_error"] for labels, found in means.items()}
    return (
        succeeds(
            "E1a",
            [
                all(100 * row["train_error"] <= config.margin for row in pair)
                for pair in zip(true, drawn, strict=True)
            ],
            rate=0.5,
            comparisons=_COMPARISONS,
            unit="of the seeds",
            says=f"At the end {means['true']['train_error']:.2f} % of the training images are "
            f"wrong with true labels, {means['random']['train_error']:.2f} % with random ones.",
        ),
        equals(
            "E1b",
            [100 * (1 - row["test_error"] - row["chance"]) for row in drawn],
            margin=config.chance_margin,
            comparisons=_COMPARISONS,
            unit="points from chance",
            says=f"{right['random']:.1f} % of the test images are right, {right['true']:.1f} % "
            "with true labels.",
        ),
        _sooner(true, drawn),
    )


_ERRORS = ("train_error", "test_error")


def _sooner(true: list[dict[str, Any]], drawn: list[dict[str, Any]]) -> Verdict:
    """Whether the true labels are fitted first; what is not fitted at the end is censored."""
    steps = [[row["steps"] for row in some] for some in (true, drawn)]
    late = [[not row["fitted"] for row in some] for some in (true, drawn)]
    ratio = median(second / first for first, second in zip(*steps, strict=True))
    bound = "at least " if any(late[1]) and not any(late[0]) else ""
    said = f"Random labels take {bound}{ratio:.1f} times the steps, in the median of seeds."
    return faster(
        "E1c",
        *steps,
        censored=(late[0], late[1]),
        comparisons=_COMPARISONS,
        says="" if any(late[0]) else said,
    )
