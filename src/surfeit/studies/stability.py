"""From which step on do two trainings of one network end in one basin, and are tickets found there?

Source: Frankle, Dziugaite, Roy and Carbin 2020 (1912.05671), sections 3 and 4.
Cost: quick 5 s, laptop 25 min (two cores).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.lab import POOL_DATA, POOL_MODEL, POOL_RECIPE, Claim, Lab, Verdict, exceeds, not_worse
from surfeit.models import builder_named
from surfeit.procedures.instability import (
    STABLE,
    InstabilityConfig,
    barriers,
    instability_lines,
    lines_from,
)
from surfeit.procedures.tickets import TicketConfig, complete, find_tickets
from surfeit.tables import over_replicates
from surfeit.tables.figures.dots import dots, dots_legend
from surfeit.tables.figures.line import STROKES
from surfeit.tables.figures.style import GREY, panels, percent_axis, style
from surfeit.tables.tables import where
from surfeit.train import Recipe

_SOURCE = "Frankle et al. 2020"

CLAIMS = (
    Claim(
        id="F13a",
        says="A small network is stable from its first step: the barrier is below 2 points.",
        published="LeNet on MNIST: instability below 2 % from step 0",
        source=f"{_SOURCE}, section 3",
    ),
    Claim(
        id="F13b",
        says="A deeper network is more stable once it has been trained for a while.",
        published="ResNet-20 on CIFAR-10: below 2 % from step 2,000, not from step 0",
        source=f"{_SOURCE}, section 3",
    ),
    Claim(
        id="F13c",
        says="A ticket is more stable than the same mask on newly drawn weights.",
        source=f"{_SOURCE}, section 4",
    ),
    Claim(
        id="F13d",
        says="Rewound to a step at which training is stable, a ticket is as accurate as the dense "
        "network.",
        source=f"{_SOURCE}, section 4",
    ),
)

SUBSTITUTES = {
    "deep_recipe": "Adam at a constant rate, without weight decay or augmentation, in place of "
    "SGD: Conv-2 takes the place of the deep network, and the published recipe is made for that"
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """A small network with its tickets, a deeper one, and where trainings of it part."""

    small: str = "lenet-300-100"
    data: str = "mnist"
    recipe: Recipe = Recipe(optimizer="adam", lr=1.2e-3, batch_size=60, steps=24_000)
    levels: int = 10
    """Of tickets, at 20 % a level; the last one is compared."""
    deep: str = "vgg19-bn"
    deep_data: str = "cifar10"
    deep_recipe: Recipe = Recipe(
        lr=0.1,
        momentum=0.9,
        weight_decay=1e-4,
        batch_size=128,
        steps=63_000,
        schedule="steps",
        milestones=(32_000, 48_000),
        augmentation="crop-flip",
    )
    later: int = 2_000
    """The step at which trainings of the deeper network part, beside step 0."""
    points: int = 30
    train_images: int = 10_000
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    stable: float = STABLE
    """The barrier (fraction) below which a training is called stable: the paper's 2 %."""
    margin: float = 0.005
    """A fraction of test accuracy: half a point, the spread of dense networks over seeds."""


SIZES = (
    *("small", "data", "recipe", "levels", "deep", "deep_data", "deep_recipe", "later"),
    *("points", "train_images", "seeds"),
)
PAPER = Config()
LAPTOP = replace(
    PAPER,
    recipe=replace(PAPER.recipe, steps=4_000),
    deep="conv-2",
    deep_recipe=Recipe(optimizer="adam", lr=2e-4, batch_size=60, steps=2_000),
    later=400,
    points=11,
    train_images=2_000,
    seeds=(0, 1, 2),
)
_SHORT = replace(POOL_RECIPE, epochs=5)
QUICK = replace(
    PAPER,
    small=POOL_MODEL,
    data=POOL_DATA,
    recipe=_SHORT,
    levels=2,
    deep="mlp-64-64-64-64",
    deep_data=POOL_DATA,
    deep_recipe=_SHORT,
    later=30,
    points=7,
    seeds=(0, 1, 2),
)


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """As `instability_lines`, a row a point of a line, with `of` and `network`.

    `of` is "small", "deep", "ticket" or "reinit", the ticket's mask on newly drawn weights.
    """
    data, deep_data = lab.data(config.data), lab.data(config.deep_data)
    at = InstabilityConfig(points=config.points, train_images=config.train_images)
    shared = {"seeds": config.seeds, **lab.resources}
    small, deep = builder_named(config.small), builder_named(config.deep)
    lines = instability_lines(small, data, config.recipe, at, **shared)
    yield from _rows("small", config.small, lines)
    later = replace(at, steps=(0, config.later))
    lines = instability_lines(deep, deep_data, config.deep_recipe, later, **shared)
    yield from _rows("deep", config.deep, lines)
    search = TicketConfig(levels=config.levels, controls=("reinit",))
    found = find_tickets(small, data, config.recipe, search, **shared)
    last = where(complete(found), level=config.levels)
    for arm in ("ticket", "reinit"):
        trunks = {
            row["replicate"]: lab.store.find(row["run"]) for row in where(last, arm=arm).to_pylist()
        }
        lines = lines_from(trunks, data, config.recipe, at, **lab.resources)
        yield from _rows(arm, config.small, lines)


