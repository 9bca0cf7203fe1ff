"""Removing units round by round while training: is the largest first as good as the smallest?

Source: Bartoldson et al. 2019 (1906.03728), on the stability of pruning and generalisation;
Heitmann 2020, section 2.3.
Cost: quick 2 s, laptop about 3 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import Any

import pyarrow as pa
import torch
from matplotlib.figure import Figure

from surfeit.execute import Derived
from surfeit.lab import POOL_DATA, POOL_MODEL, POOL_RECIPE, Claim, Lab, Verdict, exceeds
from surfeit.prune import alive_units, magnitude, random, removal_order, unit_mask
from surfeit.store import Run
from surfeit.tables.figures.style import BLACK, BLUE, GREY, VERMILLION, panels, percent_axis, style
from surfeit.train import Job, Origin, Recipe, Snapshots, report_recipe

_WAYS = {"least": "the smallest first", "most": "the largest first", "random": "in random order"}
_BARTOLDSON = "Bartoldson et al. 2019"

CLAIMS = (
    Claim(
        id="B6a",
        says="After retraining, removing the largest units first is as good as removing the "
        "smallest first.",
        source=_BARTOLDSON,
    ),
    Claim(
        id="B6b",
        says="Removing the smallest units round by round while training loses nothing against the "
        "whole network.",
        source=_BARTOLDSON,
    ),
    Claim(
        id="B6c",
        says="Right after a removal the largest first cost more accuracy than the smallest first.",
        source=_BARTOLDSON,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Removals at equal distances in the second half of one training, retrained in between."""

    model: str = "lenet-300-100"
    data: str = "mnist"
    layers: tuple[str, ...] = ("fc1", "fc2")
    recipe: Recipe = report_recipe("lenet-300-100")
    rounds: int = 4
    rate: float = 0.25  # of the units that are left, removed in each round
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    margin: float = 0.5  # points: about two standard errors of 10,000 test images at 98 %


SIZES = ("model", "data", "layers", "recipe", "rounds", "seeds")
PAPER = Config()
LAPTOP = replace(PAPER, recipe=replace(PAPER.recipe, steps=16_000))
QUICK = replace(
    PAPER,
    model=POOL_MODEL,
    data=POOL_DATA,
    layers=("fc1", "fc2"),
    recipe=POOL_RECIPE,
    rounds=2,
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job | Derived]:
    """The whole network for each seed; from its half on, a training a round by each way."""
    total = config.recipe.total_steps(len(lab.data(config.data).train))
    at = [
        total // 2 + number * (total - total // 2) // config.rounds
        for number in range(config.rounds)
    ]
    pool = config.recipe == POOL_RECIPE
    every: dict[str, Job | Derived] = {}
    for seed in config.seeds:
        whole = lab.job(
            config.model,
            config.data,
            config.recipe,
            seed=seed,
            snapshots=Snapshots(every_epochs=int(pool), at=tuple(at[:1])),
        )
        every[_name("whole", 0, seed)] = whole
        for way in _WAYS:
            before = _name("whole", 0, seed)
            for number, (step, until) in enumerate(zip(at, [*at[1:], total], strict=True), start=1):
                every[_name(way, number, seed)] = Derived(
                    derive=partial(
                        after_removal,
                        job=whole,
                        step=step,
                        until=until,
                        way=way,
                        layers=config.layers,
                        kept=(1 - config.rate) ** number,
                    ),
                    parents=(before,),
                )
                before = _name(way, number, seed)
    return every


def _name(way: str, number: int, seed: int) -> str:
    return f"{way}, round {number}, seed {seed}"


