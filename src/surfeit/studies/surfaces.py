"""Does depth without shortcuts make the loss chaotic, and do one-dimensional pictures show norms?

Source: Li et al. 2018 (1712.09913), sections 3 to 6. Their networks are ResNets and VGG-9 on
CIFAR-10; here they are chains of fully connected blocks with batch normalisation, with and without
shortcuts over the same weights. Only signs are compared. A surface is called not convex at a point
where its own two curvatures lose more than a tenth, max(0, −λ_min) / λ_max; a plane hides what all
other directions lose.
Cost: quick 4 s, laptop 3 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, exceeds, ranks
from surfeit.studies._fitting import check_ascending, examples
from surfeit.studies._surfaces import block_chain, lined, pictured
from surfeit.tables.figures.lines import STROKES
from surfeit.tables.figures.style import panels, percent_axis, style
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "Li et al. 2018, sections 5 and 6"
CLAIMS = (
    Claim(
        id="G1a",
        says="Without shortcuts a larger share of a deep network's filter-normalised surface is "
        "not convex than with them.",
        published="test error, ResNet-56: 5.89 % with shortcuts, 13.31 % without",
        source=f"{_SOURCE}; table 1",
    ),
    Claim(
        id="G1b",
        says="Without shortcuts a larger share of a deep network's surface is not convex than of a "
        "shallow one's.",
        published="test error without shortcuts: ResNet-20 8.18 %, ResNet-56 13.31 %",
        source=f"{_SOURCE}; table 1",
    ),
    Claim(
        id="G1c",
        says="Without shortcuts a smaller share of a wide deep network's surface is not convex "
        "than of a narrow one's.",
        source=_SOURCE,
    ),
    Claim(
        id="G2a",
        says="At fixed distances weight decay makes small-batch minima look steeper beside "
        "large-batch ones than they look without it.",
        published="VGG-9, weight decay 0 and 5e-4: which of the two looks sharper is reversed",
        source="Li et al. 2018, section 3, figure 2",
    ),
    Claim(
        id="G2b",
        says="Filter-normalised pictures change less by weight decay than those at fixed "
        "distances.",
        source="Li et al. 2018, section 4, figure 3",
    ),
    Claim(
        id="G2c",
        says="At fixed distances the loss rises the more steeply, the shorter the weights are.",
        source="Li et al. 2018, section 3",
    ),
)
_COMPARISONS = len(CLAIMS)
CHAINS = ("shallow", "deep", "deep, wide", "shallow, shortcuts", "deep, shortcuts")
BATCHES = ("small", "large")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Chains of blocks whose surfaces are pictured, and two batch sizes that end in minima.

    Both parts train on the images that a seed draws. The large batch has as many epochs as the
    small one, so that weight decay has fewer steps to shrink its weights.
    """

    data: str = "fashion-mnist"
    images: int = 50_000
    shown: int = 5_000  # images of which the pictured loss is the mean
    depths: tuple[int, ...] = (20, 56)
    widths: tuple[int, ...] = (32, 128)
    chain_recipe: Recipe = Recipe(
        optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=5e-4, batch_size=128, epochs=100
    )
    points: int = 51
    planes: int = 1
    above: float = 1.0  # nats above the loss at the origin: the basin
    minima_width: int = 128
    recipe: Recipe = Recipe(optimizer="sgd", lr=0.1, momentum=0.9, epochs=100)
    batches: tuple[int, ...] = (128, 8192)
    decays: tuple[float, float] = (0.0, 5e-4)
    line_points: int = 51
    lines: int = 10
    distance: float = 5.0  # how far lines reach at fixed distances
    share: float = 0.5  # and filter-normalised, in lengths of each filter
    margin: float = 0.05  # of the inner points: a smaller share is no chaos
    orders: float = 0.05  # orders of magnitude: a tenth more or less is none
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)

    def __post_init__(self) -> None:
        for name in ("depths", "widths", "batches"):
            check_ascending(name, getattr(self, name))
            if len(getattr(self, name)) != 2:
                raise ValueError(f"{name} must be two, got {getattr(self, name)}")
        if self.batches[1] > self.images:
            raise ValueError(
                f"large batches must be at most the {self.images:,} images, got {self.batches[1]:,}"
            )
        if self.points < 3 or self.line_points < 3 or self.line_points % 2 == 0:
            raise ValueError(
                "points must be at least 3, those of lines odd, got "
                f"{self.points} and {self.line_points}"
            )
        if not 0 == self.decays[0] < self.decays[1]:
            raise ValueError(f"decays must be 0 and a number above it, got {self.decays}")

    def chain_of(self, name: str) -> tuple[int, int, bool]:
        """Depth, width and whether there are shortcuts."""
        depth = self.depths[1] if name.startswith("deep") else self.depths[0]
        width = self.widths[1] if "wide" in name else self.widths[0]
        return depth, width, "shortcuts" in name


