"""By which criterion should a ticket's mask be chosen, and what of its weights must be kept?

Source: Zhou, Lan, Liu and Yosinski 2019 (1905.01067), sections 2 to 4: mask criteria, mask-1
actions (what kept weights are rewound to) and mask-0 actions (what becomes of removed ones).
Removed weights are compared in untrained networks, where nothing else happens to them.
Cost: quick 4 s, laptop about 22 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.core import Streams
from surfeit.data import Dataset
from surfeit.lab import (
    POOL_DATA,
    POOL_MODEL,
    POOL_RECIPE,
    Claim,
    Lab,
    Verdict,
    equals,
    exceeds,
    not_worse,
)
from surfeit.models import builder_named
from surfeit.procedures.supermasks import KEPT, MASK_CRITERIA, REMOVED, untrained_table
from surfeit.procedures.tickets import PUBLISHED, TicketConfig, complete, find_tickets
from surfeit.store import Run
from surfeit.tables import over_replicates
from surfeit.tables.figures.dots import dots, dots_legend
from surfeit.tables.figures.style import panels, style
from surfeit.tables.tables import where
from surfeit.train import Recipe

CLAIMS = (
    Claim(
        id="F8a",
        says="Magnitude increase is as good a criterion as final magnitude.",
        published="as good or slightly better, by curves",
        source="Zhou et al. 2019, section 2",
    ),
    Claim(
        id="F8b",
        says="Kept weights may be constants if they have the signs of the initial weights.",
        source="Zhou et al. 2019, section 3",
    ),
    Claim(
        id="F8c",
        says="Constants with the signs train better than constants with random signs.",
        source="Zhou et al. 2019, section 3",
    ),
    Claim(
        id="F8d",
        says="Removed weights are better set to zero than left at their initial values.",
        source="Zhou et al. 2019, section 4",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """One network, the criteria that its tickets are found by, and their level."""

    model: str = "lenet-300-100"
    data: str = "mnist"
    recipe: Recipe = PUBLISHED["lenet-300-100"].recipe
    criteria: tuple[str, ...] = (
        "large_final",
        "magnitude_increase",
        "large_init_large_final",
        "movement",
        "large_init",
        "random",
        "small_init",
        "small_init_small_final",
        "small_final",
    )
    levels: int = 10
    """The last one is compared: 10.7 % of the weights are kept after ten levels of 20 %."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    margin: float = 0.005
    """A fraction of test accuracy: half a point, the spread of tickets of one kind over seeds."""


SIZES = ("model", "data", "recipe", "criteria", "levels", "seeds")
PAPER = Config()
LAPTOP = replace(PAPER, recipe=replace(PAPER.recipe, steps=4000))
QUICK = replace(
    PAPER,
    model=POOL_MODEL,
    data=POOL_DATA,
    recipe=replace(POOL_RECIPE, epochs=5),
    criteria=("large_final", "magnitude_increase"),
    levels=2,
    seeds=(0, 1, 2),
)


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """Rows `of, criterion, kept, removed, level, density, seed, accuracy, run`.

    `of` is "ticket", trained from its rewound weights (`kept` is what they were rewound to), or
    "untrained"; accuracy is on the test split, a fraction.
    """
    dense: dict[int, str] = {}
    for criterion in config.criteria:
        for row in _tickets(config, criterion, lab):
            if row["level"] == 0:
                dense[row["replicate"]] = row["run"]
            kept = {"ticket": "rewind", "sign": "signed_constant", "constant": "random_constant"}
            yield {
                "of": "ticket" if row["level"] else "dense",
                "criterion": criterion,
                "kept": kept[row["arm"]],
                "removed": "zero",
                "level": row["level"],
                "density": row["density"],
                "seed": row["replicate"],
                "accuracy": row["test_accuracy"],
                "run": row["run"],
            }
    runs = {seed: lab.store.find(key) for seed, key in dense.items()}
    measured = lab.measure(actions, runs, lab.data(config.data), levels=list(_LEVELS))
    for seed, found in measured.items():
        for row in found:
            yield {"of": "untrained", **row, "seed": seed, "run": runs[seed].key}


_LEVELS = range(1, 11)  # of untrained networks, whose best level differs: validation chooses it


def _tickets(config: Config, criterion: str, lab: Lab) -> list[dict[str, Any]]:
    controls = ("sign", "constant") if criterion == "large_final" else ()
    table = find_tickets(
        builder_named(config.model),
        lab.data(config.data),
        config.recipe,
        TicketConfig(levels=config.levels, score=criterion, controls=controls),
        seeds=config.seeds,
        **lab.resources,
    )
    return complete(table).to_pylist()


