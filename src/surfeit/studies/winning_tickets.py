"""Do winning tickets train faster, and do they end better, than re-initialised and dense networks?

Source: Frankle and Carbin 2019 (1803.03635), section 2, figures 3 and 4.
Cost: quick 8 s, laptop 25 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.lab import (
    POOL_DATA,
    POOL_MODEL,
    POOL_SEARCH,
    POOL_TICKET_RECIPE,
    Claim,
    Lab,
    Verdict,
)
from surfeit.models import builder_named
from surfeit.procedures.tickets import PUBLISHED, TicketConfig, find_tickets
from surfeit.tables.figures.tickets import advantage_lines
from surfeit.tables.tables import where
from surfeit.tables.tickets import advantages
from surfeit.train import Recipe

CLAIMS = (
    Claim(
        id="F1a",
        says="Tickets reach their least validation loss in fewer steps than the same masks on "
        "re-initialised weights.",
        published="LeNet-300-100 on MNIST at 21.1 % density: re-initialised 2.51 times as late",
        source="Frankle and Carbin 2019, section 2",
    ),
    Claim(
        id="F1b",
        says="Tickets reach it in fewer steps than the dense network.",
        published="LeNet-300-100 on MNIST at 21.1 % density: 38 % sooner",
        source="Frankle and Carbin 2019, section 2",
    ),
    Claim(
        id="F1c",
        says="Trained to the end, tickets are more accurate than the same masks on re-initialised "
        "weights.",
        published="re-initialised tickets fall below the dense network from the first levels on",
        source="Frankle and Carbin 2019, figure 4",
    ),
    Claim(
        id="F1d",
        says="Trained to the end, tickets are more accurate than the dense network.",
        published="LeNet-300-100 on MNIST at 13.5 % density: over +0.3 points",
        source="Frankle and Carbin 2019, section 2",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """One search for each length of training; the longest decides what tickets are in the end."""

    data: str = "mnist"
    model: str = "lenet-300-100"
    recipe: Recipe = replace(PUBLISHED["lenet-300-100"].recipe, evaluate_every=100)
    lengths: tuple[int, ...] = (4_000, 16_000, 50_000)  # steps
    search: TicketConfig = TicketConfig(levels=16)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    densities: tuple[float, float] = (0.05, 0.5)  # where arms are compared, set before the runs
    margin: float = 0.0  # accuracy: any gain is a gain


SIZES = ("data", "model", "recipe", "lengths", "search", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    lengths=(1_000, 4_000, 12_000),
    search=replace(PAPER.search, levels=10, controls=("reinit",)),
    seeds=(0, 1, 2),
)
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    model=POOL_MODEL,
    recipe=POOL_TICKET_RECIPE,
    lengths=(90, 360),
    search=POOL_SEARCH,
    seeds=(0, 1, 2),
)


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `length` (steps) and the columns of `find_tickets`."""
    model, data = builder_named(config.model), lab.data(config.data)
    for length in config.lengths:
        recipe = replace(config.recipe, epochs=None, steps=length)
        table = find_tickets(
            model, data, recipe, config.search, seeds=config.seeds, **lab.resources
        )
        for row in table.to_pylist():
            yield {"length": length, **row}


def figure(table: pa.Table) -> Figure:
    """Ticket − re-initialised and ticket − dense against density, a line a length of training."""
    return advantage_lines(table, by="length", words="{:,} steps")


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """F1a and F1b at every length, pooled; F1c and F1d at the longest."""
    longest = where(table, length=max(config.lengths))
    better = advantages(longest, "reinit", "test_accuracy", densities=config.densities)
    return ()
