"""Are a layer's eigenvalues those of noise before training, and what does training make of them?

Source: Heitmann 2020, section 3.3; the law, Marchenko and Pastur 1967.
Cost: quick 3 s, laptop about 20 min (two cores), of which 18 are the weight graph's trainings.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from torch import Tensor

from surfeit.core import Streams
from surfeit.lab import (
    POOL_DATA,
    POOL_MODEL,
    POOL_RECIPE,
    Claim,
    Lab,
    Verdict,
    equals,
    exceeds,
    succeeds,
)
from surfeit.models import Structure, builder_named
from surfeit.spectra import eigenvalues, fit_marchenko_pastur
from surfeit.store import Run
from surfeit.tables.figures.style import BLACK, BLUE, ORANGE, panels, style
from surfeit.tables.tables import where
from surfeit.train import Job, Recipe, report_recipe

CLAIMS = (
    Claim(
        id="D1a",
        says="At initialisation the eigenvalues follow the law of Marchenko and Pastur.",
        published="Conv-2's fc1, Q = 64: from 0.25 to 0.42, 0.75 to 1.26 in units of n σ²",
        source="Heitmann 2020, section 3.3",
    ),
    Claim(
        id="D1b",
        says="The variance of that law is the one that the weights were drawn with.",
        source="Heitmann 2020, section 3.3",
    ),
    Claim(
        id="D1c",
        says="Training leaves a few eigenvalues that are large beside the edge of the noise.",
        published="Conv-2's fc1: up to 54, where the edge was at 0.42",
        source="Heitmann 2020, section 3.3",
    ),
    Claim(
        id="D1d",
        says="Training leaves a heap of eigenvalues near 0, beside the largest.",
        published="Conv-2's fc1, in a histogram up to 54",
        source="Heitmann 2020, section 3.3",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """One layer of a network that is trained as the report did it.

    Eigenvalues of W Wᵀ are given in units of n σ², with n inputs and σ² the mean square of the
    initial weights: how the network was drawn then makes no difference. The published edges, 0.25
    and 0.42, are those of the variance 1/(3n), PyTorch's default; ours is Glorot's.
    """

    data: str = "cifar10"
    model: str = "conv-2"
    layer: str = "fc1"
    recipe: Recipe = report_recipe("conv-2")
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    draws: int = 400  # untrained networks; so many tell a rate of 1 % from one of 5 %
    rejected_margin: float = 0.05  # of the draws; the test itself rejects at most 1 % of noise
    variance_margin: float = 0.02  # a fraction; edges would move by as much
    edge_margin: float = 10.0  # times the noise's upper edge
    near: float = 0.1  # of the largest eigenvalue: what is below is near 0
    heap_margin: float = 0.25  # of the eigenvalues, more than before training


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


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row an untrained network, and one an eigenvalue of each network before and after.

    `stage` ("drawn", "start" or "end"), `seed`, `fits`, `variance` (the fitted one over σ²),
    `spikes`, `upper` (the fitted edge), and `number`, `eigenvalue`, which a drawn one has not.
    """
    yield from _drawn(config, lab)
    runs = lab.train(jobs(config, lab))
    measured = lab.measure(spectrum, runs, layer=config.layer)
    for seed in config.seeds:
        name = f"seed {seed}"
        yield from ({"seed": seed, **row, "run": runs[name].key} for row in measured[name])


