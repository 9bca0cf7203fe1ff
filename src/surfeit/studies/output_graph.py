"""Do units that read alike also answer alike: is the graph of outputs that of weight vectors?

Source: Heitmann 2020, section 3.2.
Cost: quick 2 s, laptop about 20 min (two cores), of which 18 are the weight graph's trainings.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from surfeit.data import Dataset
from surfeit.lab import POOL_DATA, POOL_MODEL, POOL_RECIPE, Claim, Lab, Verdict, exceeds
from surfeit.models import Structure
from surfeit.models.structure import unit_outputs
from surfeit.similarity import (
    Graph,
    chance_inner_product,
    components,
    cosine_graph,
    normalised,
    output_directions,
)
from surfeit.store import Run
from surfeit.tables.figures.lines import mean_line
from surfeit.tables.figures.style import BLUE, GREY, ORANGE, Stroke, panels, percent_axis, style
from surfeit.train import Job, Recipe, report_recipe

CLAIMS = (
    Claim(
        id="C4a",
        says="Units whose outputs are correlated most are those whose weight vectors are joined.",
        source="Heitmann 2020, section 3.2",
    ),
    Claim(
        id="C4b",
        says="The graph of outputs falls into the same clusters as that of weight vectors.",
        source="Heitmann 2020, section 3.2",
    ),
)
_BINS = 20  # of the inner product, from -1 to 1, in the figure


@dataclass(frozen=True, kw_only=True)
class Config:
    """One layer of a network, its weight vectors and its answers to validation images.

    Units are joined by their weight vectors as in the study of the weight graph; as many pairs are
    then joined by the correlation of their outputs, the most correlated ones.
    """

    data: str = "cifar10"
    model: str = "conv-2"
    layer: str = "fc1"
    recipe: Recipe = report_recipe("conv-2")
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    inner_product: float = 0.25  # published; more where chance reaches that
    examples: int = 2_000
    links_margin: float = 0.5  # of the links, beyond chance: most are the same
    clusters_margin: float = 0.5  # adjusted Rand index: 0 by chance, 1 for the same clusters


SIZES = ("data", "model", "layer", "recipe", "seeds")
PAPER = Config()
LAPTOP = replace(PAPER, recipe=replace(PAPER.recipe, steps=2_000), seeds=(0, 1, 2))
QUICK = replace(PAPER, data=POOL_DATA, model=POOL_MODEL, recipe=POOL_RECIPE, seeds=(0, 1, 2))


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each seed."""
    return {
        f"seed {seed}": lab.job(config.model, config.data, config.recipe, seed=seed)
        for seed in config.seeds
    }


def pairs(
    run: Run, dataset: Dataset, layer: str, inner_product: float, examples: int
) -> Iterator[dict[str, Any]]:
    """By inner product of weight vectors: the mean correlation of outputs, before and after."""
    inputs = dataset.validation.inputs[:examples]
    links = None
    for stage, step in (("end", None), ("start", 0)):
        model = run.model(step)
        weight = Structure.of(model).layer(layer).matrix(model)
        answers = _answers(model, layer, inputs)
        upper = torch.triu_indices(len(weight), len(weight), offset=1)
        alike = _products(normalised(weight))[*upper]
        correlation = _products(answers)[*upper]
        if links is None:  # as many are compared before training, when no units are joined
            threshold = max(inner_product, chance_inner_product(*weight.shape))
            links = int((alike >= threshold).sum())
        together = {"links": links, "chance": links / len(alike)}
        together |= _agreement(weight, answers, alike, correlation, links)
        places = ((alike + 1) * _BINS / 2).long().clamp_max(_BINS - 1)
        for place in places.unique().tolist():
            here = places == place
            centre = (place + 0.5) * 2 / _BINS - 1
            means = {"inner_product": centre, "correlation": float(correlation[here].mean())}
            yield {"stage": stage, **means, "pairs": int(here.sum()), **together}


def _answers(model: nn.Module, layer: str, inputs: Tensor) -> Tensor:
    parts = [unit_outputs(model, [layer], part)[layer] for part in inputs.split(500)]
    return output_directions(torch.cat(parts).permute(1, 0, 2).flatten(1))