def after_removal(
    parent: Run,
    *,
    job: Job,
    step: int,
    until: int,
    way: str,
    layers: tuple[str, ...],
    kept: float,
) -> Job:
    """The training that goes on from a run's weights at a step, once more units are removed.

    Args:
        parent: the run, whose own mask stays in force.
        job: the whole network's training, for data, recipe and seed.
        step: where it goes on.
        until: where it ends.
        way: `least` (the smallest weight vectors go first), `most` or `random`.
        layers: the layers that lose units.
        kept: of all units of each of them, as a fraction.
    """
    model = parent.model(step)
    structure = job.structure.of_copy(model)
    alive = alive_units(model, parent.mask) if parent.mask else {}
    removed = {}
    for number, name in enumerate(layers):
        weight = structure.layer(name).matrix(model)
        there = alive.get(name, torch.ones(len(weight), dtype=torch.bool)).nonzero().flatten()
        more = len(there) - round(kept * len(weight))
        criterion = random if way == "random" else magnitude
        order = removal_order(
            weight[there],
            criterion,
            "most" if way == "most" else "least",
            job.streams.get("removal", step, number),
        )
        stays = there[order[more:]]
        removed[name] = torch.ones(len(weight), dtype=torch.bool).index_fill(0, stays, value=False)
    return replace(
        job,
        model=model,
        recipe=replace(job.recipe, epochs=None, steps=until),
        mask=unit_mask(model, removed, structure=structure),
        origin=Origin(step=step, parents=(parent.key,)),
        snapshots=Snapshots(every_epochs=0),
    )


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `way, round, seed, kept, begin, end, removed, accuracy, run`.

    `removed` is the test accuracy right after the round's removal, `accuracy` that at its end.
    """
    runs = lab.train(jobs(config, lab))
    for seed in config.seeds:
        for way in ("whole", *_WAYS):
            for number in (0,) if way == "whole" else range(1, config.rounds + 1):
                run = runs[_name(way, number, seed)]
                measured = [m for m in run.metrics().to_pylist() if m["test_accuracy"] is not None]
                yield {
                    "way": way,
                    "round": number,
                    "seed": seed,
                    "kept": (1 - config.rate) ** number,
                    "begin": measured[0]["step"],
                    "end": measured[-1]["step"],
                    "removed": measured[0]["test_accuracy"],
                    "accuracy": measured[-1]["test_accuracy"],
                    "run": run.key,
                }


def figure(table: pa.Table) -> Figure:
    """Accuracy over the rounds, each a fall and a recovery: means, and a line a seed."""
    every = table.to_pylist()
    with style():
        drawn, ((axes,),) = panels(1, height=3.4)
        for (way, words), color, dash in zip(
            _WAYS.items(), (BLUE, VERMILLION, BLACK), ("-", "--", ":"), strict=True
        ):
            curves, steps = [], []
            for seed in sorted({row["seed"] for row in every}):
                mine = [row for row in every if (row["way"], row["seed"]) == (way, seed)]
                steps = [row[place] for row in mine for place in ("begin", "end")]
                curves.append([row[what] for row in mine for what in ("removed", "accuracy")])
                axes.plot(steps, curves[-1], color=color, linestyle=dash, alpha=0.3, linewidth=0.7)
            means = [fmean(values) for values in zip(*curves, strict=True)]
            axes.plot(steps, means, color=color, linestyle=dash, label=words)
        whole = fmean(row["accuracy"] for row in every if row["way"] == "whole")
        axes.axhline(whole, color=GREY, linewidth=1, label="the whole network at the end")
        axes.set(xlabel="steps", ylabel="test accuracy")
        percent_axis(axes)
        axes.legend()
    return drawn


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """B6a to B6c, in points, paired by seed."""
    found = {(row["way"], row["round"], row["seed"]): row for row in table.to_pylist()}
    last = config.rounds

    def less(first: tuple[str, int], second: tuple[str, int], what: str) -> list[float]:
        return [100 * (found[*first, s][what] - found[*second, s][what]) for s in config.seeds]

    ends = less(("most", last), ("least", last), "accuracy")
    against_whole = less(("least", last), ("whole", 0), "accuracy")
    falls = [
        fmean(
            less(("least", number), ("most", number), "removed")[place]
            for number in range(1, last + 1)
        )
        for place in range(len(config.seeds))
    ]
    return (
        exceeds(
            "B6a",
            ends,
            margin=-config.margin,
            unit="points",
            says=f"{fmean(ends):+.2f} points at the end, the largest first against the smallest",
        ),
        exceeds(
            "B6b",
            against_whole,
            margin=-config.margin,
            unit="points",
            says=f"{fmean(against_whole):+.2f} points against the whole network",
        ),
        exceeds(
            "B6c",
            falls,
            unit="points",
            says=f"{fmean(falls):+.1f} points right after a removal, smallest against largest",
        ),
    )
