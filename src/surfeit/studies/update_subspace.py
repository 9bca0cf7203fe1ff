"""Does what training adds to a layer's weights matter in a few directions only?

Source: Nagarajan and Kolter 2019; Heitmann 2020, section 3.3.
Cost: quick 3 s, laptop 8 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.core import Streams, evaluate
from surfeit.data import Dataset
from surfeit.lab import POOL_DATA, POOL_MODEL, POOL_RECIPE, Claim, Lab, Verdict, exceeds, not_worse
from surfeit.spectra import eigenvalues, project_randomly, project_update
from surfeit.store import Run
from surfeit.tables.figures.lines import mean_line
from surfeit.tables.figures.style import BLUE, GREY, ORANGE, Stroke, panels, percent_axis, style
from surfeit.train import Job, Recipe

CLAIMS = (
    Claim(
        id="D4a",
        says="The update of a layer, projected on its top 16 of 1,024 left singular vectors, keeps "
        "the accuracy.",
        source="Nagarajan and Kolter 2019; Heitmann 2020, section 3.3",
    ),
    Claim(
        id="D4b",
        says="What is left out has a large spectral norm beside the update's own.",
        source="Nagarajan and Kolter 2019; Heitmann 2020, section 3.3",
    ),
    Claim(
        id="D4c",
        says="As many random directions of the update keep less accuracy.",
        source="the null of D4a",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """A layer of 1,024 units, fully trained, and its update on 1, 2, 4, ... directions.

    The update W − Z is projected on its leading left singular vectors, and added to the initial
    weights Z again; as many random directions in their place are the null.
    """

    data: str = "mnist"
    model: str = "mlp-1024-1024"
    layer: str = "fc2"
    recipe: Recipe = Recipe(lr=0.01, momentum=0.9, batch_size=64, epochs=40)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    rank: int = 16
    draws: int = 5  # of random directions, averaged
    lost_margin: float = 0.005  # of accuracy: what two trainings differ by on MNIST, at most
    norm_margin: float = 0.1  # of the update's spectral norm: less would be small


SIZES = ("data", "model", "layer", "recipe", "seeds", "rank")
PAPER = Config()
LAPTOP = replace(PAPER, recipe=replace(PAPER.recipe, epochs=5))
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    model=POOL_MODEL,
    layer="fc1",
    recipe=POOL_RECIPE,
    seeds=(0, 1, 2),
    rank=8,
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each seed."""
    return {
        f"seed {seed}": lab.job(config.model, config.data, config.recipe, seed=seed)
        for seed in config.seeds
    }


def by_rank(
    run: Run, dataset: Dataset, layer: str, rank: int, draws: int
) -> Iterator[dict[str, Any]]:
    """Test accuracy with the update on its leading and on random directions, rank by rank."""
    network, tensors, name = run.model(), run.tensors(), f"{layer}.weight"
    start, end = run.tensors(0)[name], tensors[name]
    values = eigenvalues(end - start).sqrt()
    ranks = {rank, *(2**power for power in range(len(values)) if 2**power < min(end.shape))}
    generator = Streams(0).get("random directions", run.key)

    def accuracy(weight: Any) -> float:
        return evaluate(network, {**tensors, name: weight}, dataset.test).accuracy or 0.0

    dense = accuracy(end)
    for kept in sorted(ranks):
        near = [start + project_randomly(end - start, kept, generator) for _ in range(draws)]
        yield {
            "rank": kept,
            "dense": dense,
            "leading": accuracy(project_update(end, start, kept)),
            "random": float(np.mean([accuracy(weight) for weight in near])),
            "residual": float(values[kept] / values[0]),
        }


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a seed and rank.

    `dense`, `leading` and `random` are test accuracies; `residual` is the spectral norm of what is
    left out, over the update's.
    """
    runs = lab.train(jobs(config, lab))
    arguments = {"layer": config.layer, "rank": config.rank, "draws": config.draws}
    measured = lab.measure(by_rank, runs, lab.data(config.data), **arguments)
    for seed in config.seeds:
        name = f"seed {seed}"
        yield from ({"seed": seed, **row, "run": runs[name].key} for row in measured[name])


def figure(table: pa.Table) -> Figure:
    """Accuracy (left) and the residual's spectral norm (right) by directions kept."""
    with style():
        drawing, axes = panels(2, height=3.1)
        left, right = axes[0]
        drawn = table.to_pylist()
        leading, random = Stroke(color=BLUE, marker="o"), Stroke(color=ORANGE, marker="s")
        mean_line(left, drawn, "rank", "leading", leading, "leading directions")
        mean_line(left, drawn, "rank", "random", random, "random directions")
        dense = np.mean(table["dense"].to_pylist())
        left.axhline(dense, color=GREY, linewidth=0.9, linestyle="--", label="the whole update")
        left.set(title="Accuracy kept", ylabel="test accuracy")
        left.legend()
        mean_line(right, drawn, "rank", "residual", leading, "leading directions")
        right.set(title="Left out", ylabel="spectral norm, of the update's")
        right.set_ylim(0, None)
        ranks = sorted({row["rank"] for row in drawn})
        for panel in (left, right):
            percent_axis(panel)
            panel.set_xscale("log", base=2)
            panel.set_xticks(ranks, [str(rank) for rank in ranks])
            panel.set_xlabel("directions kept (logarithmic axis)")
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """At the rank of the claim: accuracy kept, residual, and leading against random directions."""
    at = {row["seed"]: row for row in table.to_pylist() if row["rank"] == config.rank}
    of = [at[seed] for seed in config.seeds]
    kept = [100 * (row["leading"] - row["dense"]) for row in of]
    ahead = [100 * (row["leading"] - row["random"]) for row in of]
    residual = [row["residual"] for row in of]
    return (
        not_worse(
            "D4a",
            kept,
            margin=100 * config.lost_margin,
            comparisons=3,
            unit="points",
            says=f"{config.rank} directions of the update change the accuracy by "
            f"{np.mean(kept):+.2f} points.",
        ),
        exceeds(
            "D4b",
            residual,
            margin=config.norm_margin,
            comparisons=3,
            unit="of the update's spectral norm",
            signed=False,
            says=f"What is left out has {np.mean(residual):.0%} of the update's spectral norm.",
        ),
        exceeds(
            "D4c",
            ahead,
            comparisons=3,
            unit="points",
            says=f"The leading directions are {np.mean(ahead):+.2f} points ahead of as many "
            "random ones.",
        ),
    )
