"""Do winning tickets win on other data and by another optimiser than they were found with?

Source: Morcos et al. 2019 (1906.02773), figures 3 to 6.
Cost: quick 9 s, laptop 25 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import torch
from matplotlib.figure import Figure

from surfeit.core import Split, Streams
from surfeit.data import Dataset, from_tensors, halves, subset
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
from surfeit.procedures.tickets import (
    PUBLISHED,
    TicketConfig,
    complete,
    find_tickets,
    transfer_tickets,
)
from surfeit.tables.figures.lines import density_axis, mean_lines
from surfeit.tables.figures.style import GREY, panels, style
from surfeit.tables.pairs import paired
from surfeit.tables.tables import where
from surfeit.tables.tickets import gaps
from surfeit.train import Recipe

CLAIMS = (
    Claim(
        id="F11a",
        says="Tickets found on one half of a training set beat their re-initialised controls on "
        "the other half.",
        published="CIFAR-10a to CIFAR-10b, VGG19 and ResNet50 (no figure)",
        source="Morcos et al. 2019, figure 3",
    ),
    Claim(
        id="F11b",
        says="Tickets found on one data set beat their re-initialised controls on another.",
        source="Morcos et al. 2019, figures 4 and 5",
    ),
    Claim(
        id="F11c",
        says="Tickets found with one optimiser beat their re-initialised controls under another.",
        source="Morcos et al. 2019, figure 6",
    ),
    Claim(
        id="F11d",
        says="Tickets found on a whole data set transfer better than those found on a tenth of it.",
        source="Morcos et al. 2019, section 4.2",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Searches on a source, transferred four ways."""

    source: str = "fashion-mnist"
    target: str = "mnist"  # the source's name stands for the source with its pixels permuted
    model: str = "lenet-300-100"
    recipe: Recipe = PUBLISHED["lenet-300-100"].recipe
    other: Recipe = Recipe(lr=0.1, momentum=0.9, batch_size=60, steps=50_000)
    search: TicketConfig = TicketConfig(levels=16, controls=())
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    boundary: float = 0.5  # density, and below: where it is judged
    margin: float = 0.1
    """Points of test accuracy: ten of MNIST's 10,000 images; by choice, no gain if less."""


SIZES = ("source", "target", "model", "recipe", "other", "search", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    recipe=replace(PAPER.recipe, steps=2_000),
    other=replace(PAPER.other, steps=2_000),
    search=replace(PAPER.search, levels=10),
    seeds=(0, 1, 2),
)
QUICK = replace(
    PAPER,
    source=POOL_DATA,
    target=POOL_DATA,
    model=POOL_MODEL,
    recipe=POOL_TICKET_RECIPE,
    other=Recipe(lr=0.1, momentum=0.9, batch_size=60, epochs=20),
    search=replace(POOL_SEARCH, levels=2, rate=0.7, controls=()),
    seeds=(0, 1),
)


def permuted(data: Dataset) -> Dataset:
    """The data with one and the same random order of the pixels in all images."""
    order = torch.randperm(
        data.train.inputs[0].numel(), generator=Streams(0).get("transfer", "pixels")
    )

    def moved(split: Split) -> Split:
        flat = split.inputs.flatten(1)[:, order]
        return Split(flat.view_as(split.inputs), split.targets)

    return from_tensors(
        f"{data.name}-permuted",
        train=moved(data.train),
        validation=moved(data.validation),
        test=moved(data.test),
    )


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a transferred training: `way, source` and the columns of tickets."""
    source = lab.data(config.source)
    first, second = halves(source)
    same = config.target == config.source
    target = permuted(source) if same else lab.data(config.target)
    tenth = subset(source, len(source.train) // 10, Streams(0).get("transfer", "images"))
    ways = {
        "other half": (first, second, config.recipe),
        "other data": (source, target, config.recipe),
        "other optimiser": (source, source, config.other),
        "from a tenth": (tenth, target, config.recipe),
    }
    for way, (found_on, trained_on, recipe) in ways.items():
        tickets = find_tickets(
            builder_named(config.model),
            found_on,
            config.recipe,
            config.search,
            seeds=config.seeds,
            **lab.resources,
        )
        moved = transfer_tickets(complete(tickets), trained_on, recipe, **lab.resources)
        for row in complete(moved).to_pylist():
            yield {"way": way, **row}


def figure(table: pa.Table) -> Figure:
    """Ticket − re-initialised control against density, a line a way of transfer."""
    lines = []
    for way in dict.fromkeys(table["way"].to_pylist()):
        found = where(gaps(where(table, way=way), "test_accuracy"), arm="reinit")
        lines += [{"way": way, **row} for row in found.to_pylist()]
    drawn = pa.Table.from_pylist(lines)
    with style():
        drawing, axes = panels(1, height=3.8)
        panel = axes[0][0]
        mean_lines(panel, drawn, x="density", y="gap", by="way", scale=100, bands=False)
        panel.axhline(0, color=GREY, linewidth=0.9)
        density_axis(panel, drawn["density"].to_pylist())
        panel.set(title="Transferred tickets", ylabel="ticket − re-initialised (points)")
        panel.legend(title="trained on, or by")
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Of each way the ticket less its control, mean over the levels judged, paired by seed."""
    judged = table.filter((pc.field("level") > 0) & (pc.field("density") <= config.boundary))
    how = {"quantity": "test_accuracy", "on": ["level"], "seed": "replicate", "scale": 100}
    points = {"unit": "points", "margin": config.margin, "comparisons": len(CLAIMS)}
    found = []
    ways = {"F11a": "other half", "F11b": "other data", "F11c": "other optimiser"}
    for claim, way in ways.items():
        arms = [where(judged, way=way, arm=arm) for arm in ("ticket", "reinit")]
        gains = paired(*arms, **how)
        says = f"{way}: tickets are {fmean(gains):+.2f} points from their re-initialised controls."
        found.append(exceeds(claim, gains, says=says.capitalize(), **points))
    larger, smaller = (
        where(judged, way=way, arm="ticket") for way in ("other data", "from a tenth")
    )
    gains = paired(larger, smaller, **how)
    says = f"Tickets of the whole data are {fmean(gains):+.2f} points from those of a tenth of it."
    return (*found, exceeds("F11d", gains, says=says, **points))