def _rows(of: str, network: str, lines: pa.Table) -> Iterator[dict[str, Any]]:
    for row in complete(lines).to_pylist():
        yield {"of": of, "network": network, **row}


def figure(table: pa.Table) -> Figure:
    """Mean test error along the lines (left) and the barrier of each seed (right)."""
    lines = where(table, split="test")
    with style():
        drawing, axes = panels(2, height=3.6)
        left, right = axes[0]
        groups: dict[str, list[float]] = {}
        for number, (of, step) in enumerate(_kinds(lines)):
            own = where(lines, of=of, step=step)
            name = _name(own["network"][0].as_py(), of, step)
            mean = own.group_by("t").aggregate([("error", "mean")]).sort_by("t")
            stroke = STROKES[number % len(STROKES)].options()
            left.plot(mean["t"].to_numpy(), mean["error_mean"].to_numpy(), label=name, **stroke)
            groups[name] = barriers(own)["barrier"].to_pylist()
        left.set(title="Error along the line", xlabel="t (0: one end, 1: the other)")
        left.set(ylabel="test error, mean over seeds", ylim=(0, None))
        percent_axis(left)
        left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18))
        dots(right, groups)
        right.axvline(STABLE, color=GREY, linestyle="--")
        right.set(title="Barrier (dashed: stable below)", xlabel="worst on the line less the ends")
        dots_legend(right)
    return drawing


def _kinds(table: pa.Table) -> list[tuple[str, int]]:
    """Networks and steps in the order of the rows."""
    columns = (table[name].to_pylist() for name in ("of", "step"))
    return list(dict.fromkeys(zip(*columns, strict=True)))


def _name(network: str, of: str, step: int) -> str:
    kind = {"ticket": ", ticket", "reinit": ", ticket redrawn"}.get(of, "")
    return f"{network}{kind}, step {step:,}"


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """F13a against the threshold; F13b to F13d paired over seeds; all on test images."""
    measured = {
        (of, step): _by_seed(where(table, of=of, step=step, split="test"), config)
        for of, step in _kinds(table)
    }
    barrier = {kind: [row["barrier"] for row in rows] for kind, rows in measured.items()}
    accuracy = {
        kind: [1 - (row["first_error"] + row["second_error"]) / 2 for row in rows]
        for kind, rows in measured.items()
    }
    small, deep, later = ("small", 0), ("deep", 0), ("deep", config.later)
    ticket, redrawn = ("ticket", 0), ("reinit", 0)
    return (
        _verdict(
            "F13a",
            [100 * (config.stable - value) for value in barrier[small]],
            f"{config.small} from step 0: barrier {100 * _mean(barrier[small]):.2f} points, "
            f"stable below {100 * config.stable:g}",
        ),
        _verdict(
            "F13b",
            _points(barrier[deep], barrier[later]),
            f"{config.deep}: barrier {100 * _mean(barrier[deep]):.2f} points from step 0, "
            f"{100 * _mean(barrier[later]):.2f} from step {config.later:,}",
        ),
        _verdict(
            "F13c",
            _points(barrier[redrawn], barrier[ticket]),
            f"barrier {100 * _mean(barrier[ticket]):.2f} points of the ticket, "
            f"{100 * _mean(barrier[redrawn]):.2f} with its weights redrawn",
        ),
        _verdict(
            "F13d",
            _points(accuracy[ticket], accuracy[small]),
            f"ticket less dense: {100 * (_mean(accuracy[ticket]) - _mean(accuracy[small])):+.2f} "
            "points of test accuracy",
            margin=100 * config.margin,
        ),
    )


def _by_seed(lines: pa.Table, config: Config) -> list[Mapping[str, Any]]:
    found = {row["replicate"]: row for row in barriers(lines).to_pylist()}
    return [found[seed] for seed in config.seeds]


def _points(ours: list[float], theirs: list[float]) -> list[float]:
    return [100 * (one - other) for one, other in zip(ours, theirs, strict=True)]


def _mean(values: list[float]) -> float:
    return over_replicates(values).mean


def _verdict(claim: str, points: list[float], says: str, *, margin: float = 0.0) -> Verdict:
    """With a margin no loss is claimed, without one a gain."""
    shared: dict[str, Any] = {"comparisons": len(CLAIMS), "unit": "points", "says": says}
    return (
        not_worse(claim, points, margin=margin, **shared)
        if margin
        else exceeds(claim, points, **shared)
    )
