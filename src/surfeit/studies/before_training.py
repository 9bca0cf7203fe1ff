"""How much is lost when the mask is chosen before training, and not after it?

Source: Lee et al. 2019 (SNIP, 1810.02340), table 1; Wang et al. 2020 (GraSP, 2002.07376);
Tanaka et al. 2020 (SynFlow, 2006.05467); Frankle et al. 2021 (2009.08576), figure 1.
Cost: quick 6 s, laptop 15 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from surfeit.execute import Derived
from surfeit.lab import (
    POOL_DATA,
    POOL_MODEL,
    POOL_TICKET_RECIPE,
    Claim,
    Lab,
    Verdict,
    agrees,
    all_of,
    exceeds,
    not_judged,
)
from surfeit.models import builder_named
from surfeit.procedures.tickets import TicketConfig, complete, find_tickets
from surfeit.prune import Evidence, at_step, synflow_mask
from surfeit.store import Run
from surfeit.tables.figures.lines import density_axis, mean_lines
from surfeit.tables.figures.style import GREY, panels, style
from surfeit.tables.pairs import paired
from surfeit.tables.tables import column, where
from surfeit.train import Job, Pruning, Recipe, Snapshots

EARLY = ("snip", "grasp", "synflow")
PUBLISHED = {("dense", 1.0): 1.7, ("snip", 0.05): 1.6, ("snip", 0.02): 2.4}
"""% error of LeNet-300-100 on MNIST, by method and density: Lee et al. 2019, table 1."""
CLAIMS = (
    Claim(
        id="F12a",
        says="LeNet-300-100 keeps its accuracy under SNIP's mask at 5 % density: 1.6 % error.",
        published="SNIP, LeNet-300-100 on MNIST, error: dense 1.7 %, 5 % density 1.6 %, 2 % "
        "density 2.4 %",
        source="Lee et al. 2019, table 1",
        figure=1.6,
    ),
    Claim(
        id="F12b",
        says="Masks by SNIP, GraSP and SynFlow before training are better than random ones.",
        source="Frankle et al. 2021, figure 1",
    ),
    Claim(
        id="F12c",
        says="Masks by magnitude after training are better than all of them.",
        source="Frankle et al. 2021, figure 1",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """A training for each method, density and seed; magnitude prunes in rounds, from level to
    level, and rewinds to the initial weights."""

    data: str = "mnist"
    model: str = "lenet-300-100"
    recipe: Recipe = Recipe(  # the paper's for MNIST: batches of 100, decayed every 25,000 steps
        lr=0.1,
        momentum=0.9,
        weight_decay=5e-4,
        batch_size=100,
        steps=250_000,
        schedule="steps",
        milestones=tuple(range(25_000, 250_000, 25_000)),
    )
    densities: tuple[float, ...] = (0.2, 0.05, 0.02)
    images: int = 100  # that SNIP and GraSP look at: the paper's one batch
    rounds: int = 5
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    margin: float = 0.1
    """Points of test accuracy: ten of MNIST's 10,000 images; by choice, no gain if less."""
    tolerance: float = 0.6
    """Points of error: a wider interval of prediction tells nothing of SNIP's."""


SIZES = ("data", "model", "recipe", "densities", "rounds", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    recipe=replace(PAPER.recipe, steps=10_000, milestones=(4_000, 7_000, 9_000)),
    seeds=(0, 1, 2),
)
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    model=POOL_MODEL,
    recipe=POOL_TICKET_RECIPE,
    densities=(0.2, 0.05),
    rounds=3,
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job | Derived]:
    """The dense trainings and those under a mask that was chosen before them."""
    keep = Snapshots(every_epochs=0)
    found: dict[str, Job | Derived] = {}
    for seed in config.seeds:
        dense = lab.job(config.model, config.data, config.recipe, seed=seed, snapshots=keep)
        found[_name("dense", 1.0, seed)] = dense
        for density in config.densities:
            flow = partial(under_synflow, base=dense, density=density)
            found[_name("synflow", density, seed)] = Derived(derive=flow, parents=())
            for method in ("snip", "grasp", "random"):
                pruning = Pruning(moments=at_step(0, density), score=method, images=config.images)
                found[_name(method, density, seed)] = replace(dense, pruning=pruning)
    return found


