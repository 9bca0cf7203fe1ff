"""Does dropout average over sub-networks, and do units adapt less to each other with it?

Source: Srivastava et al. 2014 (JMLR 15), sections 4, 7.1 and 7.5; Hinton et al. 2012. That the
scaled weights give the average is exact for a linear layer under softmax, in geometric mean, and
measured here for a network with a hidden layer more. What "adapt to each other" is to mean is our
choice: correlations of units' outputs, near duplicates, and what other units explain of each.
Cost: quick 4 s, laptop about 3 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import Any

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.lab import POOL_DATA, POOL_RECIPE, Claim, Lab, Verdict, all_of, exceeds
from surfeit.models import mlp
from surfeit.studies._dropout import adapted, averaged
from surfeit.studies._fitting import examples
from surfeit.tables.figures.dots import dots
from surfeit.tables.figures.style import GREY, panels, style
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "Srivastava et al. 2014"
CLAIMS = (
    Claim(
        id="G18a",
        says="The network with scaled weights predicts nearly what the average over sub-networks "
        "does: its squared distance from it is less than a fifth of a single sub-network's.",
        source=f"{_SOURCE}, sections 1 and 7.5",
    ),
    Claim(
        id="G18b",
        says="Trained with dropout, hidden units' outputs are less correlated.",
        source=f"{_SOURCE}, section 7.1; Hinton et al. 2012",
    ),
    Claim(
        id="G18c",
        says="Trained with dropout, fewer pairs of hidden units are near duplicates by their "
        "outputs.",
        source=f"{_SOURCE}, section 7.1; Hinton et al. 2012",
    ),
    Claim(
        id="G18d",
        says="Trained with dropout, the other units explain less of what a hidden unit answers.",
        source=f"{_SOURCE}, section 7.1; Hinton et al. 2012",
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}
ARMS = ("without", "with")


@dataclass(frozen=True, kw_only=True)
class Config:
    """One network trained without and with dropout behind each hidden layer, paired by seed.

    Both arms of a seed have the same images, initial weights and order, and as many steps.
    """

    data: str = "mnist"
    images: int = 2_000
    widths: tuple[int, ...] = (100, 100)
    rate: float = 0.5
    recipe: Recipe = Recipe(optimizer="adam", lr=1e-3, batch_size=50, epochs=30)
    looked_at: int = 1_000  # test images
    networks: int = 200  # sub-networks, for each training
    alike: float = 0.8  # correlation of near duplicates
    most: float = 0.2  # of a single sub-network's squared distance
    seeds: tuple[int, ...] = tuple(range(10))

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise ValueError(f"rate must be in (0, 1), got {self.rate}")
        if not self.widths:
            raise ValueError("widths must name a hidden layer at least: dropout has no other units")
        if self.networks < 2 or self.networks % 2:
            raise ValueError(
                f"networks must be even and at least 2, for two halves, got {self.networks}"
            )
        if not 0 < self.alike <= 1:
            raise ValueError(f"alike must be in (0, 1], got {self.alike}")
        if self.looked_at <= max(self.widths):
            raise ValueError(
                f"looked_at must be more images than a layer has units, {max(self.widths)}, got "
                f"{self.looked_at}"
            )


SIZES = ("data", "images", "widths", "recipe", "looked_at", "networks", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER, images=1_000, recipe=replace(PAPER.recipe, epochs=20), seeds=tuple(range(6))
)
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    images=300,
    widths=(32, 32),
    recipe=POOL_RECIPE,
    looked_at=200,
    networks=40,
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each arm and seed."""
    whole = lab.data(config.data)
    builders = {
        "without": partial(mlp, config.widths),
        "with": partial(mlp, config.widths, dropout=config.rate),
    }
    return {
        name_of(arm, seed): Job(
            builders[arm],
            examples(whole, config.images, seed),
            config.recipe,
            seed,
            snapshots=Snapshots(every_epochs=0),
        )
        for seed in config.seeds
        for arm in ARMS
    }


def name_of(arm: str, seed: int) -> str:
    """What a training is called."""
    return f"{arm} dropout, seed {seed}"


