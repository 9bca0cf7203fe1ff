"""Do a layer's weight vectors move together, and are those left behind the ones to remove?

Source: Heitmann 2020, section 3.2, figures 3 and 4.
Cost: quick 2 s, laptop about 20 min (two cores).
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from surfeit.core import Streams
from surfeit.data import Dataset
from surfeit.lab import POOL_DATA, POOL_MODEL, POOL_RECIPE, Claim, Lab, Verdict, exceeds, not_judged
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
from surfeit.train import Job, Recipe, Snapshots, report_recipe

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
    Claim(id="C2b", says="The units that magnitude removes first moved least.", source=_REPORT),
    Claim(id="C2c", says="Frame potential removes the same units as magnitude.", source=_REPORT),
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
    recipe=report_recipe("conv-2"),
    inner_product=0.25,
)
VGG19_BN = Network(
    model="vgg19-bn",
    layer="conv16",
    recipe=report_recipe("vgg19-bn"),
    inner_product=0.95,
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """A layer whose units move together, and one of clusters, if it is trained at all.

    Units are joined where their weight vectors have an inner product of at least 0.25, or more
    where chance reaches that. Half of the units are then removed at once, without training again.
    """

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
    network=replace(CONV_2, recipe=replace(CONV_2.recipe, steps=2_000)),
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
    norm = last.norm(dim=1)
    together = {
        "link": link,
        "largest_at_start": _largest(components(before)),
        "largest": _largest(labels),
        "isolated": len(alone) / len(last),
        "isolated_by_chance": chance,
        "shorter": _less(norm, labels, alone),
        "stiller": _less(moved, labels, alone),
        "clusters_at_start": len(clusters(before)),
        "clusters": len(clusters(after)),
        **_without(run, dataset, layer, last, moved, int(removed * len(last)), draws),
    }
    for unit, (length, distance) in enumerate(zip(norm, moved, strict=True)):
        within = "component" if labels[unit] == 0 else "cluster"
        kind = "isolated" if unit in alone else within
        about = {"unit": unit, "norm": float(length), "moved": float(distance), "kind": kind}
        yield about | together


def _less(values: Tensor, labels: Tensor, alone: set[int]) -> float | None:
    """How often an isolated unit has less than one in the component; None without either."""
    outside = values[sorted(alone)]
    within = values[[unit for unit in (labels == 0).nonzero()[:, 0].tolist() if unit not in alone]]
    if not len(outside) or not len(within):
        return None
    less, same = outside[:, None] < within, outside[:, None] == within
    return float(less.double().mean() + same.double().mean() / 2)


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
    still, *random = (float(curve.points[-1]) for curve in curves)
    by_norm, by_frame = (
        set(removal_order(weight, criterion)[:count].tolist())
        for criterion in (magnitude, frame_potential)
    )
    return {
        "dense": float(curves[0].points[0]),
        "without_still": still,
        "without_random": float(np.mean(random)),
        "chance": count / len(weight),
        "still_by_norm": len(by_norm & set(least.tolist())) / count,
        "frame_by_norm": len(by_norm & by_frame) / count,
    }


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a unit: `network, seed, unit, norm, moved, kind`, and what is true of its layer.

    Shares of units: `largest` component, `isolated` and `isolated_by_chance` in a graph of as many
    links, `chance` (the share that is removed), `still_by_norm` and `frame_by_norm` (how many of
    the units that magnitude removes are also least moved, or removed by frame potential). Shares of
    pairs of an isolated unit and one in the component: in which the isolated one is `shorter`, or
    `stiller`. Test accuracies: `dense`, `without_still` (the least moved), `without_random`.
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
        published = " (published 51 %)" if first == CONV_2.model else ""
        left.set_title(f"In the component: {_mean(_layers(drawn), 'largest'):.0%}{published}")
        left.set(xlabel="distance that a unit moved", ylabel="norm of its weight vector")
        left.legend()
        _removals(right, drawn)
    return drawing


def _removals(axes: Axes, drawn: list[dict[str, Any]]) -> None:
    names = {
        "dense": "none",
        "without_still": "least\nmoved",
        "without_random": "random",
    }
    layers = _layers(drawn)
    for row in layers:
        axes.plot(range(3), [row[name] for name in names], color=GREY, linewidth=0.6, marker=".")
    means = [_mean(layers, name) for name in names]
    axes.bar(range(3), means, color=[BLUE, VERMILLION, GREY], alpha=0.45, width=0.6)
    axes.set_xticks(range(3), list(names.values()))
    share = layers[0]["chance"]
    axes.set(title=f"Without {share:.0%} of the units", ylabel="test accuracy")
    percent_axis(axes)


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Each seed's graph against its start or chance; removals and orders against random ones."""
    drawn = table.to_pylist()
    layers = _layers(row for row in drawn if row["network"] == config.network.model)
    mean = partial(_mean, layers)
    pairs = "Of an isolated unit and one in the component the isolated one"
    first = "of the units that magnitude removes first are those that"
    judged = {
        "C1a": (
            _beyond(layers, "largest", "largest_at_start"),
            100 * config.component_margin,
            f"The largest component has {mean('largest'):.0%} of the units, before training "
            f"{mean('largest_at_start'):.0%}.",
        ),
        "C1b": (
            _beyond(layers, "isolated", "isolated_by_chance"),
            0.0,
            f"{mean('isolated'):.0%} of the units are isolated, by chance "
            f"{mean('isolated_by_chance'):.0%}.",
        ),
        "C1c": (
            [row["shorter"] for row in layers],
            config.order_margin,
            f"{pairs} is shorter in {mean('shorter'):.0%} of pairs.",
        ),
        "C1d": (
            [row["stiller"] for row in layers],
            config.order_margin,
            f"{pairs} moved less in {mean('stiller'):.0%} of pairs.",
        ),
        "C2a": (
            _beyond(layers, "without_still", "without_random"),
            0.0,
            f"Accuracy is {100 * mean('without_still'):.1f} % without the least moved units, "
            f"{100 * mean('without_random'):.1f} % without as many random ones.",
        ),
        "C2b": (
            _beyond(layers, "still_by_norm", "chance"),
            100 * config.overlap_margin,
            f"{mean('still_by_norm'):.0%} {first} moved least, by chance {mean('chance'):.0%}.",
        ),
        "C2c": (
            _beyond(layers, "frame_by_norm", "chance"),
            100 * config.overlap_margin,
            f"{mean('frame_by_norm'):.0%} {first} frame potential removes first, by chance "
            f"{mean('chance'):.0%}.",
        ),
    }
    units = {"C1c": "of pairs", "C1d": "of pairs", "C2a": "points"}
    return (
        *(
            exceeds(
                claim,
                values,
                margin=margin,
                comparisons=len(judged),
                unit=units.get(claim, "% of the units"),
                says="" if set(values) == {None} else says,
            )
            for claim, (values, margin, says) in judged.items()
        ),
        _clusters(drawn, config),
    )


def _layers(drawn: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row of each seed: what is true of the layer stands in all of its units' rows."""
    return list({row["seed"]: row for row in drawn}.values())


def _mean(layers: list[dict[str, Any]], name: str) -> float:
    """NaN where no seed has a value."""
    there = [row[name] for row in layers if row[name] is not None]
    return float(np.mean(there)) if there else math.nan


def _beyond(layers: list[dict[str, Any]], name: str, null: str) -> list[float]:
    """Differences of two shares in percent."""
    return [100 * (row[name] - row[null]) for row in layers]


def _clusters(drawn: list[dict[str, Any]], config: Config) -> Verdict:
    if config.clustered is None:
        return not_judged("C3", "VGG19-BN is trained in the published setting only")
    layers = _layers(row for row in drawn if row["network"] == config.clustered.model)
    return exceeds(
        "C3",
        [float(row["clusters"] - row["clusters_at_start"]) for row in layers],
        margin=config.clusters_margin,
        unit="clusters",
        says=f"{_mean(layers, 'clusters'):.3g} clusters, before training "
        f"{_mean(layers, 'clusters_at_start'):.3g}.",
    )
