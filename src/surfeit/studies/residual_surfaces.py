"""Does a deep residual network's loss turn chaotic without its shortcuts?

Source: Li et al. 2018 (1712.09913), sections 5 and 6, figures 1, 5 and 7: residual networks on
CIFAR-10. A network and the plain one with the same weights are pictured in the same
filter-normalised directions, at the end of the training, and where their training losses are first
equal: so that it is not their losses alone that differ. A surface is called not convex at a point
where its own two curvatures lose more than a tenth, max(0, −λ_min) / λ_max. Only points whose loss
is at most that of guessing, log(classes), count: around every basin lies a plain, flat and not
convex, which says how wide the basin is and not how rough. A plane hides what all other directions
lose.
Cost: quick 4 s, laptop about 25 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.core import check_size
from surfeit.data import Dataset, pooled
from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, exceeds
from surfeit.models import Initial, builder_named, drawn_as
from surfeit.studies._batch_norm import small
from surfeit.studies._fitting import check_ascending
from surfeit.studies._residual_surfaces import at_the_end, equally_trained
from surfeit.tables.figures.lines import STROKES
from surfeit.tables.figures.style import panels, percent_axis, style
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "Li et al. 2018, section 5"
CLAIMS = (
    Claim(
        id="G1d",
        says="Without shortcuts a larger share of a deep residual network's filter-normalised "
        "surface is not convex than with them.",
        published="test error, ResNet-56: 5.89 % with shortcuts, 13.31 % without",
        source=f"{_SOURCE}.2; table 1",
    ),
    Claim(
        id="G1e",
        says="Without shortcuts a larger share is not convex also where both networks have the "
        "same training loss.",
        source=f"{_SOURCE}.2, which compares them at the end of the training",
    ),
    Claim(
        id="G1f",
        says="Without shortcuts a larger share of a deep network's surface is not convex than of a "
        "shallow one's.",
        published="test error without shortcuts: ResNet-20 8.18 %, ResNet-56 13.31 %",
        source=f"{_SOURCE}.2; table 1",
    ),
    Claim(
        id="G1g",
        says="Without shortcuts a smaller share of a wide deep network's surface is not convex "
        "than of a narrow one's.",
        source=f"{_SOURCE}.3",
    ),
)
_COMPARISONS = len(CLAIMS)
NETWORKS = ("shallow", "deep", "deep, wide", "deep, shortcuts")
PAIR = ("deep", "deep, shortcuts")
_END, _EQUAL = "the end", "equal losses"
_PLACES = [(name, _END) for name in NETWORKS] + [(name, _EQUAL) for name in PAIR]


@dataclass(frozen=True, kw_only=True)
class Config:
    """Residual and plain networks on the images that a seed draws, and how they are pictured."""

    data: str = "cifar10"
    pool: int = 1  # pixels along a side that become one
    images: int = 45_000
    held_out: int = 10_000  # images of the validation and of the test split, at most
    shown: int = 5_000  # of the training images, those of which the pictured loss is the mean
    depths: tuple[int, ...] = (20, 56)
    widths: tuple[int, ...] = (1, 8)  # times the filters
    initial: Initial = Initial("he-normal")
    recipe: Recipe = Recipe(
        optimizer="sgd",
        lr=0.1,
        momentum=0.9,
        nesterov=True,
        weight_decay=5e-4,
        batch_size=128,
        epochs=300,
        schedule="steps",
        milestones=(52_650, 79_200, 96_750),  # epochs 150, 225 and 275 of 352 batches
    )
    points: int = 51
    planes: int = 1
    margin: float = 0.05  # of the points that count: a smaller share is no chaos
    snapshots: int = 30  # of the deep pair, evenly over the training
    seeds: tuple[int, ...] = tuple(range(5, 13))  # 0 to 4 judged another measure: docs/log.md

    def __post_init__(self) -> None:
        check_size("pool", self.pool)
        check_size("held_out", self.held_out)
        check_size("shown", self.shown)
        check_size("planes", self.planes)
        check_size("snapshots", self.snapshots)
        for name in ("depths", "widths"):
            check_ascending(name, getattr(self, name))
            if len(getattr(self, name)) != 2:
                raise ValueError(f"{name} must be two, got {getattr(self, name)}")
        if self.points < 3:
            raise ValueError(f"points must be at least 3, got {self.points}")

    def network(self, name: str) -> str:
        """What the network of this name in `NETWORKS` is called in the catalog of models."""
        depth = self.depths[1] if name.startswith("deep") else self.depths[0]
        width = self.widths[1] if "wide" in name else self.widths[0]
        return f"resnet-{depth}-k{width}" + ("" if "shortcuts" in name else "-plain")


SIZES = (
    "data",
    "pool",
    "images",
    "held_out",
    "shown",
    "depths",
    "widths",
    "recipe",
    "points",
    "planes",
    "snapshots",
    "seeds",
)
SUBSTITUTES = {
    "recipe": "a constant rate in place of three falls: the trainings of the smaller budgets end "
    "before the first of them",
}
PAPER = Config()
LAPTOP = replace(
    PAPER,
    pool=2,
    images=10_000,
    held_out=500,
    shown=400,
    depths=(14, 32),
    widths=(1, 2),
    recipe=replace(
        PAPER.recipe, lr=0.05, batch_size=64, epochs=6, schedule="constant", milestones=()
    ),
    points=11,
)
QUICK = replace(
    LAPTOP,
    data=POOL_DATA,
    pool=1,
    images=50,
    held_out=50,
    shown=30,
    depths=(8, 14),
    recipe=replace(LAPTOP.recipe, batch_size=25, epochs=1),
    points=3,
    snapshots=2,
    seeds=(0, 1, 2),
)


def data_of(config: Config, lab: Lab) -> Dataset:
    """The data set with its images made smaller."""
    return pooled(lab.data(config.data), config.pool)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each network; all of a seed share images, and a pair its initial weights."""
    whole, found = data_of(config, lab), {}
    for seed in config.seeds:
        drawn = small(whole, config.images, config.held_out, seed)
        for name in NETWORKS:
            called = config.network(name)
            # At any step of the pair their losses may be equal.
            total = config.recipe.total_steps(config.images)
            among = range(0, total, max(1, total // config.snapshots)) if name in PAIR else ()
            kept = Snapshots(every_epochs=0, at=tuple(among))
            job = lab.job(called, drawn, config.recipe, seed=seed, snapshots=kept)
            model = drawn_as(builder_named(called), config.initial)
            found[f"{name}, seed {seed}"] = replace(job, model=model, name=f"{called}, {name}")
    return found


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a network and moment: `network, seed, at`, what was measured there, and `run`."""
    trained, whole = lab.train(jobs(config, lab)), data_of(config, lab)
    runs = {
        (one, seed): trained[f"{one}, seed {seed}"] for seed in config.seeds for one in NETWORKS
    }
    how = {name: getattr(config, name) for name in ("images", "shown", "points", "planes")}
    ends = lab.measure(at_the_end, runs, whole, **how)
    pairs = {seed: tuple(runs[name, seed] for name in PAIR) for seed in config.seeds}
    equal = lab.measure(equally_trained, pairs, whole, **how)
    for (name, seed), run in runs.items():
        about = {"network": name, "seed": seed, "at": _END}
        yield {**about, **ends[name, seed][0], "run": run.key}
    for seed, found in equal.items():
        for name, row in zip(PAIR, found, strict=True):
            about = {"network": name, "seed": seed, "at": _EQUAL}
            yield {**about, **row, "run": runs[name, seed].key}


def figure(table: pa.Table) -> Figure:
    """The share that is not convex, by network; of the deep pair against the loss."""
    drawn = [row for row in table.to_pylist() if row["nonconvex"] is not None]
    with style():
        drawing, axes = panels(2, height=3.2)
        share, losses = axes[0]
        seen = {
            place: [row for row in drawn if (row["network"], row["at"]) == place]
            for place in _PLACES
        }
        for place, name in enumerate(NETWORKS):
            values = [row["nonconvex"] for row in seen[name, _END]]
            stroke = STROKES["shortcuts" in name]
            share.plot([place] * len(values), values, stroke.marker, color=stroke.color, alpha=0.5)
            if values:
                share.plot([place - 0.3, place + 0.3], [fmean(values)] * 2, color=stroke.color)
        share.set_xticks(
            range(len(NETWORKS)), ["shallow", "deep", "deep,\nwide", "deep,\nshortcuts"]
        )
        share.set(title="Surface below guessing, not convex")
        for name in PAIR:
            for at, fill in ((_END, "full"), (_EQUAL, "none")):
                stroke = STROKES["shortcuts" in name]
                losses.plot(
                    [row["loss"] for row in seen[name, at]],
                    [row["nonconvex"] for row in seen[name, at]],
                    linestyle="",
                    marker=stroke.marker,
                    fillstyle=fill,
                    color=stroke.color,
                    label=f"{name}, {at}",
                )
        losses.set(title="The deep pair", xlabel="training loss (nats)")
        losses.sharey(share)
        percent_axis(share)
        drawing.legend(*losses.get_legend_handles_labels(), loc="outside lower right", ncols=2)
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Differences of shares, paired by seed."""
    rows = {(row["network"], row["at"], row["seed"]): row for row in table.to_pylist()}

    def less(claim: str, smooth: str, at: str = _END) -> Verdict:
        """The deep plain network's share less another's."""
        pairs = [[rows[name, at, seed] for name in ("deep", smooth)] for seed in config.seeds]
        shares = [tuple(row["nonconvex"] for row in pair) for pair in pairs]
        known = [
            [row for row in one if row["nonconvex"] is not None] for one in zip(*pairs, strict=True)
        ]
        words = " and ".join(
            f"{fmean(row['nonconvex'] for row in one):.0%} at a loss of "
            f"{fmean(row['loss'] for row in one):.2g} ({one[0]['network']})"
            for one in known
            if one
        )
        return exceeds(
            claim,
            [None if None in pair else pair[0] - pair[1] for pair in shares],
            margin=config.margin,
            unit="of the points below guessing",
            comparisons=_COMPARISONS,
            says=f"The mean shares are {words}.",
        )

    return (
        less("G1d", "deep, shortcuts"),
        less("G1e", "deep, shortcuts", _EQUAL),
        less("G1f", "shallow"),
        less("G1g", "deep, wide"),
    )
