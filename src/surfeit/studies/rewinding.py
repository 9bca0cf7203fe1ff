"""Does rewinding to an early step find winning tickets where rewinding to the start does not?

Source: Frankle et al. 2019 (1903.01611), figure 1; Frankle et al. 2020 (1912.05671), section 4.
Cost: quick 5 s, laptop 25 min (two cores).
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
from surfeit.procedures.tickets import TicketConfig, complete, find_tickets
from surfeit.tables.figures.lines import density_axis, mean_lines
from surfeit.tables.figures.style import panels, style
from surfeit.tables.pairs import paired
from surfeit.tables.tables import where
from surfeit.tables.tickets import percent
from surfeit.train import Recipe

CLAIMS = (
    Claim(
        id="F3",
        says="At 30 % density and below, tickets rewound to an early step are more accurate than "
        "those rewound to step 0.",
        published="ResNet-50 on ImageNet, 30 % left: 73.6 % rewound to 0, 75.5 % to epoch 6",
        source="Frankle et al. 2019, figure 1",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """The same search with each step that tickets are rewound to."""

    data: str = "cifar10"
    model: str = "vgg19-bn"
    recipe: Recipe = Recipe(  # of VGG-19 in Frankle et al. 2019
        lr=0.1,
        momentum=0.9,
        weight_decay=1e-4,
        batch_size=64,
        steps=112_000,
        schedule="steps",
        milestones=(56_000, 84_000),
    )
    search: TicketConfig = TicketConfig(levels=12, allocation="global", controls=())
    fractions: tuple[float, ...] = (0.0, 0.005, 0.02)  # of the training, rewound to
    seeds: tuple[int, ...] = (0, 1, 2)
    boundary: float = 0.31  # density, and below: where it is judged
    margin: float = 0.1
    """Points of test accuracy: ten of 10,000 test images; by choice, no gain if less."""


SIZES = ("data", "model", "recipe", "search", "fractions", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    data="fashion-mnist",
    model="lenet-300-100",
    recipe=replace(PAPER.recipe, steps=6_000, milestones=(3_000, 4_500)),
    search=replace(PAPER.search, levels=12),
)
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    model=POOL_MODEL,
    recipe=POOL_TICKET_RECIPE,
    search=replace(POOL_SEARCH, allocation="global", controls=()),
    fractions=(0.0, 0.1),
)


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `rewound_to` (step) and the columns of `find_tickets`."""
    model, data = builder_named(config.model), lab.data(config.data)
    total = config.recipe.total_steps(len(data.train))
    for fraction in config.fractions:
        step = round(fraction * total)
        search = replace(config.search, rewind_to=step)
        table = find_tickets(
            model, data, config.recipe, search, seeds=config.seeds, **lab.resources
        )
        for row in complete(table).to_pylist():
            yield {"rewound_to": step, **row}


def figure(table: pa.Table) -> Figure:
    """Test accuracy against density, a line a step that tickets are rewound to."""
    with style():
        drawing, axes = panels(1, height=3.6)
        panel = axes[0][0]
        mean_lines(
            panel,
            table,
            x="density",
            y="test_accuracy",
            by="rewound_to",
            label=lambda step: f"step {step:,}",
            scale=100,
        )
        density_axis(panel, table["density"].to_pylist())
        panel.set(title="Tickets by where they are rewound to", ylabel="test accuracy (%)")
        panel.legend(title="rewound to")
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Rewound to the latest step less rewound to 0, mean over the sparse levels."""
    sparse = table.filter((pc.field("level") > 0) & (pc.field("density") <= config.boundary))
    latest = max(table["rewound_to"].to_pylist())
    late, start = (where(sparse, rewound_to=step) for step in (latest, 0))
    gain = paired(late, start, "test_accuracy", on=["level"], seed="replicate", scale=100)
    says = f"At {percent(config.boundary)} % density and below, tickets rewound to step {latest:,} "
    says += f"are {fmean(gain):+.2f} points of test accuracy from those rewound to step 0."
    return (exceeds("F3", gain, margin=config.margin, unit="points", says=says),)
