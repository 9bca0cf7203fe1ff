"""Do a layer's weight vectors move together, and are those left behind the ones to remove?

Units are joined where their weight vectors have an inner product of at least 0.25, or more where
chance reaches that. Half of the units are then removed at once, without training again.

Source: Heitmann 2020, section 3.2, figures 3 and 4.
Cost: quick 2 s, laptop about 15 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from surfeit.core import Streams
from surfeit.data import Dataset
from surfeit.lab import POOL_DATA, POOL_MODEL, POOL_RECIPE, Claim, Lab, Verdict, exceeds
from surfeit.models import Structure
from surfeit.prune import frame_potential, magnitude, removal_curves, removal_order
from surfeit.similarity import (
    chance_inner_product,
    clusters,
    components,
    cosine_graph,
    isolated,
    isolated_by_chance,
    movement,
)
from surfeit.store import Run
from surfeit.tables.figures.style import BLUE, GREY, ORANGE, VERMILLION, panels, percent_axis, style
from surfeit.train import Recipe, Snapshots
from surfeit.train.job import Job

_REPORT = "Heitmann 2020, section 3.2"
CLAIMS = (
    Claim(
        id="C1a",
        says="Weight vectors move together: training leaves one large component.",
        published="about 130 of the 256 units of Conv-2's fc1, joined from 0.25 on",
        source=f"{_REPORT}, figure 3",
        figure=51,
    ),
    Claim(
        id="C1b",
        says="The other units are isolated, more of them than by chance.",
        source=f"{_REPORT}, figure 3",
    ),
    Claim(id="C1c", says="Isolated units have small norms.", source=_REPORT),
    Claim(id="C1d", says="Isolated units hardly moved.", source=_REPORT),
    Claim(
        id="C2a",
        says="Removing the units that training moved least costs less than removing others.",
        source=_REPORT,
    ),
    Claim(
        id="C2b",
        says="The units that magnitude removes first are those that training moved least.",
        source=_REPORT,
    ),
    Claim(
        id="C2c",
        says="Magnitude and frame potential remove the same units first.",
        source=_REPORT,
    ),
    Claim(
        id="C3",
        says="VGG19-BN's last convolution falls into clusters of nearly equal filters.",
        published="about 35 clusters, at a cutoff near 1",
        source=f"{_REPORT}, figure 4",
        figure=35,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Network:
    """A layer of a network, how it is trained, and from which inner product units are joined."""

    model: str
    layer: str
    recipe: Recipe
    inner_product: float


CONV_2 = Network(
    model="conv-2",
    layer="fc1",
    recipe=Recipe(optimizer="adam", lr=2e-4, batch_size=64, steps=20_000),
    inner_product=0.25,
)
VGG19_BN = Network(
    model="vgg19-bn",
    layer="conv16",
    recipe=Recipe(
        lr=0.1,
        momentum=0.9,
        batch_size=64,
        steps=112_000,
        schedule="steps",
        milestones=(56_000, 84_000),
    ),
    inner_product=0.95,
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """A layer whose units move together, and one of clusters, if it is trained at all."""

    data: str = "cifar10"
    network: Network = CONV_2
    clustered: Network | None = VGG19_BN
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    removed: float = 0.5  # of the units: about as many as the published plateau is long
    draws: int = 5  # of random units that are removed instead, averaged
    component_margin: float = 0.25  # of the units, beyond what was joined at the start
    order_margin: float = 0.75  # how often the smaller of two is isolated: by chance a half
    overlap_margin: float = 0.25  # half-way from chance (a half) to the same units
    clusters_margin: float = 17  # half of those published, beyond those at the start


SIZES = ("data", "network", "clustered", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    network=replace(CONV_2, recipe=replace(CONV_2.recipe, steps=5_000)),
    clustered=None,
    seeds=(0, 1, 2),
)
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    network=replace(CONV_2, model=POOL_MODEL, recipe=POOL_RECIPE),
    clustered=None,
    seeds=(0, 1, 2),
)


def networks(config: Config) -> list[Network]:
    """Those that are trained."""
    return [config.network, *([config.clustered] if config.clustered else [])]


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each network and seed; of the large one no snapshots but the ends."""
    return {
        f"{network.model}, seed {seed}": lab.job(
            network.model,
            config.data,
            network.recipe,
            seed=seed,
            snapshots=Snapshots(every_epochs=1 if network == config.network else 0),
        )
        for network in networks(config)
        for seed in config.seeds
    }


