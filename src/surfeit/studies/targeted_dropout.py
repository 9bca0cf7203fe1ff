"""Does dropping the smallest weights or units while training make a network prunable afterwards?

Source: Gomez et al. 2019 (1905.13678), sections 3 and 5, and the authors' program (ResNet-32 there;
a network of this library here).
Cost: quick 3 s, laptop about 4 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.core import evaluate
from surfeit.data import Dataset
from surfeit.lab import POOL_DATA, POOL_MODEL, POOL_RECIPE, Claim, Lab, Verdict, all_exceed
from surfeit.models import Structure
from surfeit.prune import CRITERIA, SCORES, Evidence, uniform_mask, unit_mask_from_scores
from surfeit.store import Run
from surfeit.tables import over_replicates
from surfeit.tables.figures.style import BLACK, BLUE, panels, percent_axis, style
from surfeit.train import Job, Recipe, Snapshots, report_recipe

_GOMEZ = "Gomez et al. 2019"
_KINDS = ("weight", "unit")

CLAIMS = (
    Claim(
        id="F16a",
        says="With the targeted share of the weights removed and no retraining, a network trained "
        "with targeted dropout is more accurate than one trained as usual.",
        source=f"{_GOMEZ}, section 5",
    ),
    Claim(
        id="F16b",
        says="So it is with the targeted share of the units removed.",
        source=f"{_GOMEZ}, section 5",
    ),
    Claim(
        id="F16c",
        says="Removing the targeted share costs a network trained with targeted dropout nothing.",
        source=f"{_GOMEZ}, section 5",
    ),
    Claim(
        id="F16d",
        says="Whole, it is as accurate as one trained as usual.",
        source=f"{_GOMEZ}, section 5",
    ),
)

SUBSTITUTES = {
    "recipe": "a constant rate in place of one with steps: LeNet-300-100 takes the place of "
    "VGG-19, and Heitmann 2020 trains it so"
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """One network trained as usual, and with targeted dropout of weights and of units."""

    model: str = "vgg19-bn"
    data: str = "cifar10"
    recipe: Recipe = report_recipe("vgg19-bn")
    dropout: float = 0.66  # of the authors' settings the one whose share costs a plain network
    share: float = 0.75
    kept: tuple[float, ...] = (1.0, 0.75, 0.5, 0.25, 0.1)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    margin: float = 0.5  # points: what the paper's tables round to, doubled


SIZES = ("model", "data", "recipe", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    model="lenet-300-100",
    data="mnist",
    recipe=replace(report_recipe("lenet-300-100"), steps=8_000),
)
QUICK = replace(PAPER, model=POOL_MODEL, data=POOL_DATA, recipe=POOL_RECIPE, seeds=(0, 1, 2))


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each kind of dropout and seed."""
    pool = config.recipe == POOL_RECIPE
    every = {}
    for seed in config.seeds:
        for arm in ("plain", *_KINDS):
            recipe = config.recipe
            if arm != "plain":
                recipe = replace(
                    recipe,
                    targeted_dropout=config.dropout,
                    targeted_share=config.share,
                    targeted_granularity=arm,
                )
            every[f"{arm}, seed {seed}"] = lab.job(
                config.model,
                config.data,
                recipe,
                seed=seed,
                snapshots=Snapshots(every_epochs=int(pool)),
            )
    return every


def pruned(run: Run, dataset: Dataset, *, kept: list[float]) -> Iterator[dict[str, Any]]:
    """Test accuracy with the smallest weights, or units, of each layer but the outputs removed."""
    model = run.model()
    structure = Structure.of(model, dataset.train.inputs[:1])
    evidence = Evidence(model, structure=structure)
    outputs = {part.tensor for name in structure.outputs for part in structure.layer(name).weights}
    weights = {n: s for n, s in SCORES["large_final"](evidence).items() if n not in outputs}
    units = CRITERIA["magnitude"].scores(evidence)
    for share in kept:
        masks = {
            "weight": uniform_mask(weights, share),
            "unit": unit_mask_from_scores(model, units, share, structure=structure),
        }
        for removed, mask in masks.items():
            tensors = dict(run.tensors())
            for name, keep in mask.items():
                tensors[name] = tensors[name] * keep
            accuracy = evaluate(model, tensors, dataset.test).accuracy
            yield {"removed": removed, "kept": share, "accuracy": accuracy}


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a pruned network: `trained, seed, removed, kept, accuracy, run`."""
    runs = lab.train(jobs(config, lab))
    measured = lab.measure(pruned, runs, lab.data(config.data), kept=list(config.kept))
    for name, found in measured.items():
        arm, _, seed = name.partition(", seed ")
        for row in found:
            yield {"trained": arm, "seed": int(seed), **row, "run": runs[name].key}


def figure(table: pa.Table) -> Figure:
    """Accuracy by the share that is kept, weights and units, with intervals over seeds."""
    every = table.to_pylist()
    with style():
        drawn, (axes,) = panels(2, height=3.3, sharey=True)
        for panel, kind in zip(axes, _KINDS, strict=True):
            for arm, color, dash, words in (
                ("plain", BLACK, "--", "trained as usual"),
                (kind, BLUE, "-", f"with targeted {kind} dropout"),
            ):
                mine = [row for row in every if (row["trained"], row["removed"]) == (arm, kind)]
                shares = sorted({row["kept"] for row in mine}, reverse=True)
                means = [
                    over_replicates([row["accuracy"] for row in mine if row["kept"] == share])
                    for share in shares
                ]
                error = [m.mean - (m.mean if m.lower is None else m.lower) for m in means]
                panel.errorbar(
                    [100 * (1 - share) for share in shares],
                    [mean.mean for mean in means],
                    error,
                    color=color,
                    linestyle=dash,
                    marker="o",
                    capsize=3,
                    label=words,
                )
            panel.set(title=f"{kind.capitalize()}s", xlabel=f"{kind}s removed of each layer (%)")
            percent_axis(panel)
            panel.legend(loc="lower left")
        axes[0].set_ylabel("test accuracy, no retraining")
    return drawn


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """F16a to F16d, in points, paired by seed."""
    found = {
        (row["trained"], row["removed"], row["kept"], row["seed"]): row["accuracy"]
        for row in table.to_pylist()
    }
    left = min(config.kept, key=lambda kept: abs(kept - (1 - config.share)))

    def less(first: tuple[str, str, float], second: tuple[str, str, float]) -> list[float]:
        return [100 * (found[*first, seed] - found[*second, seed]) for seed in config.seeds]

    def ahead(claim: str, kind: str) -> Verdict:
        words = f"over training as usual, {config.share:.0%} of the {kind}s removed"
        return all_exceed(
            claim, {words: less((kind, kind, left), ("plain", kind, left))}, unit="points"
        )

    costs = {
        f"by removing {config.share:.0%} of the {kind}s": less(
            (kind, kind, left), (kind, kind, 1.0)
        )
        for kind in _KINDS
    }
    whole = {
        f"by targeted {kind} dropout, nothing removed": less(
            (kind, kind, 1.0), ("plain", kind, 1.0)
        )
        for kind in _KINDS
    }
    return (
        ahead("F16a", "weight"),
        ahead("F16b", "unit"),
        all_exceed("F16c", costs, margin=-config.margin, unit="points"),
        all_exceed("F16d", whole, margin=-config.margin, unit="points"),
    )
