"""Do winning tickets train faster, and do they end better, than re-initialised and dense networks?

Source: Frankle and Carbin 2019 (1803.03635), section 2, figures 3 and 4.
Cost: quick 8 s, laptop 25 min (two cores).
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
    faster,
)
from surfeit.models import builder_named
from surfeit.procedures.tickets import PUBLISHED, TicketConfig, complete, find_tickets
from surfeit.tables.figures.lines import density_axis, mean_lines
from surfeit.tables.figures.style import GREY, panels, style
from surfeit.tables.pairs import paired
from surfeit.tables.tables import where
from surfeit.tables.tickets import DENSE, gaps, percent
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
    densities: tuple[float, float] = (0.05, 0.5)  # over which accuracies are compared
    density: float = 0.211  # at which early stopping is compared: the published one
    margin: float = 0.1
    """Points of test accuracy: ten of MNIST's 10,000 images; by choice, no gain if less."""


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
        for row in complete(table).to_pylist():
            yield {"length": length, **row}


def figure(table: pa.Table) -> Figure:
    """Ticket − re-initialised, and ticket − dense, against density; a line a length."""
    lines = []
    for length in dict.fromkeys(table["length"].to_pylist()):
        found = gaps(where(table, length=length), "test_accuracy").to_pylist()
        lines += [{"length": length, **row} for row in found]
    drawn = pa.Table.from_pylist(lines)
    with style():
        drawing, axes = panels(2, height=3.8, sharey=True)
        for panel, arm in zip(axes[0], ("reinit", DENSE), strict=True):
            mean_lines(
                panel,
                where(drawn, arm=arm),
                x="density",
                y="gap",
                by="length",
                label=lambda steps: f"{steps:,} steps",
                scale=100,
            )
            panel.axhline(0, color=GREY, linewidth=0.9)
            density_axis(panel, drawn["density"].to_pylist())
        axes[0][0].set(title="Ticket − re-initialised", ylabel="test accuracy (points)")
        axes[0][1].set(title="Ticket − dense network")
        axes[0][0].legend(title="trained for")
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """All at the longest training, where the fewest losses still fall; the others are drawn."""
    longest = where(table, length=max(config.lengths))
    least, most = config.densities
    tickets = where(longest, arm="ticket").filter(pc.field("level") > 0)
    judged = tickets.filter((pc.field("density") >= least) & (pc.field("density") <= most))
    how = {"quantity": "test_accuracy", "seed": "replicate", "scale": 100}
    control = paired(judged, where(longest, arm="reinit"), on=["level"], **how)
    dense = paired(judged, where(longest, level=0), **how)
    return (
        _sooner("F1a", longest, config),
        _sooner("F1b", longest, config),
        _better("F1c", control, "re-initialised controls", config),
        _better("F1d", dense, "the dense network", config),
    )


def _better(claim: str, gains: list[float], what: str, config: Config) -> Verdict:
    least, most = (percent(density) for density in config.densities)
    says = f"From {least} to {most} % density, after {max(config.lengths):,} steps, tickets are "
    says += f"{fmean(gains):+.2f} points of test accuracy from {what}."
    many = {"comparisons": len(CLAIMS), "unit": "points", "says": says}
    return exceeds(claim, gains, margin=config.margin, **many)


def _sooner(claim: str, table: pa.Table, config: Config) -> Verdict:
    """Early stopping of tickets against a control's (F1a) or the dense network's (F1b)."""
    density = {row["level"]: row["density"] for row in table.to_pylist() if row["level"]}
    level = min(density, key=lambda at: abs(density[at] - config.density))
    other = {"arm": "reinit", "level": level} if claim == "F1a" else {"level": 0}
    tickets = _stops(where(table, arm="ticket", level=level), config.seeds)
    others = _stops(where(table, **other), config.seeds)
    says = f"At {percent(density[level])} % density validation loss is least at "
    says += f"{_words(*tickets)} in tickets and at {_words(*others)} in the others."
    censored = (tickets[1], others[1])
    many = {"comparisons": len(CLAIMS), "says": says}
    return faster(claim, tickets[0], others[0], censored=censored, **many)


def _stops(table: pa.Table, seeds: tuple[int, ...]) -> tuple[list[int | None], list[bool]]:
    """Each seed's step of least validation loss, and whether the loss was still falling then."""
    rows = {row["replicate"]: row for row in table.to_pylist()}
    found = [rows.get(seed, {"early_stop_step": None, "steps": 0}) for seed in seeds]
    steps = [row["early_stop_step"] for row in found]
    return steps, [row["early_stop_step"] == row["steps"] for row in found]


def _words(steps: list[int | None], censored: list[bool]) -> str:
    """`step 400 to 600`, with how many are only bounds."""
    known = [step for step in steps if step is not None]
    if not known:
        return "unknown steps"
    late = sum(censored)
    bounds = f" ({late} of {len(steps)} censored)" if late else ""
    return f"step {min(known):,} to {max(known):,}{bounds}"