def _drawn(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    data, build = lab.data(config.data), builder_named(config.model)
    for seed in range(config.draws):
        generator = Streams(seed).get("drawn")
        network = build(input_shape=data.input_shape, classes=data.outputs, generator=generator)
        weight = Structure.of(network).layer(config.layer).matrix(network)
        _, row = _fitted(weight, float(weight.double().square().mean()))
        unmeasured = {"number": None, "eigenvalue": None, "run": None}
        yield {"seed": seed, "stage": "drawn", **row, **unmeasured}


def spectrum(run: Run, layer: str) -> Iterator[dict[str, Any]]:
    """A layer's eigenvalues at the start and at the end, falling, and the law fitted to each."""
    structure = Structure.of(run.model())
    first, last = (structure.layer(layer).matrix(run.model(step)) for step in (0, None))
    variance = float(first.double().square().mean())
    for stage, weight in (("start", first), ("end", last)):
        values, row = _fitted(weight, variance)
        for number, value in enumerate(values[: min(weight.shape)].tolist()):
            yield {"stage": stage, **row, "number": number, "eigenvalue": value}


def _fitted(weight: Tensor, variance: float) -> tuple[Tensor, dict[str, Any]]:
    """The eigenvalues over n σ², and what the law fitted to them says."""
    values = eigenvalues(weight) / (weight.shape[1] * variance)
    fit = fit_marchenko_pastur(values, weight.shape)
    relative = fit.variance * weight.shape[1]
    columns = {"fits": fit.fits, "variance": relative, "spikes": fit.spike_count}
    return values, columns | {"upper": fit.upper}


def figure(table: pa.Table) -> Figure:
    """All eigenvalues in falling order, before and after training, a line a seed."""
    with style():
        drawing, axes = panels(1, height=3.3)
        (panel,) = axes[0]
        for stage, color, label in (
            ("start", BLUE, "at initialisation"),
            ("end", ORANGE, "after training"),
        ):
            for seed, values in _spectra(table, stage).items():
                first = seed == min(_spectra(table, stage))
                number = np.arange(1, len(values) + 1)
                panel.plot(number, values, color=color, label=label if first else None)
        edge = where(table, stage="start")["upper"][0].as_py()
        least = min(values[-1] for values in _spectra(table, "end").values())
        panel.axhline(edge, color=BLACK, linewidth=0.9, linestyle="--", label="edge of the noise")
        panel.set(
            yscale="log",
            ylim=(max(edge * 1e-3, least / 2), None),
            xlabel="eigenvalue of W Wᵀ, from the largest",
            ylabel="its size, in n σ² (logarithmic axis)",
        )
        panel.legend()
    return drawing


def _spectra(table: pa.Table, stage: str) -> dict[int, np.ndarray]:
    """Each seed's eigenvalues, falling."""
    rows_of = where(table, stage=stage).to_pylist()
    return {
        seed: np.sort([row["eigenvalue"] for row in rows_of if row["seed"] == seed])[::-1]
        for seed in sorted({row["seed"] for row in rows_of})
    }


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """The law's rate of rejection and variance over draws; largest and heap over trainings."""
    drawn = where(table, stage="drawn").to_pylist()
    start, end = _spectra(table, "start"), _spectra(table, "end")
    edges = {row["seed"]: row["upper"] for row in where(table, stage="start").to_pylist()}
    spikes = {row["seed"]: row["spikes"] for row in where(table, stage="end").to_pylist()}
    variances = [row["variance"] - 1 for row in drawn]
    largest = [end[seed][0] / edges[seed] for seed in config.seeds]
    heaps = [_near(end[s], config.near) - _near(start[s], config.near) for s in config.seeds]
    return (
        succeeds(
            "D1a",
            [row["fits"] for row in drawn],
            rate=1 - config.rejected_margin,
            comparisons=4,
            unit="of the networks",
            says=f"The law fits {sum(row['fits'] for row in drawn)} of {len(drawn)} untrained "
            "networks, by a test that rejects 1 % of noise.",
        ),
        equals(
            "D1b",
            variances,
            margin=config.variance_margin,
            comparisons=4,
            unit="of the variance",
            says=f"The fitted variance is off by {np.mean(variances):+.2%} on average.",
        ),
        exceeds(
            "D1c",
            largest,
            margin=config.edge_margin,
            comparisons=4,
            unit="times the edge",
            signed=False,
            says=f"The largest eigenvalue is {np.mean(largest):.3g} times the noise's edge; "
            f"{np.mean(list(spikes.values())):.3g} of {len(end[config.seeds[0]])} are above noise.",
        ),
        exceeds(
            "D1d",
            heaps,
            margin=config.heap_margin,
            comparisons=4,
            unit="of the eigenvalues",
            says=f"{np.mean(heaps):+.0%} of the eigenvalues came below {config.near:g} of the "
            "largest.",
        ),
    )


def _near(values: np.ndarray, near: float) -> float:
    return float((values < near * values[0]).mean())
