"""Is a network of pruned units better for the weights it inherits, or for its shape alone?

Source: Liu et al. 2019 (1810.05270), sections 4 and 6, table 1 and figure 7.
Cost: quick 4 s, laptop about 7 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.lab import POOL_DATA, POOL_MODEL, Claim, Lab, Verdict, all_exceed
from surfeit.models import builder_named
from surfeit.procedures.tickets import TicketConfig, complete, find_tickets
from surfeit.tables import over_replicates
from surfeit.tables.figures.style import BLUE, GREEN, VERMILLION, panels, style
from surfeit.train import Recipe

_LIU = "Liu et al. 2019"
_SCRATCH = {"scratch-e": "for the same epochs", "scratch-b": "for the same computation"}

CLAIMS = (
    Claim(
        id="F4a",
        says="A network of pruned units, trained from scratch for the dense network's computation, "
        "is as good as one that was fine-tuned from the inherited weights.",
        published="VGG-16-A on CIFAR-10: Scratch-B 93.8",
        source=f"{_LIU}, table 1",
    ),
    Claim(
        id="F4b",
        says="So it is when trained from scratch for the dense network's epochs alone.",
        source=f"{_LIU}, table 1",
    ),
    Claim(
        id="F4c",
        says="Of single weights, tickets are ahead of re-initialised ones at a small rate of SGD, "
        "and a high rate closes the gap.",
        source=f"{_LIU}, section 6, figure 7",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Units by their norm, pruned once; single weights by magnitude at two rates."""

    model: str = "vgg19-bn"
    data: str = "cifar10"
    recipe: Recipe = Recipe(
        lr=0.1,
        momentum=0.9,
        batch_size=64,
        epochs=160,
        weight_decay=1e-4,
        schedule="steps",
        milestones=(56_320, 84_480),  # epochs 80 and 120 of 704 batches
    )
    levels: int = 2  # densities of units: 0.7 and 0.49
    rate: float = 0.3
    weights_kept: float = 0.2
    small_rate: float = 0.01  # of SGD, where a ticket is said to win
    high_rate: float = 0.1  # where it is said to win nothing
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    margin: float = 0.3  # points: what the paper's table calls comparable is less apart

    @property
    def structured(self) -> TicketConfig:
        """Whole units, those with the smallest norm, and what is trained in their place."""
        return TicketConfig(
            levels=self.levels,
            rate=self.rate,
            score="filter_norm",
            granularity="unit",
            schedule="one-shot",
            retrain="fine-tune",
            fine_tune_rate=self.high_rate / 100,
            controls=("scratch-e", "scratch-b"),
        )

    @property
    def single(self) -> TicketConfig:
        """Single weights, and re-initialised ones."""
        return TicketConfig(
            levels=1, rate=1 - self.weights_kept, schedule="one-shot", controls=("reinit",)
        )


