"""Does it matter when, during training, a fixed share of the units is removed?

Source: Heitmann 2020, whose program removes units at a chosen epoch; no figures are published.
Cost: quick 2 s, laptop about 7 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.lab import (
    POOL_DATA,
    POOL_MODEL,
    POOL_RECIPE,
    Claim,
    Lab,
    Verdict,
    equals,
    exceeds,
)
from surfeit.prune import at_step
from surfeit.tables import over_replicates
from surfeit.tables.figures.style import BLUE, GREY, VERMILLION, panels, percent_axis, style
from surfeit.train import Job, Pruning, Recipe, Snapshots, report_recipe

_SCORES = {"filter_norm": "the smallest", "random": "random ones"}

CLAIMS = (
    Claim(
        id="B5a",
        says="Of moments that leave half of the training or more, the choice matters.",
        source="Heitmann 2020, the report's program",
    ),
    Claim(
        id="B5b",
        says="Units removed at the end, with no training behind it, cost accuracy that units "
        "removed at half of the training do not.",
        source="Heitmann 2020, the report's program",
    ),
    Claim(
        id="B5c",
        says="What choosing the smallest units is worth, against random ones, grows with the "
        "moment.",
        source="Heitmann 2020, the report's program",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """One training a moment, of equal length, and one in which nothing is removed."""

    model: str = "lenet-300-100"
    data: str = "mnist"
    recipe: Recipe = report_recipe("lenet-300-100")
    density: float = 0.4  # of the units of each hidden layer: what a third removed would not show
    moments: tuple[float, ...] = (0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 1.0)  # of the training
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    margin: float = 0.5  # points: about two standard errors of 10,000 test images at 98 %


SIZES = ("model", "data", "recipe", "moments", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    recipe=replace(PAPER.recipe, steps=10_000),
    moments=(0.0, 0.1, 0.25, 0.5, 1.0),
)
QUICK = replace(
    PAPER,
    model=POOL_MODEL,
    data=POOL_DATA,
    recipe=replace(POOL_RECIPE, epochs=8),
    moments=(0.0, 0.5, 1.0),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each score, moment and seed, and one without removal for each seed."""
    total = config.recipe.total_steps(len(lab.data(config.data).train))
    every: dict[str, Job] = {}
    for seed in config.seeds:
        plain = lab.job(
            config.model,
            config.data,
            config.recipe,
            seed=seed,
            snapshots=Snapshots(every_epochs=0),
        )
        every[f"whole, seed {seed}"] = plain
        for score in _SCORES:
            for moment in config.moments:
                pruning = Pruning(
                    moments=at_step(round(moment * total), config.density),
                    score=score,
                    allocation="uniform",
                    granularity="unit",
                )
                every[f"{score}, {moment}, seed {seed}"] = replace(plain, pruning=pruning)
    return every


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `score, moment, seed, accuracy, run`; nothing removed: null moment."""
    runs = lab.train(jobs(config, lab))
    for seed in config.seeds:
        names = {("none", None): f"whole, seed {seed}"} | {
            (score, moment): f"{score}, {moment}, seed {seed}"
            for score in _SCORES
            for moment in config.moments
        }
        for (score, moment), name in names.items():
            yield {
                "score": score,
                "moment": moment,
                "seed": seed,
                "accuracy": runs[name].metrics()["test_accuracy"][-1].as_py(),
                "run": runs[name].key,
            }


def figure(table: pa.Table) -> Figure:
    """Accuracy at the end by the moment of removal, with intervals over seeds."""
    found = _accuracies(table)
    with style():
        drawn, ((axes,),) = panels(1, height=3.4)
        for (score, words), color, marker in zip(
            _SCORES.items(), (BLUE, VERMILLION), "os", strict=True
        ):
            moments: list[Any] = [moment for name, moment, _ in found if name == score]
            moments = sorted(set(moments))
            means = [over_replicates(_at(found, score, moment)) for moment in moments]
            error = [[m.mean - (m.lower or m.mean) for m in means] for _ in range(2)]
            axes.errorbar(
                [100 * moment for moment in moments],
                [m.mean for m in means],
                error,
                color=color,
                marker=marker,
                capsize=3,
                label=f"{words} removed",
            )
        whole = fmean(_at(found, "none", None))
        axes.axhline(whole, color=GREY, linestyle="--", linewidth=1, label="nothing removed")
        axes.set(xlabel="moment of removal (% of the training)", ylabel="test accuracy at the end")
        percent_axis(axes)
        axes.legend()
    return drawn


Accuracies = dict[tuple[str, float | None, int], float]


def _accuracies(table: pa.Table) -> Accuracies:
    return {(r["score"], r["moment"], r["seed"]): r["accuracy"] for r in table.to_pylist()}


def _at(found: Accuracies, score: str, moment: float | None) -> list[float]:
    return [value for name, value in found.items() if name[:2] == (score, moment)]


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """B5a to B5c, in points, paired by seed."""
    found = _accuracies(table)

    def less(first: tuple[str, float], second: tuple[str, float]) -> list[float]:
        return [100 * (found[*first, seed] - found[*second, seed]) for seed in config.seeds]

    first, *others = [moment for moment in config.moments if moment <= 0.5]
    parts = {moment: less(("filter_norm", moment), ("filter_norm", first)) for moment in others}
    late = less(("filter_norm", 0.5), ("filter_norm", 1.0))
    gain = [
        less(("filter_norm", moment), ("random", moment)) for moment in (1.0, config.moments[0])
    ]
    grows = [end - start for end, start in zip(*gain, strict=True)]
    return (
        _differs("B5a", parts, config),
        exceeds(
            "B5b",
            late,
            margin=config.margin,
            unit="points",
            says=f"{fmean(late):+.2f} points at half of the training against the end",
        ),
        exceeds(
            "B5c",
            grows,
            unit="points",
            says=f"{fmean(grows):+.2f} points more at the end than before the training",
        ),
    )


def _differs(claim: str, parts: dict[float, list[float]], config: Config) -> Verdict:
    """Whether any moment differs from the first: the contrary of all being equal to it."""
    turned = {"supported": "contradicted", "contradicted": "supported"}
    each = [
        equals(
            claim,
            values,
            margin=config.margin,
            comparisons=len(parts),
            unit="points",
            says=f"{fmean(values):+.2f} points, removed at {100 * moment:g} % against before",
        )
        for moment, values in parts.items()
    ]
    each = [replace(one, ruling=turned.get(one.ruling, "inconclusive")) for one in each]
    rank = {"supported": 0, "inconclusive": 1, "contradicted": 2}
    return min(each, key=lambda one: (rank[one.ruling], -abs(one.effect or 0.0)))
