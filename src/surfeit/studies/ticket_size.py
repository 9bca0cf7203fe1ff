"""Are tickets of larger networks more accurate than those of smaller ones with as many weights?

Source: Frankle and Carbin 2019 (1803.03635), section 5; Frankle et al. 2020 (1912.05671).
Cost: quick 6 s, laptop 20 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.lab import (
    POOL_DATA,
    POOL_SEARCH,
    POOL_TICKET_RECIPE,
    Claim,
    Lab,
    Verdict,
    exceeds,
)
from surfeit.models import builder_named
from surfeit.procedures.tickets import PUBLISHED, TicketConfig, complete, find_tickets
from surfeit.prune import coverage
from surfeit.tables import Curve, mean_gap
from surfeit.tables.figures.lines import mean_lines
from surfeit.tables.figures.style import panels, style
from surfeit.tables.tables import column, where
from surfeit.train import Recipe

CLAIMS = (
    Claim(
        id="F5",
        says="At equal numbers of weights, tickets of a larger network are more accurate than "
        "those of a smaller one.",
        published="tickets from larger networks are more accurate (no figure)",
        source="Frankle and Carbin 2019, section 5",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """One search a network, from the smallest to the largest."""

    data: str = "mnist"
    models: tuple[str, ...] = ("mlp-75-25", "mlp-150-50", "lenet-300-100", "mlp-600-200")
    recipe: Recipe = PUBLISHED["lenet-300-100"].recipe
    search: TicketConfig = TicketConfig(levels=20, controls=())
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    margin: float = 0.1
    """Points of test accuracy: ten of MNIST's 10,000 images; by choice, no gain if less."""


SIZES = ("data", "models", "recipe", "search", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    models=("mlp-75-25", "mlp-150-50", "lenet-300-100"),
    recipe=replace(PAPER.recipe, steps=4_000, evaluate_every=100),
    search=replace(PAPER.search, levels=16),
    seeds=(0, 1, 2),
)
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    models=("mlp-16-8", "mlp-64-32"),
    recipe=POOL_TICKET_RECIPE,
    search=replace(POOL_SEARCH, controls=()),
    seeds=(0, 1, 2),
)


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `model, weights` (kept of its layers) and the columns of tickets."""
    data = lab.data(config.data)
    for name in config.models:
        builder = builder_named(name)
        table = find_tickets(
            builder, data, config.recipe, config.search, seeds=config.seeds, **lab.resources
        )
        network = builder(input_shape=data.input_shape, classes=data.outputs)
        whole = coverage(network).reached
        for row in complete(table).to_pylist():
            yield {"model": name, "weights": row["density"] * whole, **row}


def figure(table: pa.Table) -> Figure:
    """Test accuracy against the number of weights kept, a line a network."""
    with style():
        drawing, axes = panels(1, height=3.6)
        panel = axes[0][0]
        mean_lines(panel, table, x="weights", y="test_accuracy", by="model", scale=100)
        panel.set(title="Tickets by the network they come from", xscale="log")
        panel.set(xlabel="weights kept", ylabel="test accuracy (%)")
        panel.legend()
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """The larger of two neighbours less the smaller, over all weights that both have, in logs."""
    gains = []
    for seed in config.seeds:
        curves = [_curve(where(table, model=name, replicate=seed)) for name in config.models]
        gaps = [mean_gap(large, small, log=True) for small, large in pairwise(curves)]
        gains.append(100 * fmean(gaps))
    says = f"At equal numbers of weights, tickets of the larger network are {fmean(gains):+.2f} "
    says += "points of test accuracy from those of the next smaller one."
    return (exceeds("F5", gains, margin=config.margin, unit="points", says=says),)


def _curve(table: pa.Table) -> Curve:
    return Curve(x=column(table, "weights"), y=column(table, "test_accuracy"))