COLUMNS = (
    *("arm", "seed", "layer", "square", "near", "explained", "live", "null_square", "null_near"),
    *("null_explained", "test_accuracy", "distance", "error_of_distance", "spread", "ratio"),
    *("scaled_accuracy", "averaged_accuracy", "run"),
)
"""Of the table: the columns of `adapted`, those of `averaged` in the row of the first layer."""


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training and hidden layer, of `COLUMNS`."""
    runs, data = lab.train(jobs(config, lab)), lab.data(config.data)
    means = lab.measure(
        averaged,
        runs,
        data,
        rate=config.rate,
        images=config.looked_at,
        networks=config.networks,
    )
    together = lab.measure(adapted, runs, data, images=config.looked_at, alike=config.alike)
    for seed in config.seeds:
        for arm in ARMS:
            name = name_of(arm, seed)
            for place, row in enumerate(together[name]):
                about = {"arm": arm, "seed": seed, "run": runs[name].key}
                mean = means[name][0] if place == 0 else {}
                yield dict.fromkeys(COLUMNS) | about | row | mean


_MEASURES = {
    "square": ("Correlations", "mean squared correlation"),
    "near": ("Near duplicates", "share of the pairs"),
    "explained": ("Explained by others", "share of the variance"),
}


def figure(table: pa.Table) -> Figure:
    """The three measures of adaptation by layer, and how far the scaled network is off."""
    drawn = table.to_pylist()
    layers = sorted({row["layer"] for row in drawn})
    with style():
        drawing, grid = panels(2, rows=2, height=4.6)
        places = list(grid.flat)
        for axes, (name, (title, label)) in zip(places, _MEASURES.items(), strict=False):
            groups = {
                f"layer {layer},\n{arm}": [
                    row[name]
                    for row in drawn
                    if row["layer"] == layer and row["arm"] == arm and row[name] is not None
                ]
                for layer in layers
                for arm in ARMS
            }
            dots(axes, groups, percent=name == "near")
            nulls = [row[f"null_{name}"] for row in drawn if row[f"null_{name}"] is not None]
            if nulls:
                axes.axvline(fmean(nulls), color=GREY, linestyle=":")
            axes.set(title=title, xlabel=label)
        _average(places[3], drawn)
        words = "dotted: each unit's images shuffled; on the lower right a single sub-network"
        drawing.supxlabel(words, fontsize=8)
    return drawing


def _average(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Distances of the scaled network from the average, over those of single sub-networks."""
    seen = [row for row in rows if row["ratio"] is not None]
    groups: dict[str, list[float]] = {f"trained\n{arm}": [] for arm in ARMS}
    for row in seen:
        groups[f"trained\n{row['arm']}"].append(row["ratio"])
    dots(axes, groups, percent=False)
    axes.axvline(1, color=GREY, linestyle=":")
    axes.set(title="Scaled weights", xlim=(0, 1.05))
    axes.set_xlabel("squared distance from the average\nof sub-networks, over one sub-network's")


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """G18a in shares of a sub-network's distance, the others as differences, by seed and layer."""
    seen = {(row["arm"], row["layer"], row["seed"]): row for row in table.to_pylist()}
    layers = range(1, len(config.widths) + 1)
    return (
        _average_verdict(seen, config),
        *(
            all_of(
                claim,
                *(_less(name, unit, layer, seen, config) for layer in layers),
                says=_means(name, seen, config),
                **_JUDGED,
            )
            for claim, name, unit in (
                ("G18b", "square", "of squared correlation"),
                ("G18c", "near", "of the pairs"),
                ("G18d", "explained", "of the variance"),
            )
        ),
    )


Rows = dict[tuple[str, int, int], dict[str, Any]]


def _average_verdict(seen: Rows, config: Config) -> Verdict:
    rows = [seen["with", 1, seed] for seed in config.seeds]
    return exceeds(
        "G18a",
        [config.most - row["ratio"] for row in rows],
        unit="of a sub-network's squared distance to spare",
        says="In the network trained with dropout the squared distance of the scaled weights' "
        f"probabilities from the average is {fmean(row['distance'] for row in rows):.2g}, that of "
        f"single sub-networks {fmean(row['spread'] for row in rows):.2g}; "
        f"{100 * fmean(row['scaled_accuracy'] for row in rows):.2f} and "
        f"{100 * fmean(row['averaged_accuracy'] for row in rows):.2f} % of the images are right by "
        f"the scaled weights and by {config.networks} sub-networks.",
        **_JUDGED,
    )


def _less(name: str, unit: str, layer: int, seen: Rows, config: Config) -> Verdict:
    """How much less there is with dropout than without."""

    def lost(seed: int) -> float | None:
        without, having = (seen[arm, layer, seed][name] for arm in ARMS)
        return None if without is None or having is None else without - having

    lost_by_seed = [lost(seed) for seed in config.seeds]
    return exceeds(f"layer {layer}", lost_by_seed, unit=unit, **_JUDGED)


def _means(name: str, seen: Rows, config: Config) -> str:
    """Each arm's mean in each layer, and the null's."""

    def mean(arm: str, layer: int, column: str) -> str:
        values = [seen[arm, layer, seed][column] for seed in config.seeds]
        known = [value for value in values if value is not None]
        return f"{fmean(known):.3g}" if known else "unknown"

    said = [
        f"{mean('without', layer, name)} without and {mean('with', layer, name)} with dropout "
        f"(shuffled: {mean('without', layer, f'null_{name}')} and "
        f"{mean('with', layer, f'null_{name}')}) in layer {layer}"
        for layer in range(1, len(config.widths) + 1)
    ]
    return f"{_MEASURES[name][1].capitalize()}: {'; '.join(said)}."
