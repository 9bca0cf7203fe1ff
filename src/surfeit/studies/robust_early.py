"""Under label noise, does it help to let only the critical weights follow each step's gradient?

Source: Xia et al. 2021, "Robust early-learning: hindering the memorization of noisy labels", and
its authors' program (a convolutional LeNet there, LeNet-300-100 here).
Cost: quick 2 s, laptop about 4 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.core import Streams
from surfeit.data import Dataset, subset, with_label_noise
from surfeit.data.change import NoiseKind
from surfeit.lab import POOL_DATA, POOL_MODEL, Claim, Lab, Verdict, all_exceed
from surfeit.tables import over_replicates
from surfeit.tables.figures.style import BLACK, BLUE, ORANGE, panels, percent_axis, style
from surfeit.train import Job, Recipe, Snapshots

_XIA = "Xia et al. 2021"
_ARMS = {"all": "all weights", "slower": "all, at the lower rate", "critical": "critical weights"}

CLAIMS = (
    Claim(
        id="F15a",
        says="Trained to the end under label noise, a network whose critical weights alone follow "
        "the gradient is more accurate on clean test labels than one trained as usual.",
        source=_XIA,
    ),
    Claim(
        id="F15b",
        says="It is more accurate than one whose weights all follow the gradient at the rate that "
        "its critical weights have: being critical matters, not being slow.",
        source="our control",
    ),
    Claim(
        id="F15c",
        says="Few parameters suffice early: where the noisy validation loss is least, it is as "
        "accurate as one trained as usual.",
        source=_XIA,
    ),
    Claim(
        id="F15d",
        says="It memorises less: at the end it fits fewer of the noisy training labels.",
        source=_XIA,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """One network under several levels of label noise, trained in three ways."""

    model: str = "lenet-300-100"
    data: str = "mnist"
    images: int | None = None  # of the training set; None for all
    recipe: Recipe = Recipe(lr=0.01, momentum=0.9, weight_decay=1e-3, batch_size=32, epochs=100)
    noises: tuple[float, ...] = (0.2, 0.4)
    kind: NoiseKind = "wrong"  # as the authors draw: always another class
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    margin: float = 0.5  # points: about two standard errors of 10,000 test images at 95 %


SIZES = ("model", "data", "images", "recipe", "noises", "seeds")
PAPER = Config()
LAPTOP = replace(PAPER, images=5_000, recipe=replace(PAPER.recipe, epochs=40))
QUICK = replace(
    PAPER,
    model=POOL_MODEL,
    data=POOL_DATA,
    recipe=replace(PAPER.recipe, epochs=15),
    noises=(0.4,),
    seeds=(0, 1, 2),
)


def noisy(config: Config, lab: Lab, noise: float, seed: int) -> Dataset:
    """The data with noisy training and validation labels, drawn from the seed."""
    streams, dataset = Streams(seed), lab.data(config.data)
    if config.images is not None:
        dataset = subset(dataset, config.images, streams.get("subset"))
    return with_label_noise(
        dataset, noise, streams.get("label noise"), kind=config.kind, validation=True
    )


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each level of noise, way of training, and seed."""
    every: dict[str, Job] = {}
    for noise in config.noises:
        recipes = {
            "all": config.recipe,
            "slower": replace(config.recipe, lr=config.recipe.lr * (1 - noise)),
            "critical": replace(config.recipe, critical_share=1 - noise),
        }
        for seed in config.seeds:
            dataset = noisy(config, lab, noise, seed)
            for arm, recipe in recipes.items():
                every[_name(noise, arm, seed)] = lab.job(
                    config.model, dataset, recipe, seed=seed, snapshots=Snapshots(every_epochs=0)
                )
    return every


def _name(noise: float, arm: str, seed: int) -> str:
    return f"noise {noise:g}, {arm}, seed {seed}"


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row an epoch: `noise, kind, arm, seed, epoch, accuracy, fitted, chosen, end, run`.

    `accuracy` is that on clean test labels, `fitted` that on the noisy training labels as they were
    trained on; `chosen` marks the least noisy validation loss, `end` the last epoch.
    """
    runs = lab.train(jobs(config, lab))
    for noise in config.noises:
        for arm in _ARMS:
            for seed in config.seeds:
                run = runs[_name(noise, arm, seed)]
                epochs = [m for m in run.metrics().to_pylist() if m["step"]]
                best = run.done["best"]["step"]
                # The network as it was drawn may be the best; it is not an epoch.
                chosen = next((m["step"] for m in epochs if m["step"] >= best), best)
                for measured in epochs:
                    yield {
                        "noise": noise,
                        "kind": config.kind,
                        "arm": arm,
                        "seed": seed,
                        "epoch": measured["epoch"],
                        "accuracy": measured["test_accuracy"],
                        "fitted": measured["train_accuracy"],
                        "chosen": measured["step"] == chosen,
                        "end": measured is epochs[-1],
                        "run": run.key,
                    }


def figure(table: pa.Table) -> Figure:
    """Clean test accuracy by epoch, a panel a level of noise, with intervals over seeds."""
    every = table.to_pylist()
    noises = sorted({row["noise"] for row in every})
    with style():
        drawn, (axes,) = panels(len(noises), height=3.3, sharey=True)
        for panel, noise in zip(axes, noises, strict=True):
            for arm, color, dash in zip(
                _ARMS, (BLACK, ORANGE, BLUE), (":", "--", "-"), strict=True
            ):
                mine = [row for row in every if (row["noise"], row["arm"]) == (noise, arm)]
                epochs = sorted({row["epoch"] for row in mine})
                means = [
                    over_replicates([row["accuracy"] for row in mine if row["epoch"] == epoch])
                    for epoch in epochs
                ]
                lower = [mean.mean if mean.lower is None else mean.lower for mean in means]
                upper = [mean.mean if mean.upper is None else mean.upper for mean in means]
                panel.fill_between(epochs, lower, upper, color=color, alpha=0.15, linewidth=0)
                middle = [mean.mean for mean in means]
                panel.plot(epochs, middle, color=color, linestyle=dash, label=_ARMS[arm])
            (kind,) = {row["kind"] for row in every}
            panel.set(title=f"{noise:.0%} of the labels {kind}", xlabel="epoch")
            percent_axis(panel)
        axes[0].set_ylabel("test accuracy")
        axes[0].legend()
    return drawn


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """F15a to F15d, in points, paired by seed; each at every level of noise."""
    found = {
        (row["noise"], row["arm"], row["seed"], moment): row
        for row in table.to_pylist()
        for moment in ("chosen", "end")
        if row[moment]
    }

    def parts(first: str, second: str, moment: str, what: str) -> dict[str, list[float]]:
        return {
            f"by {_ARMS[first]} over {_ARMS[second]} under {noise:.0%} noise": [
                100 * (found[noise, first, s, moment][what] - found[noise, second, s, moment][what])
                for s in config.seeds
            ]
            for noise in config.noises
        }

    ends = parts("critical", "all", "end", "accuracy")
    against_slower = parts("critical", "slower", "end", "accuracy")
    early = parts("critical", "all", "chosen", "accuracy")
    memorised = parts("all", "critical", "end", "fitted")
    return (
        all_exceed("F15a", ends, unit="points"),
        all_exceed("F15b", against_slower, unit="points"),
        all_exceed("F15c", early, margin=-config.margin, unit="points"),
        all_exceed("F15d", memorised, unit="points"),
    )
