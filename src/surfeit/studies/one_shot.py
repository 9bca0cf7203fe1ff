"""Does pruning level by level find smaller winning tickets than pruning in one shot?

Source: Frankle and Carbin 2019 (1803.03635), section 3, figure 4.
Cost: quick 5 s, laptop 12 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure

from surfeit.lab import (
    POOL_DATA,
    POOL_MODEL,
    POOL_SEARCH,
    POOL_TICKET_RECIPE,
    Claim,
    Lab,
    Verdict,
    exceeds,
)
from surfeit.models import builder_named
from surfeit.procedures.tickets import PUBLISHED, TicketConfig, complete, find_tickets
from surfeit.tables.figures.lines import density_axis, mean_lines
from surfeit.tables.figures.style import panels, style
from surfeit.tables.pairs import paired
from surfeit.tables.tables import where
from surfeit.tables.tickets import percent
from surfeit.train import Recipe

CLAIMS = (
    Claim(
        id="F2a",
        says="At 5 % density and below, tickets found level by level are more accurate than those "
        "found in one shot.",
        published="iterative tickets keep the dense network's accuracy at smaller sizes",
        source="Frankle and Carbin 2019, figure 4",
    ),
    Claim(
        id="F2b",
        says="Down to 5 % density one-shot tickets are, on average over levels, more accurate than "
        "the dense network.",
        published="LeNet-300-100 on MNIST: more accurate from 95 to 5.2 % density",
        source="Frankle and Carbin 2019, section 3",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """The same search twice: from level to level, and every level from the dense network."""

    data: str = "mnist"
    model: str = "lenet-300-100"
    recipe: Recipe = PUBLISHED["lenet-300-100"].recipe
    search: TicketConfig = TicketConfig(levels=18, controls=())
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    boundary: float = 0.052  # density: the published end of the range of one-shot tickets
    margin: float = 0.1
    """Points of test accuracy: ten of MNIST's 10,000 images; by choice, no gain if less."""


SIZES = ("data", "model", "recipe", "search", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER, recipe=replace(PAPER.recipe, steps=4_000, evaluate_every=100), seeds=(0, 1, 2)
)
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    model=POOL_MODEL,
    recipe=POOL_TICKET_RECIPE,
    search=replace(POOL_SEARCH, controls=()),
    seeds=(0, 1, 2),
)


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `schedule` and the columns of `find_tickets`."""
    model, data = builder_named(config.model), lab.data(config.data)
    for schedule in ("iterative", "one-shot"):
        search = replace(config.search, schedule=schedule)
        table = find_tickets(
            model, data, config.recipe, search, seeds=config.seeds, **lab.resources
        )
        for row in complete(table).to_pylist():
            yield {"schedule": schedule, **row}


def figure(table: pa.Table) -> Figure:
    """Test accuracy against density, a line a schedule."""
    with style():
        drawing, axes = panels(1, height=3.6)
        panel = axes[0][0]
        mean_lines(panel, table, x="density", y="test_accuracy", by="schedule", scale=100)
        density_axis(panel, table["density"].to_pylist())
        panel.set(title="Tickets by schedule", ylabel="test accuracy (%)")
        panel.legend()
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """F2a at and below the boundary, iterative − one-shot; F2b above it, one-shot − dense."""
    pruned = table.filter(pc.field("level") > 0)
    sparse = pruned.filter(pc.field("density") <= config.boundary)
    above = pruned.filter(pc.field("density") > config.boundary)
    how = {"quantity": "test_accuracy", "seed": "replicate", "scale": 100}
    smaller = paired(
        where(sparse, schedule="iterative"), where(sparse, schedule="one-shot"), on=["level"], **how
    )
    dense = where(table, schedule="one-shot", level=0)
    kept = paired(where(above, schedule="one-shot"), dense, **how)
    points = {"unit": "points", "margin": config.margin, "comparisons": len(CLAIMS)}
    boundary = f"{percent(config.boundary)} % density"
    sparse_says = f"At {boundary} and below, iterative tickets are {fmean(smaller):+.2f} points "
    sparse_says += "of test accuracy from those found in one shot."
    above_says = f"Above {boundary}, one-shot tickets are {fmean(kept):+.2f} points from the dense."
    return (
        exceeds("F2a", smaller, says=sparse_says, **points),
        exceeds("F2b", kept, says=above_says, **points),
    )