def units_of(
    run: Run, dataset: Dataset, layer: str, inner_product: float, removed: float, draws: int
) -> Iterator[dict[str, Any]]:
    """Each unit's place in the graph, and what is true of all of them together."""
    structure = Structure.of(run.model())
    first, last = (structure.layer(layer).matrix(run.model(step)) for step in (0, None))
    link = max(inner_product, chance_inner_product(*last.shape))
    before, after = (cosine_graph(weight, inner_product=link) for weight in (first, last))
    labels, alone = components(after), set(isolated(after).tolist())
    moved = movement(last, first).distance
    chance = isolated_by_chance(len(last), after.edges.shape[1]) / len(last)
    together = {
        "link": link,
        "largest_at_start": _largest(components(before)),
        "largest": _largest(labels),
        "isolated": len(alone) / len(last),
        "isolated_by_chance": chance,
        "clusters_at_start": len(clusters(before)),
        "clusters": len(clusters(after)),
        **_without(run, dataset, layer, last, moved, int(removed * len(last)), draws),
    }
    for unit, (length, distance) in enumerate(zip(last.norm(dim=1), moved, strict=True)):
        within = "component" if labels[unit] == 0 else "cluster"
        kind = "isolated" if unit in alone else within
        about = {"unit": unit, "norm": float(length), "moved": float(distance), "kind": kind}
        yield about | together


def _largest(labels: Tensor) -> float:
    return int(labels.bincount().max()) / len(labels)


def _without(
    run: Run, dataset: Dataset, layer: str, weight: Tensor, moved: Tensor, count: int, draws: int
) -> dict[str, float]:
    """Test accuracy without the least moved units, or random ones; which units others remove."""
    generator = Streams(0).get("random units", run.key)
    least = moved.argsort()[:count]
    drawn = [torch.randperm(len(weight), generator=generator)[:count] for _ in range(draws)]
    curves = removal_curves(run.model(), layer, [least, *drawn], dataset.test)
    dense, still, *random = (float(curve.points[at]) for curve, at in _ends(curves, count))
    by_norm, by_frame = (
        set(removal_order(weight, criterion)[:count].tolist())
        for criterion in (magnitude, frame_potential)
    )
    return {
        "dense": dense,
        "without_still": still,
        "without_random": float(np.mean(random)),
        "chance": count / len(weight),
        "still_by_norm": len(by_norm & set(least.tolist())) / count,
        "frame_by_norm": len(by_norm & by_frame) / count,
    }