def _products(rows: Tensor) -> Tensor:
    return rows @ rows.T


def _agreement(
    weight: Tensor, answers: Tensor, alike: Tensor, correlation: Tensor, links: int
) -> dict[str, float | None]:
    """The share of links that both graphs have, and how alike their components are."""
    from sklearn.metrics import adjusted_rand_score  # a second to import

    if not links:
        return {"shared": None, "rand": None}
    most, by_outputs = alike.topk(links), correlation.topk(links)
    common = torch.isin(most.indices, by_outputs.indices).double().mean()
    labels = [
        components(_graph(rows, float(found.values[-1]))).tolist()
        for rows, found in ((weight, most), (answers, by_outputs))
    ]
    return {"shared": float(common), "rand": float(adjusted_rand_score(*labels))}


def _graph(rows: Tensor, least: float) -> Graph:
    """The graph of the pairs at least as alike; a hair less, since products are rounded."""
    return cosine_graph(rows, inner_product=max(-1.0, min(1.0, least) - 1e-6))


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a seed, stage and bin of inner products: `pairs` in it, their mean `correlation`.

    Of the whole layer: `links`, the share of them that both graphs have (`shared`) and would have
    by `chance`, and the adjusted Rand index of their components (`rand`).
    """
    runs = lab.train(jobs(config, lab))
    measured = lab.measure(
        pairs,
        runs,
        lab.data(config.data),
        layer=config.layer,
        inner_product=config.inner_product,
        examples=config.examples,
    )
    for seed in config.seeds:
        name = f"seed {seed}"
        yield from ({"seed": seed, **row, "run": runs[name].key} for row in measured[name])


def figure(table: pa.Table) -> Figure:
    """Correlation of outputs by inner product (left), and the links that both graphs share."""
    drawn = table.to_pylist()
    with style():
        drawing, axes = panels(2, height=3.2)
        left, right = axes[0]
        for stage, label, stroke in (
            ("start", "at initialisation", Stroke(color=ORANGE, marker="s", linestyle="--")),
            ("end", "after training", Stroke(color=BLUE, marker="o")),
        ):
            here = [row for row in drawn if row["stage"] == stage]
            mean_line(left, here, "inner_product", "correlation", stroke, label)
        left.set(title="Pairs of units", xlabel="inner product of weight vectors")
        left.set_ylabel("mean correlation of outputs")
        left.legend()
        ends = {row["seed"]: row for row in drawn if row["stage"] == "end"}
        names = ["shared", "chance"]
        for row in ends.values():
            right.plot(names, [row[name] or 0 for name in names], color=GREY, marker=".", lw=0.6)
        means = [np.mean([row[name] or 0 for row in ends.values()]) for name in names]
        right.bar(names, means, color=[BLUE, GREY], alpha=0.45, width=0.6)
        right.set_xticks(range(2), ["both graphs", "by chance"])
        right.set(title="Links that both have", ylabel="share of the links", ylim=(0, 1))
        percent_axis(right)
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Links beyond chance and the Rand index, after training; a layer without links says None."""
    at = {(row["seed"], row["stage"]): row for row in table.to_pylist()}
    ends = [at[seed, "end"] for seed in config.seeds]
    starts = [at[seed, "start"] for seed in config.seeds]
    shared, before = _mean(ends, "shared"), _mean(starts, "shared")
    beyond = [None if row["shared"] is None else row["shared"] - row["chance"] for row in ends]
    return (
        exceeds(
            "C4a",
            beyond,
            margin=config.links_margin,
            comparisons=2,
            unit="of the links",
            says=f"Both graphs have {shared:.0%} of the links, before training {before:.0%}.",
        ),
        exceeds(
            "C4b",
            [row["rand"] for row in ends],
            margin=config.clusters_margin,
            comparisons=2,
            unit="adjusted Rand index",
            signed=False,
            says=f"The components' adjusted Rand index is {_mean(ends, 'rand'):.2f}.",
        ),
    )


def _mean(found: list[dict[str, Any]], name: str) -> float:
    there = [row[name] for row in found if row[name] is not None]
    return float(np.mean(there)) if there else 0.0
