"""Does a rank-10 approximation of the first fully connected layer keep a network's accuracy?

Source: Heitmann 2020, section 3.3.
Cost: quick 2 s, laptop about 30 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from torch import Tensor

from surfeit.core import Streams, evaluate
from surfeit.data import Dataset
from surfeit.lab import (
    POOL_DATA,
    POOL_MODEL,
    POOL_RECIPE,
    Claim,
    Lab,
    Verdict,
    agrees,
    exceeds,
    not_judged,
    not_worse,
)
from surfeit.spectra import kept_share, project, project_randomly
from surfeit.store import Run
from surfeit.tables.figures.style import BLACK, BLUE, GREY, ORANGE, panels, percent_axis, style
from surfeit.train import Job, Recipe, Snapshots, report_recipe

_REPORT = "Heitmann 2020, section 3.3"


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published mean of ten trainings: `kept`, percent of the norm, or `lost`, points."""

    claim: str
    model: str
    column: Literal["kept", "lost"]
    figure: float
    variance: float  # s²


PUBLISHED = (
    Published(claim="D2d", model="conv-2", column="kept", figure=70.25, variance=1.39),
    Published(claim="D2e", model="conv-2", column="lost", figure=6.34, variance=1.29),
    Published(claim="D2f", model="conv-6", column="kept", figure=61.43, variance=1.27),
    Published(claim="D2g", model="conv-6", column="lost", figure=1.61, variance=1.16),
)
SAYS = {
    "kept": "In {model} rank 10 keeps {figure:g} % of the Frobenius norm.",
    "lost": "In {model} rank 10 loses {figure:g} points.",
}
CLAIMS = (
    Claim(
        id="D2a",
        says="A rank-10 approximation keeps the accuracy of the deepest network.",
        published="points lost: Conv-6 1.61, VGG19-BN 0; means of 10",
        source=_REPORT,
    ),
    Claim(
        id="D2b",
        says="The deeper the network, the fewer points it loses.",
        published="points lost: Conv-2 6.34, Conv-6 1.61, VGG19-BN 0; means of 10",
        source=_REPORT,
    ),
    Claim(id="D2c", says="As many random directions keep less accuracy.", source="the null of D2a"),
    *(
        Claim(
            id=one.claim,
            says=SAYS[one.column].format(model=one.model, figure=one.figure),
            published=f"{one.figure:g} (s² {one.variance}), mean of 10",
            source=_REPORT,
            figure=one.figure,
        )
        for one in PUBLISHED
    ),
)


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network, its first fully connected layer, and how it is trained."""

    model: str
    recipe: Recipe
    layer: str = "fc1"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Networks from the shallowest to the deepest, each trained as the report did it.

    The null for the leading directions are as many random ones of the layer's output space.
    Published figures are compared with networks that were trained for as long, and with no others.
    """

    data: str = "cifar10"
    networks: tuple[Network, ...] = (
        Network(model="conv-2", recipe=report_recipe("conv-2")),
        Network(model="conv-6", recipe=report_recipe("conv-6")),
        Network(model="vgg19-bn", recipe=report_recipe("vgg19-bn")),
    )
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    rank: int = 10
    draws: int = 5  # of random directions, averaged
    lost_margin: float = 0.03  # of accuracy: between the losses published of Conv-6 and Conv-2
    kept_tolerance: float = 5.0  # percent of the norm, of a prediction interval
    lost_tolerance: float = 5.0  # points: as far as the published networks are apart


SIZES = ("data", "networks", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    networks=tuple(
        replace(network, recipe=replace(network.recipe, steps=steps))
        for network, steps in zip(PAPER.networks, (2_000, 750), strict=False)
    ),
    seeds=(0, 1, 2),
)
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    networks=tuple(
        Network(model=model, recipe=POOL_RECIPE) for model in (POOL_MODEL, "mlp-64-32-32-32")
    ),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each network and seed; of the largest no snapshots but the ends."""
    return {
        f"{network.model}, seed {seed}": lab.job(
            network.model,
            config.data,
            network.recipe,
            seed=seed,
            snapshots=Snapshots(every_epochs=0 if network.model == "vgg19-bn" else 1),
        )
        for network in config.networks
        for seed in config.seeds
    }


def approximated(
    run: Run, dataset: Dataset, layer: str, rank: int, draws: int
) -> Iterator[dict[str, Any]]:
    """Test accuracy of the whole layer, of its leading directions and of random ones."""
    network, tensors, name = run.model(), run.tensors(), f"{layer}.weight"
    generator = Streams(0).get("random directions", run.key)

    def accuracy(weight: Tensor) -> float:
        return evaluate(network, {**tensors, name: weight}, dataset.test).accuracy or 0.0

    weight = tensors[name]
    dense, leading = accuracy(weight), accuracy(project(weight, rank))
    near = [project_randomly(weight, rank, generator) for _ in range(draws)]
    yield {
        "kept": float(kept_share(weight, [rank])),
        "dense": dense,
        "leading": leading,
        "lost": dense - leading,
        "random": float(np.mean([accuracy(weight) for weight in near])),
    }


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a network and seed, networks from the shallowest to the deepest (`depth`).

    `kept`, the share of the Frobenius norm; test accuracies `dense`, `leading` and `random`;
    `lost`, the first less the second.
    """
    runs = lab.train(jobs(config, lab))
    for depth, network in enumerate(config.networks):
        own = {seed: runs[f"{network.model}, seed {seed}"] for seed in config.seeds}
        arguments = {"layer": network.layer, "rank": config.rank, "draws": config.draws}
        measured = lab.measure(approximated, own, lab.data(config.data), **arguments)
        for seed in config.seeds:
            about = {"depth": depth, "network": network.model, "seed": seed}
            yield {**about, **measured[seed][0], "run": own[seed].key}