def actions(run: Run, dataset: Dataset, *, levels: list[int]) -> Iterator[dict[str, Any]]:
    """The untrained network under all actions, each at the level that validation images choose.

    The mask keeps the largest trained weights that have not changed sign. The run is of the trained
    network, with its first snapshot.
    """
    table = untrained_table(
        run.model(0),
        run.model(),
        dataset,
        streams=Streams(run.config["seed"]),
        criteria={"large_final_same_sign": MASK_CRITERIA["large_final_same_sign"]},
        levels=levels,
        kept=KEPT,
        removed=REMOVED,
    )
    for kept, removed in product(KEPT, REMOVED):
        of = where(table, kept=kept, removed=removed).to_pylist()
        best = max(of, key=lambda row: row["validation_accuracy"])
        yield {
            "criterion": best["criterion"],
            "kept": kept,
            "removed": removed,
            "level": best["level"],
            "density": best["density"],
            "accuracy": best["test_accuracy"],
        }


def figure(table: pa.Table) -> Figure:
    """Tickets by criterion and by what they are rewound to (left); untrained networks (right)."""
    with style():
        drawing, axes = panels(2, height=4.0)
        left, right = axes[0]
        last = where(where(table, of="ticket"), level=max(_levels(table)))
        groups: dict[str, list[float]] = {}
        for row in last.to_pylist():
            kept = "" if row["kept"] == "rewind" else f", {_words(row['kept'])}"
            groups.setdefault(_words(row["criterion"]) + kept, []).append(row["accuracy"])
        dots(left, groups)
        density = 100 * last["density"][0].as_py()
        left.set(title=f"Tickets, {density:.3g} % kept", xlabel="test accuracy")
        groups = {}
        for row in where(table, of="untrained").to_pylist():
            removed = "" if row["removed"] == "zero" else f"; removed: {_words(row['removed'])}"
            if row["kept"] == "rewind" or not removed:
                groups.setdefault(_words(row["kept"]) + removed, []).append(row["accuracy"])
        dots(right, groups)
        right.set(title="Untrained, by mask", xlabel="test accuracy")
        for panel in (left, right):
            dots_legend(panel)
    return drawing


def _levels(table: pa.Table) -> list[int]:
    return where(table, of="ticket")["level"].to_pylist()


def _words(name: str) -> str:
    return {"variant": "zero inward", "rewind": "initial", "freeze": "initial"}.get(
        name, name.replace("_", " ")
    )


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """F8a is an equivalence, F8b a non-inferiority, F8c and F8d are differences; all paired."""
    ticket = {"of": "ticket", "criterion": "large_final", "level": config.levels, "kept": "rewind"}
    increase = _less(table, config, ticket | {"criterion": "magnitude_increase"}, ticket)
    signs = _less(table, config, ticket | {"kept": "signed_constant"}, ticket)
    random = ticket | {"kept": "random_constant"}
    coins = _less(table, config, ticket | {"kept": "signed_constant"}, random)
    zero = {"of": "untrained", "kept": "rewind", "removed": "zero"}
    removed = _less(table, config, zero, zero | {"removed": "freeze"})
    margin, many = 100 * config.margin, len(CLAIMS)

    def says(values: list[float], words: str) -> str:
        return f"{words}: {over_replicates(values).mean:+.2f} points of test accuracy"

    return (
        equals(
            "F8a",
            increase,
            margin=margin,
            comparisons=many,
            unit="points",
            says=says(increase, "tickets by magnitude increase less those by final magnitude"),
        ),
        not_worse(
            "F8b",
            signs,
            margin=margin,
            comparisons=many,
            unit="points",
            says=says(signs, "tickets of signed constants less those of the initial weights"),
        ),
        exceeds(
            "F8c",
            coins,
            comparisons=many,
            unit="points",
            says=says(coins, "tickets of signed constants less those of random signs"),
        ),
        exceeds(
            "F8d",
            removed,
            comparisons=many,
            unit="points",
            says=says(removed, "untrained, removed weights at zero less at their initial values"),
        ),
    )


def _less(
    table: pa.Table, config: Config, first: dict[str, Any], second: dict[str, Any]
) -> list[float]:
    """The first rows' accuracies less the second's, in points, seed by seed."""
    one, other = (
        {row["seed"]: row["accuracy"] for row in where(table, **which).to_pylist()}
        for which in (first, second)
    )
    return [100 * (one[seed] - other[seed]) for seed in config.seeds]
