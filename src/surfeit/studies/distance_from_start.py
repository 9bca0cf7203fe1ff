"""How far does training move the weights from where they began, by width and by training set?

Source: Neyshabur et al. 2018 (1805.12076), figure 3; Nagarajan and Kolter 2019 (1902.04742),
figure 1; Du et al. 2018 (1810.02054), section 3.
Cost: quick 15 s, laptop 12 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.lab import POOL_DATA, POOL_RECIPE, Claim, Lab, Verdict, exceeds
from surfeit.store import Run
from surfeit.train import Recipe, Snapshots
from surfeit.train.job import Job

CLAIMS = (
    Claim(
        id="D6a",
        says="A two-layer network's distance from its initial weights falls with its width.",
        source="Neyshabur et al. 2018, figure 3",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Two-layer networks of several widths, trained alike."""

    data: str = "mnist"
    widths: tuple[int, ...] = (32, 64, 128, 256, 512, 1024, 2048)
    recipe: Recipe = Recipe(lr=0.01, momentum=0.9, batch_size=64, epochs=40)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)


SIZES = ("data", "widths", "recipe", "seeds")
PAPER = Config()
LAPTOP = replace(PAPER, widths=(32, 128, 512), recipe=replace(PAPER.recipe, epochs=5))
QUICK = replace(PAPER, data=POOL_DATA, widths=(16, 64), recipe=POOL_RECIPE, seeds=(0, 1, 2))


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each width and seed."""
    keep = Snapshots(every_epochs=0)
    return {
        f"width {width}, seed {seed}": lab.job(
            f"mlp-{width}", config.data, config.recipe, seed=seed, snapshots=keep
        )
        for width in config.widths
        for seed in config.seeds
    }


def moved(run: Run) -> Iterator[dict[str, Any]]:
    """How far the hidden layer's weights moved: in all, and the farthest unit."""
    change = run.tensors()["fc1.weight"].double() - run.tensors(0)["fc1.weight"].double()
    yield {"distance": change.norm().item(), "farthest": change.norm(dim=1).max().item()}


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `width, seed, distance, farthest, run`."""
    runs = lab.train(jobs(config, lab))
    measured = lab.measure(moved, runs)
    for width in config.widths:
        for seed in config.seeds:
            name = f"width {width}, seed {seed}"
            yield {"width": width, "seed": seed, **measured[name][0], "run": runs[name].key}


def figure(table: pa.Table) -> Figure:
    """Distance by width, a line a seed."""
    drawn = Figure()
    axes = drawn.add_subplot()
    for seed in sorted(set(table["seed"].to_pylist())):
        of = [row for row in table.to_pylist() if row["seed"] == seed]
        axes.plot([row["width"] for row in of], [row["distance"] for row in of], marker="o")
    axes.set(xscale="log", xlabel="width", ylabel="distance from the initial weights")
    return drawn


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """D6a: the narrowest network's distance less the widest's, paired by seed."""
    distance = {(row["width"], row["seed"]): row["distance"] for row in table.to_pylist()}
    narrow, wide = min(config.widths), max(config.widths)
    falls = [distance[narrow, seed] - distance[wide, seed] for seed in config.seeds]
    return (exceeds("D6a", falls, unit="distance"),)
