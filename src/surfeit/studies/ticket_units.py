"""Are a ticket's weights spread evenly over the units and the inputs of a layer?

Source: Heitmann 2020, section 2.2 (asked there, not answered); Zhou et al. 2019 (1905.01067).
Cost: quick 3 s, laptop 14 min (two cores).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

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
from surfeit.models import Structure, builder_named
from surfeit.procedures.tickets import PUBLISHED, TicketConfig, complete, find_tickets
from surfeit.procedures.tickets.anatomy import anatomy_of
from surfeit.store import Run
from surfeit.tables.figures.lines import density_axis, mean_lines
from surfeit.tables.figures.style import GREY, panels, style
from surfeit.tables.pairs import paired
from surfeit.tables.tables import where
from surfeit.train import Recipe

CLAIMS = (
    Claim(
        id="F7a",
        says="A ticket's weights are spread less evenly over the units of a hidden layer than as "
        "many random places.",
        source="open in Heitmann 2020, section 2.2",
    ),
    Claim(
        id="F7b",
        says="They are spread less evenly over the inputs of a hidden layer than random places.",
        source="open in Heitmann 2020, section 2.2",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """A search for tickets, with the control that has as many random places in each layer."""

    data: str = "mnist"
    model: str = "lenet-300-100"
    recipe: Recipe = PUBLISHED["lenet-300-100"].recipe
    search: TicketConfig = TicketConfig(levels=16, controls=("random",))
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    margin: float = math.log(1.1)
    """A log ratio of variances: a tenth more than that of random places is uneven."""


SIZES = ("data", "model", "recipe", "search", "seeds")
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
    search=replace(POOL_SEARCH, controls=("random",)),
    seeds=(0, 1, 2),
)


def spreads(ticket: Run, dense: Run, arm: str) -> Iterator[dict[str, Any]]:
    """One row a layer: `layer, units, inputs`, the dispersion over them; 1 by chance."""
    table = anatomy_of(ticket, dense, mine=arm == "ticket")
    for layer in dict.fromkeys(table["layer"].to_pylist()):
        values = {
            over: where(table, layer=layer, quantity=f"{over}_dispersion")["value"][0].as_py()
            for over in ("units", "inputs")
        }
        yield {"layer": layer, **values}


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a ticket or control and layer: `seed, level, arm, density, layer, units, inputs`."""
    model, data = builder_named(config.model), lab.data(config.data)
    table = find_tickets(
        model, data, config.recipe, config.search, seeds=config.seeds, **lab.resources
    )
    found = complete(table).to_pylist()
    dense = {row["replicate"]: lab.store.find(row["run"]) for row in found if not row["level"]}
    heads = Structure.of(dense[config.seeds[0]].model(), data.train.inputs[:1]).outputs
    for arm in ("ticket", "random"):
        chosen = [row for row in found if row["level"] and row["arm"] == arm]
        pairs = {
            (row["replicate"], row["level"], row["density"]): (
                lab.store.find(row["run"]),
                dense[row["replicate"]],
            )
            for row in chosen
        }
        for (seed, level, density), layers in lab.measure(spreads, pairs, arm=arm).items():
            place = {"seed": seed, "level": level, "arm": arm, "density": density}
            for layer in layers:
                yield {**place, **layer, "hidden": layer["layer"] not in heads}


def figure(table: pa.Table) -> Figure:
    """Dispersion over units and over inputs against density, a line a hidden layer and arm."""
    named = [{**row, "line": f"{row['layer']}, {row['arm']}"} for row in table.to_pylist()]
    lines = pa.Table.from_pylist([row for row in named if row["hidden"]])
    with style():
        drawing, axes = panels(2, height=3.6, sharey=True)
        for panel, over in zip(axes[0], ("units", "inputs"), strict=True):
            mean_lines(panel, lines, x="density", y=over, by="line", bands=False)
            panel.axhline(1, color=GREY, linewidth=0.9)
            density_axis(panel, lines["density"].to_pylist())
            panel.set(title=f"Kept weights by {over.removesuffix('s')}", yscale="log")
            panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            panel.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes[0][0].set_ylabel("variance over that of random places")
        axes[0][1].legend()  # over inputs the dispersion leaves room
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Log dispersion of tickets less that of the random control, mean over layers and levels."""
    logs = [
        {**row, "units": math.log(row["units"]), "inputs": math.log(row["inputs"])}
        for row in table.to_pylist()
        if row["hidden"]
    ]
    hidden = pa.Table.from_pylist(logs)
    tickets, control = (where(hidden, arm=arm) for arm in ("ticket", "random"))
    found = []
    for claim, over in (("F7a", "units"), ("F7b", "inputs")):
        more = paired(tickets, control, over, on=["level", "layer"])
        says = f"Over {over} the variance is {math.exp(fmean(more)):.2f} times random places'."
        many = {"comparisons": len(CLAIMS), "unit": "log ratio of variances", "says": says}
        found.append(exceeds(claim, more, margin=config.margin, **many))
    return tuple(found)
