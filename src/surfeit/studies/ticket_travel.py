"""Do the weights that a ticket keeps move further in training than the others?

Source: Frankle and Carbin 2019 (1803.03635), appendix F.
Cost: quick 3 s, laptop 12 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.core import Streams
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
from surfeit.procedures.tickets.anatomy import moved_weights
from surfeit.prune.anatomy import further_by_selection, travel
from surfeit.store import Run
from surfeit.tables.figures.lines import density_axis, mean_lines
from surfeit.tables.figures.style import GREY, panels, style
from surfeit.tables.pairs import by_seed
from surfeit.train import Recipe

CLAIMS = (
    Claim(
        id="F6a",
        says="The weights that a ticket keeps move further in the dense training than the others.",
        published="ticket weights move further, LeNet-300-100 on MNIST (no figure)",
        source="Frankle and Carbin 2019, appendix F",
    ),
    Claim(
        id="F6b",
        says="They move further than the choice of large final weights alone would make them.",
        source="a null of ours: moves dealt out anew",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """A search for tickets by final magnitude."""

    data: str = "mnist"
    model: str = "lenet-300-100"
    recipe: Recipe = PUBLISHED["lenet-300-100"].recipe
    search: TicketConfig = TicketConfig(levels=16, controls=())
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    draws: int = 20
    margin: float = 0.02
    """A probability: further in 52 pairs of 100, or by 2 more than the null; by choice."""


SIZES = ("data", "model", "recipe", "search", "seeds", "draws")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    recipe=replace(PAPER.recipe, steps=4_000, evaluate_every=100),
    search=replace(PAPER.search, levels=10),
    seeds=(0, 1, 2),
)
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    model=POOL_MODEL,
    recipe=POOL_TICKET_RECIPE,
    search=replace(POOL_SEARCH, controls=()),
    seeds=(0, 1, 2),
    draws=5,
)


def travelled(ticket: Run, dense: Run, draws: int, seed: int) -> Iterator[dict[str, Any]]:
    """One row a layer: `layer, travel, others` (initial deviations)`, further, null`."""
    generator = Streams(seed).get("travel")
    for layer, (mask, before, after) in moved_weights(ticket, dense).items():
        way = travel(before, after, mask)
        null = further_by_selection(before, after, mask, generator=generator, draws=draws)
        row = {"travel": way.kept, "others": way.others, "further": way.further, "null": null}
        yield {"layer": layer, **row}


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a ticket and layer: `seed, level, density, run` and those of `travelled`."""
    model, data = builder_named(config.model), lab.data(config.data)
    table = find_tickets(
        model, data, config.recipe, config.search, seeds=config.seeds, **lab.resources
    )
    found = complete(table).to_pylist()
    runs = {(row["replicate"], row["level"]): lab.store.find(row["run"]) for row in found}
    for seed in config.seeds:
        pairs = {
            row["level"]: (runs[seed, row["level"]], runs[seed, 0])
            for row in found
            if row["replicate"] == seed and row["level"]
        }
        measured = lab.measure(travelled, pairs, draws=config.draws, seed=seed)
        density = {row["level"]: row["density"] for row in found if row["replicate"] == seed}
        for level, layers in measured.items():
            place = {"seed": seed, "level": level, "density": density[level]}
            for layer in layers:
                yield {**place, **layer, "run": pairs[level][0].key}


def figure(table: pa.Table) -> Figure:
    """The chance that a kept weight goes further than another, and its null, by layer."""
    layers = list(dict.fromkeys(table["layer"].to_pylist()))
    with style():
        drawing, axes = panels(2, height=3.4, sharey=True)
        for panel, column, title in zip(
            axes[0],
            ("further", "null"),
            ("Measured", "By the choice of large weights"),
            strict=True,
        ):
            mean_lines(panel, table, x="density", y=column, by="layer")
            panel.axhline(0.5, color=GREY, linewidth=0.9)
            density_axis(panel, table["density"].to_pylist())
            panel.set(title=title)
        axes[0][0].set_ylabel("P(a kept weight goes further)")
        axes[0][0].legend(title="layer", ncols=min(len(layers), 3))
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Each seed's mean over layers and levels: above one half, and above the null."""
    further = by_seed(table, "further")
    surplus = [a - b for a, b in zip(further, by_seed(table, "null"), strict=True)]
    beyond = [one - 0.5 for one in further]
    chance = fmean(further)
    many = {"margin": config.margin, "comparisons": len(CLAIMS)}
    says = f"A kept weight goes further than another in {100 * chance:.1f} % of pairs"
    null = f"{says}, {100 * (chance - fmean(surplus)):.1f} % by the choice of large weights."
    return (
        exceeds("F6a", beyond, unit="probability above 1/2", says=f"{says}.", **many),
        exceeds("F6b", surplus, unit="probability above the null", says=null, **many),
    )
