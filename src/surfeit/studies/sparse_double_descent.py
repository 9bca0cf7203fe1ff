"""Does test accuracy under label noise fall, rise and fall again as weights are removed?

Source: He et al. 2022 (2206.08684), figures 1 and 5, and the authors' program.
Cost: quick 9 s, laptop 20 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean
from typing import Any

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
from surfeit.procedures.tickets import TicketConfig, complete, find_tickets
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
    noise: tuple[float, ...] = (0.2, 0.4)
    """Shares of labels drawn anew from *all* classes, as published: 0.2 makes 18 % of ten wrong."""
    seeds: tuple[int, ...] = (0, 1, 2)
    margin: float = 0.5
    """Points of test accuracy: by choice, a fall or a rise of less is no descent."""


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
    """The training images with so many labels drawn anew from all classes, the right one too."""
    data = lab.data(config.data)
    count = min(config.images, len(data.train))
    data = subset(data, count, Streams(0).get("noise", "images"))
    return with_label_noise(data, share, Streams(0).get("noise", "labels"), kind="uniform")


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
        found = complete(table).to_pylist()
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
    parts = zip(*each, strict=True)
    return tuple(all_of(claim.id, *some) for claim, some in zip(CLAIMS, parts, strict=True))


def _of_noise(table: pa.Table, config: Config) -> tuple[Verdict, Verdict, Verdict]:
    tickets = where(table, arm="ticket")
    trough, peak = _turns(tickets)
    last = max(tickets["level"].to_pylist())
    dense, low, high = (where(tickets, level=level) for level in (0, trough, peak))
    how = {"quantity": "test_accuracy", "seed": "replicate", "scale": 100}
    fall, rise = paired(dense, low, **how), paired(high, low, **how)
    end = paired(high, where(tickets, level=last), **how)
    further = paired(low, high, "distance", seed="replicate")
    control = paired(where(table, arm="reinit", level=peak), high, **how)
    noise, many = f"{100 * table['noise'][0].as_py():g} % noise", len(config.noise)
    curve = f"{noise}: falls by {fmean(fall):.2f} points to the trough, rises by {fmean(rise):.2f} "
    curve += f"to the peak, and falls by {fmean(end):.2f} to the sparsest."
    points = {"unit": "points", "margin": config.margin}
    parts = [
        exceeds(f"{noise}, {part}", gains, comparisons=3 * many, **points)
        for part, gains in (("fall", fall), ("rise", rise), ("end", end))
    ]
    said = f"{noise}: weights are {fmean(further):+.2f} further from the start at the trough."
    beaten = f"{noise}: at the peak controls are {fmean(control):+.2f} points from tickets."
    return (
        all_of(noise, *parts, says=curve),
        exceeds(noise, further, comparisons=many, unit="distance", says=said),
        not_worse(noise, control, comparisons=many, says=beaten, **points),
    )


def _turns(tickets: pa.Table) -> tuple[int, int]:
    """The pruned levels, one before the other, between which validation accuracy rises the most.

    A curve that only falls has them where it falls the least: the rise is then below 0, and the
    claim fails, as it should.
    """
    levels = sorted(set(tickets["level"].to_pylist()) - {0})
    accuracy = {
        level: fmean(where(tickets, level=level)["validation_accuracy"].to_pylist())
        for level in levels
    }
    return max(combinations(levels, 2), key=lambda pair: accuracy[pair[1]] - accuracy[pair[0]])