def under_synflow(*, base: Job, density: float) -> Job:
    """The training under SynFlow's mask of the untrained network, in a hundred rounds."""
    evidence = Evidence(base.network, split=base.dataset.train, structure=base.structure)
    return replace(base, mask=synflow_mask(evidence, density))


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `method, density, seed, test_accuracy`; `error, published` in percent."""
    trained = lab.train(jobs(config, lab))
    same = (config.data, config.model) == (PAPER.data, PAPER.model)
    for method in ("dense", *EARLY, "random"):
        for density in (1.0,) if method == "dense" else config.densities:
            for seed in config.seeds:
                row = _row(method, density, seed, trained[_name(method, density, seed)])
                yield row | {"published": PUBLISHED.get((method, density)) if same else None}
    for density in config.densities:
        search = TicketConfig(
            levels=config.rounds,
            rate=1 - density ** (1 / config.rounds),
            allocation="global",
            controls=(),
        )
        table = find_tickets(
            builder_named(config.model),
            lab.data(config.data),
            config.recipe,
            search,
            seeds=config.seeds,
            **lab.resources,
        )
        for row in where(complete(table), level=config.rounds).to_pylist():
            run = lab.store.find(row["run"])
            yield _row("magnitude after", density, row["replicate"], run) | {"published": None}


def figure(table: pa.Table) -> Figure:
    """Test error against density, a line a method; the dense network at 100 %."""
    with style():
        drawing, axes = panels(1, height=3.8)
        panel = axes[0][0]
        mean_lines(panel, table, x="density", y="error", by="method", bands=False)
        density_axis(panel, table["density"].to_pylist())
        published = {(row["density"], row.get("published")) for row in table.to_pylist()}
        points = sorted(point for point in published if point[1] is not None)
        if points:
            label = "Lee et al. 2019: dense, SNIP"
            panel.plot(*zip(*points, strict=True), "D", color=GREY, mfc="none", label=label)
        panel.set(title="When the mask is chosen", ylabel="test error (%)", yscale="log")
        panel.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        for axis_of in (panel.yaxis.set_major_formatter, panel.yaxis.set_minor_formatter):
            axis_of(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.legend(ncols=2)
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """F12a against the published figure; F12b and F12c paired by seed and density."""
    how = {"quantity": "test_accuracy", "on": ["density"], "scale": 100}
    random, after = (where(table, method=name) for name in ("random", "magnitude after"))
    early = [where(table, method=name) for name in EARLY]
    better = [paired(one, random, **how) for one in early]
    worse = [paired(after, one, **how) for one in early]
    return (
        _as_published(table, config),
        _each("F12b", better, "Masks of {} less random ones", config),
        _each("F12c", worse, "Magnitude after training less {}", config),
    )


def _each(claim: str, gains: list[list[float]], words: str, config: Config) -> Verdict:
    """The weakest of the three early methods decides."""
    points = {"unit": "points", "margin": config.margin, "comparisons": 2 * len(EARLY)}
    parts = []
    for name, values in zip(EARLY, gains, strict=True):
        says = f"{words.format(name)}: {fmean(values):+.2f} points of test accuracy."
        parts.append(exceeds(name, values, says=says, **points))
    return all_of(claim, *parts)


def _as_published(table: pa.Table, config: Config) -> Verdict:
    """SNIP's error at 5 % density against the published one, where it is of the same setting."""
    if (config.data, config.model) != (PAPER.data, PAPER.model):
        return not_judged("F12a", f"{config.model} on {config.data} is not what was published")
    snip = column(where(table, method="snip", density=0.05), "error")
    says = f"SNIP's masks of 5 % density end at {snip.mean():.2f} % error; published are 1.6 %."
    return agrees("F12a", snip, 1.6, tolerance=config.tolerance, unit="% error", says=says)


def _name(method: str, density: float, seed: int) -> str:
    return f"{method} {density:g}, seed {seed}"


def _row(method: str, density: float, seed: int, run: Run) -> dict[str, Any]:
    accuracy = run.metrics().to_pylist()[-1]["test_accuracy"]
    found = {"method": method, "density": density, "seed": seed, "test_accuracy": accuracy}
    return {**found, "error": 100 * (1 - accuracy), "run": run.key}