def figure(table: pa.Table) -> Figure:
    """Accuracy of the whole layer, its leading and random directions, a point a seed."""
    drawn = table.to_pylist()
    names = sorted({(row["depth"], row["network"]) for row in drawn})
    kinds = {
        "dense": ("the whole layer", GREY),
        "leading": ("its leading directions", BLUE),
        "random": ("as many random ones", ORANGE),
    }
    with style():
        drawing, axes = panels(2, height=3.1)
        left, right = axes[0]
        for place, (name, (label, color)) in enumerate(kinds.items()):
            for depth, network in names:
                values = [row[name] for row in drawn if row["network"] == network]
                at = depth + 0.26 * (place - 1)
                shown = label if depth == 0 else None
                left.bar(at, np.mean(values), width=0.24, color=color, alpha=0.45, label=shown)
                left.plot([at] * len(values), values, color=color, marker=".", linestyle="")
        left.set(title="Accuracy kept", ylabel="test accuracy", ylim=(0, 1))
        drawing.legend(loc="outside lower center", ncols=3)
        for depth, network in names:
            values = [row["kept"] for row in drawn if row["network"] == network]
            right.bar(depth, np.mean(values), width=0.5, color=BLUE, alpha=0.45)
            right.plot([depth] * len(values), values, color=BLUE, marker=".", linestyle="")
            for one in PUBLISHED:
                if (one.model, one.column) == (network, "kept"):
                    right.plot(depth, one.figure / 100, color=BLACK, marker="_", markersize=24)
        right.set(title="Norm kept (dash: published)", ylabel="of the Frobenius norm", ylim=(0, 1))
        for panel in (left, right):
            panel.set_xticks(range(len(names)), [network for _, network in names])
            percent_axis(panel)
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Points lost: by the deepest, against the shallowest and random ones; then as published."""
    shallow, deep = (_of(table, config.networks[place].model, config) for place in (0, -1))
    lost = [100 * row["lost"] for row in deep]
    before = [100 * row["lost"] for row in shallow]
    ahead = [100 * (row["leading"] - row["random"]) for row in deep]
    last = config.networks[-1].model
    return (
        not_worse(
            "D2a",
            [-points for points in lost],
            margin=100 * config.lost_margin,
            comparisons=3,
            unit="points",
            says=f"At rank {config.rank} {last} loses {np.mean(lost):.2f} points.",
        ),
        exceeds(
            "D2b",
            [first - second for first, second in zip(before, lost, strict=True)],
            comparisons=3,
            unit="points",
            says=f"{config.networks[0].model} loses {np.mean(before):.2f} points, {last} "
            f"{np.mean(lost):.2f}.",
        ),
        exceeds(
            "D2c",
            ahead,
            comparisons=3,
            unit="points",
            says=f"In {last} leading directions are {np.mean(ahead):.1f} points ahead of random.",
        ),
        *(_published(table, one, config) for one in PUBLISHED),
    )


def _of(table: pa.Table, model: str, config: Config) -> list[dict[str, Any]]:
    drawn = {(row["network"], row["seed"]): row for row in table.to_pylist()}
    return [drawn[model, seed] for seed in config.seeds]


def _published(table: pa.Table, published: Published, config: Config) -> Verdict:
    """A published mean against trainings that are as long, on the same data."""
    as_published = {network for network in PAPER.networks if network.model == published.model}
    if config.data != PAPER.data or not as_published <= set(config.networks):
        return not_judged(
            published.claim, f"no {published.model} was trained for as long as the published ones"
        )
    values = [100 * row[published.column] for row in _of(table, published.model, config)]
    kept = published.column == "kept"
    return agrees(
        published.claim,
        values,
        published.figure,
        tolerance=config.kept_tolerance if kept else config.lost_tolerance,
        averaged=10,
        comparisons=len(PUBLISHED),
        unit="% of the norm" if kept else "points",
        says=f"{np.mean(values):.2f}, published {published.figure:g}.",
    )
