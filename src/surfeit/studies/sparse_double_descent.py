"""Does test accuracy under label noise fall, rise and fall again as weights are removed?

Source: He et al. 2022 (2206.08684), figures 1 and 5, and the authors' program.
Cost: quick 9 s, laptop 20 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.core import Streams
from surfeit.data import Dataset, subset, with_label_noise
from surfeit.lab import (
    POOL_DATA,
    POOL_MODEL,
    POOL_SEARCH,
    Claim,
    Lab,
    Verdict,
    all_of,
    exceeds,
    not_worse,
)
from surfeit.models import builder_named
from surfeit.procedures.tickets import TicketConfig, find_tickets
from surfeit.store import Run
from surfeit.tables.figures.lines import density_axis, mean_lines
from surfeit.tables.figures.style import panels, style
from surfeit.tables.pairs import paired
from surfeit.tables.tables import where
from surfeit.train import Recipe

CLAIMS = (
    Claim(
        id="F17a",
        says="With noisy labels, removing weights first costs test accuracy and then gives more "
        "than was lost back.",
        published="LeNet-300-100 on MNIST, 20 and 40 % noise: falls, rises, falls",
        source="He et al. 2022, figure 1",
    ),
    Claim(
        id="F17b",
        says="The distance from the initial weights follows the curve: it is larger where test "
        "accuracy is least than where it is most.",
        source="He et al. 2022, figure 5",
    ),
    Claim(
        id="F17c",
        says="A ticket need not beat its re-initialised control: at the best density the control "
        "is as accurate or more.",
        source="He et al. 2022, section 5",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Iterative pruning by magnitude without the output layer, under label noise."""

    data: str = "mnist"
    images: int = 55_000  # training images; the first so many by draw
    model: str = "lenet-300-100"
    recipe: Recipe = Recipe(lr=0.1, batch_size=128, epochs=160)
    search: TicketConfig = TicketConfig(
        levels=24, allocation="global", output_rate=0, controls=("reinit",)
    )
    noise: tuple[float, ...] = (0.2, 0.4)  # labels drawn anew from *all* classes, as published
    seeds: tuple[int, ...] = (0, 1, 2)
    margin: float = 0.005  # accuracy: a fall or a rise of less is no descent


SIZES = ("data", "images", "model", "recipe", "search", "noise", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    images=4_000,
    recipe=replace(PAPER.recipe, epochs=100),
    search=replace(PAPER.search, levels=20),
)
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    images=600,
    model=POOL_MODEL,
    recipe=Recipe(lr=0.1, batch_size=60, epochs=40),
    search=replace(PAPER.search, levels=POOL_SEARCH.levels, rate=POOL_SEARCH.rate),
    noise=(0.4,),
)


def noisy(config: Config, lab: Lab, share: float) -> Dataset:
    """The training images with so many labels drawn anew from all classes, on average."""
    data = lab.data(config.data)
    count = min(config.images, len(data.train))
    data = subset(data, count, Streams(0).get("noise", "images"))
    wrong = share * (data.classes - 1) / data.classes
    return with_label_noise(data, wrong, Streams(0).get("noise", "labels"))


def distance(run: Run) -> Iterator[dict[str, Any]]:
    """The Euclidean distance of all kept weights from where they began."""
    first, last = run.tensors(run.steps()[0]), run.tensors()
    squares = [(last[name] - first[name]).double().square().sum().item() for name in first]
    yield {"distance": sum(squares) ** 0.5}


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `noise`, the columns of `find_tickets`, and `distance`."""
    for share in config.noise:
        table = find_tickets(
            builder_named(config.model),
            noisy(config, lab, share),
            config.recipe,
            config.search,
            seeds=config.seeds,
            **lab.resources,
        )
        found = table.to_pylist()
        measured = lab.measure(distance, {row["run"]: lab.store.find(row["run"]) for row in found})
        for row in found:
            yield {"noise": share, **row, **measured[row["run"]][0]}


def figure(table: pa.Table) -> Figure:
    """Test accuracy, and distance from the start, against density; a line a noise."""
    tickets = where(table, arm="ticket")
    with style():
        drawing, axes = panels(2, height=3.6)
        for panel, column, scale in zip(
            axes[0], ("test_accuracy", "distance"), (100, 1), strict=True
        ):
            mean_lines(
                panel,
                tickets,
                x="density",
                y=column,
                by="noise",
                label=lambda share: f"{100 * share:g} %",
                scale=scale,
            )
            density_axis(panel, tickets["density"].to_pylist())
        axes[0][0].set(title="Sparse double descent", ylabel="test accuracy (%)")
        axes[0][1].set(title="How far weights move", ylabel="distance from the initial weights")
        axes[0][0].legend(title="label noise")
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """At each noise, level of the trough and of the peak behind it chosen on validation images."""
    each = [_of_noise(where(table, noise=share), config) for share in config.noise]
    return tuple(all_of(parts[0].claim, *parts) for parts in zip(*each, strict=True))


def _of_noise(table: pa.Table, config: Config) -> tuple[Verdict, Verdict, Verdict]:
    tickets = where(table, arm="ticket")
    trough, peak = _turns(tickets)
    last = max(tickets["level"].to_pylist())
    dense, low, high = (where(tickets, level=level) for level in (0, trough, peak))
    how = {"quantity": "test_accuracy", "seed": "replicate", "scale": 100}
    points = {"unit": "points", "margin": 100 * config.margin, "comparisons": 3 * len(config.noise)}
    falls = exceeds("F17a", paired(dense, low, **how), **points)
    rises = exceeds("F17a", paired(high, low, **how), **points)
    collapses = exceeds("F17a", paired(high, where(tickets, level=last), **how), **points)
    nearer = paired(low, high, "distance", seed="replicate")
    control = where(table, arm="reinit", level=peak or 1)
    beaten = paired(control, high if peak else where(tickets, level=1), **how)
    return (
        all_of("F17a", falls, rises, collapses),
        exceeds("F17b", nearer, comparisons=len(config.noise), unit="distance"),
        not_worse(
            "F17c",
            beaten,
            margin=100 * config.margin,
            comparisons=len(config.noise),
            unit="points",
        ),
    )


def _turns(tickets: pa.Table) -> tuple[int, int]:
    """The level of least validation accuracy before the best one, and of the best after it.

    The peak is looked for first among all pruned levels, the trough among those before it: a
    curve that only falls has its peak at the first level and no trough.
    """
    levels = sorted(set(tickets["level"].to_pylist()))
    mean = [
        np.mean(where(tickets, level=level)["validation_accuracy"].to_numpy()) for level in levels
    ]
    drop = [best - np.min(mean[: at + 1]) for at, best in enumerate(mean)]
    peak = int(np.argmax(drop))
    return levels[int(np.argmin(mean[: peak + 1]))], levels[peak]