SIZES = ("model", "data", "recipe", "levels", "seeds")
SUBSTITUTES = {
    "recipe": "a rate that falls on a cosine in place of two steps, which lie beyond the end of "
    "shorter trainings; fine-tuning at a hundredth of it would else be the first small rate",
}
PAPER = Config()
LAPTOP = replace(
    PAPER,
    model="lenet-300-100",
    data="fashion-mnist",
    recipe=replace(PAPER.recipe, epochs=8, schedule="cosine", milestones=()),
)
QUICK = replace(
    PAPER,
    model=POOL_MODEL,
    data=POOL_DATA,
    recipe=replace(LAPTOP.recipe, epochs=6),
    levels=1,
    seeds=(0, 1, 2),
)


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `kind, lr, seed, level, arm, density, accuracy, run`."""
    searches = [
        ("units", config.recipe, config.structured),
        ("weights", replace(config.recipe, lr=config.small_rate), config.single),
        ("weights", replace(config.recipe, lr=config.high_rate), config.single),
    ]
    for kind, recipe, search in searches:
        found = find_tickets(
            builder_named(config.model),
            lab.data(config.data),
            recipe,
            search,
            seeds=config.seeds,
            **lab.resources,
        )
        for row in complete(found).to_pylist():
            yield {
                "kind": kind,
                "lr": recipe.lr,
                "seed": row["replicate"],
                "level": row["level"],
                "arm": row["arm"],
                "density": row["density"],
                "accuracy": row["test_accuracy"],
                "run": row["run"],
            }


def figure(table: pa.Table) -> Figure:
    """Differences with intervals: from scratch against inherited, ticket against re-initialised."""
    found = _accuracies(table)
    levels = sorted({name[2] for name in found if name[0] == "units" and name[2]})
    with style():
        drawn, ((left, right),) = panels(2, height=3.2)
        (lr,) = {name[1] for name in found if name[0] == "units"}
        for arm, color, marker, shift in (
            ("scratch-e", VERMILLION, "s", -0.06),
            ("scratch-b", BLUE, "o", 0.06),
        ):
            each = [
                _less(found, ("units", lr, at, arm), ("units", lr, at, "ticket")) for at in levels
            ]
            _points(left, [at + shift for at in levels], each, color, marker, _SCRATCH[arm])
        left.set_xticks(levels, [f"{_density(table, at):.0%} kept" for at in levels])
        left.set(title="Units: from scratch", ylabel="points over fine-tuned")
        drawn.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=2)
        rates = sorted({name[1] for name in found if name[0] == "weights"})
        each = [
            _less(found, ("weights", lr, 1, "ticket"), ("weights", lr, 1, "reinit")) for lr in rates
        ]
        _points(right, list(range(len(rates))), each, GREEN, "D", "")
        right.set_xticks(range(len(rates)), [f"rate {lr:g}" for lr in rates])
        right.set(title="Weights: tickets", ylabel="points over re-initialised")
        for axes in (left, right):
            axes.axhline(0, color="black", linewidth=0.8)
            axes.margins(x=0.3)
    return drawn


def _points(
    axes: Any, places: list[float], each: list[list[float]], color: str, marker: str, label: str
) -> None:
    means = [over_replicates(values) for values in each]
    error = [mean.mean - (mean.mean if mean.lower is None else mean.lower) for mean in means]
    axes.errorbar(
        places,
        [mean.mean for mean in means],
        error,
        color=color,
        marker=marker,
        linestyle="",
        capsize=3,
        label=label,
    )


def _density(table: pa.Table, level: int) -> float:
    return fmean(
        row["density"]
        for row in table.to_pylist()
        if (row["kind"], row["level"], row["arm"]) == ("units", level, "ticket")
    )


Arm = tuple[str, float, int, str]
"""Kind, rate, level and arm of a training."""


def _accuracies(table: pa.Table) -> dict[Arm, dict[int, float]]:
    """By kind, rate, level and arm: percent by seed."""
    found: dict[Arm, dict[int, float]] = {}
    for row in table.to_pylist():
        name = row["kind"], row["lr"], row["level"], row["arm"]
        found.setdefault(name, {})[row["seed"]] = 100 * row["accuracy"]
    return found


def _less(found: dict[Arm, dict[int, float]], first: Arm, second: Arm) -> list[float]:
    return [found[first][seed] - found[second][seed] for seed in found[first]]


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """F4a to F4c, in points, paired by seed."""
    found = _accuracies(table)
    lr = config.recipe.lr

    def scratch(claim: str, arm: str) -> Verdict:
        parts = {
            f"against fine-tuned at level {at}": _less(
                found, ("units", lr, at, arm), ("units", lr, at, "ticket")
            )
            for at in range(1, config.levels + 1)
        }
        return all_exceed(claim, parts, margin=-config.margin, unit="points")

    small, high = (
        _less(found, ("weights", rate, 1, "ticket"), ("weights", rate, 1, "reinit"))
        for rate in (config.small_rate, config.high_rate)
    )
    gap = {
        f"of tickets over re-initialised at rate {config.small_rate:g}": small,
        f"more of it than at rate {config.high_rate:g}": [
            one - other for one, other in zip(small, high, strict=True)
        ],
    }
    return (
        scratch("F4a", "scratch-b"),
        scratch("F4b", "scratch-e"),
        all_exceed("F4c", gap, unit="points"),
    )