SIZES = (
    "data",
    "images",
    "shown",
    "depths",
    "widths",
    "chain_recipe",
    "points",
    "planes",
    "minima_width",
    "recipe",
    "batches",
    "line_points",
    "lines",
    "seeds",
)
PAPER = Config()
LAPTOP = replace(
    PAPER,
    images=2_000,
    shown=500,
    depths=(8, 20),
    widths=(32, 128),
    chain_recipe=replace(PAPER.chain_recipe, batch_size=100, epochs=20),
    points=13,
    planes=2,
    minima_width=64,
    recipe=replace(PAPER.recipe, epochs=20),
    batches=(32, 500),
    line_points=11,
    lines=4,
    seeds=tuple(range(8)),
)
QUICK = replace(
    LAPTOP,
    data=POOL_DATA,
    images=200,
    shown=100,
    depths=(4, 12),
    widths=(8, 16),
    chain_recipe=replace(LAPTOP.chain_recipe, batch_size=50, epochs=3),
    points=5,
    planes=1,
    minima_width=16,
    recipe=replace(LAPTOP.recipe, epochs=5),
    batches=(20, 100),
    line_points=5,
    lines=1,
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each chain, and for each batch size and decay; all of a seed share images."""
    whole, found = lab.data(config.data), {}
    for seed in config.seeds:
        drawn = examples(whole, config.images, seed)
        for name in CHAINS:
            depth, width, shortcuts = config.chain_of(name)
            found[f"{name}, seed {seed}"] = Job(
                partial(block_chain, depth, width, shortcuts),
                drawn,
                config.chain_recipe,
                seed=seed,
                snapshots=Snapshots(every_epochs=0),
                name=f"chain of blocks {depth} x {width}, {name}",
            )
        for place, batch in enumerate(BATCHES):
            for decay in config.decays:
                recipe = replace(
                    config.recipe, batch_size=config.batches[place], weight_decay=decay
                )
                found[f"{batch} batch, decay {decay:g}, seed {seed}"] = lab.job(
                    f"mlp-{config.minima_width}-{config.minima_width}-batch",
                    drawn,
                    recipe,
                    seed=seed,
                    snapshots=Snapshots(every_epochs=0),
                )
    return found


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `chain, batch, decay, seed`, the columns of both measurements, `run`."""
    runs, whole = lab.train(jobs(config, lab)), lab.data(config.data)
    chains = {(one, seed): runs[f"{one}, seed {seed}"] for seed in config.seeds for one in CHAINS}
    minima = {
        (batch, decay, seed): runs[f"{batch} batch, decay {decay:g}, seed {seed}"]
        for seed in config.seeds
        for batch in BATCHES
        for decay in config.decays
    }
    images = {"images": config.images, "shown": config.shown}
    surfaces = lab.measure(
        pictured,
        chains,
        whole,
        **images,
        points=config.points,
        planes=config.planes,
        above=config.above,
    )
    lines = lab.measure(
        lined,
        minima,
        whole,
        **images,
        points=config.line_points,
        lines=config.lines,
        distance=config.distance,
        share=config.share,
    )
    empty = dict.fromkeys(("chain", "batch", "decay", "nonconvex", "nonconvex_below", "basin"))
    empty |= dict.fromkeys(("norm", "rise", "filter_rise"))
    for (name, seed), run in chains.items():
        yield {**empty, "chain": name, "seed": seed, **surfaces[name, seed][0], "run": run.key}
    for (batch, decay, seed), run in minima.items():
        about = {"batch": batch, "decay": decay, "seed": seed}
        yield {**empty, **about, **lines[batch, decay, seed][0], "run": run.key}


def figure(table: pa.Table) -> Figure:
    """The share that is not convex by chain; rises by norm, at fixed distances and normalised."""
    drawn = table.to_pylist()
    with style():
        drawing, axes = panels(3, height=3.2)
        share, fixed, filtered = axes[0]
        for place, name in enumerate(CHAINS):
            values = [row["nonconvex"] for row in drawn if row["chain"] == name]
            stroke = STROKES[1 if "shortcuts" in name else 0]
            share.plot([place] * len(values), values, stroke.marker, color=stroke.color, alpha=0.5)
            share.plot([place - 0.3, place + 0.3], [fmean(values)] * 2, color=stroke.color)
        share.set_xticks(
            range(len(CHAINS)),
            ["shallow", "deep", "deep,\nwide", "shallow,\nshortcuts", "deep,\nshortcuts"],
            rotation=60,
        )
        share.set(title="Surface not convex")
        percent_axis(share)
        for panel, name in ((fixed, "rise"), (filtered, "filter_rise")):
            for place, (batch, decayed) in enumerate(
                [(batch, decayed) for batch in BATCHES for decayed in (False, True)]
            ):
                rows = [
                    row
                    for row in drawn
                    if row["batch"] == batch and bool(row["decay"]) == decayed and row[name]
                ]
                panel.plot(
                    [row["norm"] for row in rows],
                    [row[name] for row in rows],
                    linestyle="",
                    marker=STROKES[place].marker,
                    color=STROKES[place].color,
                    label=f"{batch} batch{', decay' if decayed else ''}",
                )
            panel.set(xlabel="length of the weights", ylabel="log₁₀ of the rise")
        filtered.sharey(fixed)
        fixed.set(title="Lines, fixed distances")
        filtered.set(title="Filter-normalised")
        drawing.legend(*fixed.get_legend_handles_labels(), loc="outside lower right", ncols=2)
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """G1 as differences of shares, G2 as differences of orders of magnitude, paired by seed."""
    rows = table.to_pylist()
    share = {(row["chain"], row["seed"]): row["nonconvex"] for row in rows if row["chain"]}
    minima = {(row["batch"], row["decay"], row["seed"]): row for row in rows if row["batch"]}

    def less(claim: str, rough: str, smooth: str) -> Verdict:
        values = [_less(share[rough, seed], share[smooth, seed]) for seed in config.seeds]
        return exceeds(
            claim,
            values,
            margin=config.margin,
            unit="of the inner points",
            comparisons=_COMPARISONS,
            says=f"The mean share is {_mean(share, rough)} of the {rough} chain, "
            f"{_mean(share, smooth)} of the {smooth} one.",
        )

    turned = {
        name: [_turned(minima, name, seed, config.decays) for seed in config.seeds]
        for name in ("rise", "filter_rise")
    }
    calmer = [
        None if fixed is None or filtered is None else abs(fixed) - abs(filtered)
        for fixed, filtered in zip(turned["rise"], turned["filter_rise"], strict=True)
    ]
    judged: dict[str, Any] = {
        "margin": config.orders,
        "unit": "orders of magnitude",
        "comparisons": _COMPARISONS,
    }
    conditions = [(batch, decay) for batch in BATCHES for decay in config.decays]
    norms, rises = (
        # None, a rise that is missing, becomes NaN.
        np.array([[minima[*one, seed][name] for one in conditions] for seed in config.seeds], float)
        for name in ("norm", "rise")
    )
    return (
        less("G1a", "deep", "deep, shortcuts"),
        less("G1b", "deep", "shallow"),
        less("G1c", "deep", "deep, wide"),
        exceeds("G2a", turned["rise"], **judged, says=_norms(minima, config.decays)),
        exceeds("G2b", calmer, **judged),
        ranks("G2c", norms, rises, falls=True, comparisons=_COMPARISONS),
    )


def _less(rough: float | None, smooth: float | None) -> float | None:
    return None if rough is None or smooth is None else rough - smooth


def _turned(
    minima: dict[tuple[str, float, int], dict[str, Any]],
    name: str,
    seed: int,
    decays: tuple[float, float],
) -> float | None:
    """By how much weight decay raises the small batch's rise above the large one's."""
    without, with_decay = (
        _less(*(minima[batch, decay, seed][name] for batch in BATCHES)) for decay in decays
    )
    return _less(with_decay, without)


def _mean(share: dict[tuple[str, int], float | None], name: str) -> str:
    known = [one for (chain, _), one in share.items() if chain == name and one is not None]
    return f"{fmean(known):.0%}" if known else "unknown"


def _norms(
    minima: dict[tuple[str, float, int], dict[str, Any]], decays: tuple[float, float]
) -> str:
    def norm(batch: str, decay: float) -> str:
        values = [row["norm"] for key, row in minima.items() if key[:2] == (batch, decay)]
        return f"{fmean(values):.3g}"

    small, large = ([norm(batch, decay) for decay in decays] for batch in BATCHES)
    return (
        f"Weight decay takes the mean length of the weights from {small[0]} to {small[1]} with "
        f"small batches, from {large[0]} to {large[1]} with large ones."
    )