def _ends(curves: list[Any], count: int) -> list[tuple[Any, int]]:
    """The first curve's start, and the end of each."""
    return [(curves[0], 0), *((curve, count) for curve in curves)]


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a unit: `network, seed, unit, norm, moved, kind`, and what is true of its layer.

    Shares of units: `largest` component, `isolated` and `isolated_by_chance` in a graph of as many
    links, `chance` (the share that is removed), `still_by_norm` and `frame_by_norm` (how many of
    the units that magnitude removes are also least moved, or removed by frame potential). Test
    accuracies: `dense`, `without_still` (the least moved), `without_random`.
    """
    runs = lab.train(jobs(config, lab))
    for network in networks(config):
        own = {seed: runs[f"{network.model}, seed {seed}"] for seed in config.seeds}
        measured = lab.measure(
            units_of,
            own,
            lab.data(config.data),
            layer=network.layer,
            inner_product=network.inner_product,
            removed=config.removed,
            draws=config.draws,
        )
        for seed in config.seeds:
            about = {"network": network.model, "seed": seed}
            yield from ({**about, **row, "run": own[seed].key} for row in measured[seed])


def figure(table: pa.Table) -> Figure:
    """Units by how far they moved and how long they are (left), and what removing half costs."""
    first = table["network"][0].as_py()
    drawn = [row for row in table.to_pylist() if row["network"] == first]
    with style():
        drawing, axes = panels(2, height=3.4)
        left, right = axes[0]
        for kind, color, marker in (
            ("component", BLUE, "o"),
            ("cluster", ORANGE, "s"),
            ("isolated", VERMILLION, "x"),
        ):
            points = [(row["moved"], row["norm"]) for row in drawn if row["kind"] == kind]
            if points:
                label = "in the component" if kind == "component" else f"{kind}"
                left.scatter(
                    *zip(*points, strict=True), s=9, c=color, marker=marker, label=label, lw=0.7
                )
        left.set(title="Units of all seeds", xlabel="distance moved", ylabel="norm")
        left.legend()
        _removals(right, drawn)
    return drawing


def _removals(axes: Axes, drawn: list[dict[str, Any]]) -> None:
    names = {
        "dense": "none",
        "without_still": "least\nmoved",
        "without_random": "random",
    }
    by_seed = {row["seed"]: row for row in drawn}
    for row in by_seed.values():
        axes.plot(range(3), [row[name] for name in names], color=GREY, linewidth=0.6, marker=".")
    means = [np.mean([row[name] for row in by_seed.values()]) for name in names]
    axes.bar(range(3), means, color=[BLUE, VERMILLION, GREY], alpha=0.45, width=0.6)
    axes.set_xticks(range(3), list(names.values()))
    share = drawn[0]["chance"]
    axes.set(title=f"Without {share:.0%} of the units", xlabel="which", ylabel="test accuracy")
    percent_axis(axes)


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Each seed's graph against its start or chance; removals and orders against random ones."""
    of = _by_seed(table, config.network, config)
    one = {seed: units[0] for seed, units in of.items()}
    joined = [one[seed]["largest"] - one[seed]["largest_at_start"] for seed in config.seeds]
    largest = np.mean([row["largest"] for row in one.values()])
    alone = [one[seed]["isolated"] - one[seed]["isolated_by_chance"] for seed in config.seeds]
    shorter = [_smaller(of[seed], "norm") for seed in config.seeds]
    stiller = [_smaller(of[seed], "moved") for seed in config.seeds]
    ahead = [100 * (row["without_still"] - row["without_random"]) for row in one.values()]
    still = [row["still_by_norm"] - row["chance"] for row in one.values()]
    frame = [row["frame_by_norm"] - row["chance"] for row in one.values()]
    return (
        _judge(
            "C1a",
            [100 * share for share in joined],
            100 * config.component_margin,
            "percent of units",
            f"The largest component has {largest:.0%} of the units.",
        ),
        _judge(
            "C1b",
            [100 * share for share in alone],
            0,
            "percent of units",
            f"{np.mean([row['isolated'] for row in one.values()]):.0%} are isolated, "
            f"{np.mean([row['isolated_by_chance'] for row in one.values()]):.0%} by chance.",
        ),
        _judge("C1c", shorter, config.order_margin, "of pairs", _pairs(shorter, "is shorter")),
        _judge("C1d", stiller, config.order_margin, "of pairs", _pairs(stiller, "moved less")),
        _judge(
            "C2a",
            ahead,
            0,
            "points",
            f"Without the least moved units accuracy is {np.mean(ahead):+.2f} points from that "
            "without as many random ones.",
        ),
        _judge("C2b", still, config.overlap_margin, "of units", _overlap("Least moved", still)),
        _judge(
            "C2c", frame, config.overlap_margin, "of units", _overlap("Frame potential's", frame)
        ),
        _clusters(table, config),
    )


def _judge(claim: str, values: list[float | None], margin: float, unit: str, says: str) -> Verdict:
    return exceeds(claim, values, margin=margin, comparisons=8, unit=unit, says=says)


def _by_seed(table: pa.Table, network: Network, config: Config) -> dict[int, list[dict[str, Any]]]:
    drawn = [row for row in table.to_pylist() if row["network"] == network.model]
    return {seed: [row for row in drawn if row["seed"] == seed] for seed in config.seeds}


def _smaller(units: list[dict[str, Any]], name: str) -> float | None:
    """How often an isolated unit has less than one in the component; None without either."""
    alone, within = (
        np.array([unit[name] for unit in units if unit["kind"] == kind])
        for kind in ("isolated", "component")
    )
    if not len(alone) or not len(within):
        return None
    less, same = alone[:, None] < within, alone[:, None] == within
    return float((less + 0.5 * same).mean())


def _pairs(shares: list[float | None], what: str) -> str:
    there = [share for share in shares if share is not None]
    if not there:
        return "No seed has both isolated units and a component."
    return f"Of an isolated unit and one in the component the isolated one {what} in " + (
        f"{np.mean(there):.0%} of pairs."
    )


def _overlap(whose: str, beyond: list[float]) -> str:
    return (
        f"{whose} units are among those that magnitude removes, {np.mean(beyond):+.0%} on chance."
    )


def _clusters(table: pa.Table, config: Config) -> Verdict:
    if config.clustered is None:
        return _judge("C3", [], config.clusters_margin, "clusters", "VGG19-BN was not trained.")
    of = _by_seed(table, config.clustered, config)
    counts = [units[0]["clusters"] - units[0]["clusters_at_start"] for units in of.values()]
    says = f"{np.mean(counts):+.3g} clusters by training."
    return _judge(
        "C3", [float(count) for count in counts], config.clusters_margin, "clusters", says
    )
