"""Does the share of negative eigenvalues grow with the loss, and does descent leave saddles?

Source: Dauphin et al. 2014 (1406.2572), figure 1; Baldi and Hornik 1989. Their networks are larger,
with cross-entropy; here it is the squared error, which has minima.
Cost: quick 4 s, laptop 2 min (two cores; seven on busy ones).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.core import check_positive, check_size, squared_error
from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, equals, exceeds, succeeds
from surfeit.studies._fitting import check_ascending, examples
from surfeit.studies._saddles import critical, linear, shallow
from surfeit.tables import rank_correlation
from surfeit.tables.figures.lines import STROKES
from surfeit.tables.figures.style import BLACK, GREY, panels, percent_axis, style
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "Dauphin et al. 2014"
CLAIMS = (
    Claim(
        id="G15a",
        says="At the critical points of a two-layer linear network the Hessian's eigenvalues are "
        "those of the closed form, and the share of negative ones grows with the loss.",
        source=f"Baldi and Hornik 1989; {_SOURCE}",
    ),
    Claim(
        id="G15b",
        says="At points of small gradient of a tanh network, found from its training by Newton's "
        "method, the share of negative eigenvalues grows with the loss.",
        source=_SOURCE,
    ),
    Claim(
        id="G15c",
        says="Gradient descent leaves saddles: the steps grow as ln(1/ε) / ln(1 + η |λ|) with the "
        "distance ε at which it starts, λ the smallest eigenvalue.",
        source=_SOURCE,
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}


@dataclass(frozen=True, kw_only=True)
class Config:
    """A linear network on drawn data with all of its critical points; a tanh network on images.

    Images are averaged to 4 x 4 pixels, and the network is small: the Hessian is dense.
    """

    data: str = "mnist"
    images: int = 100  # a seed
    hidden: int = 5  # tanh units
    recipe: Recipe = Recipe(lr=0.05, batch_size=5, steps=1_000)
    steps: tuple[int, ...] = (10, 30, 100, 300)  # snapshots besides the first and the last
    noises: tuple[float, ...] = (0.0, 0.1, 0.2)  # added to a snapshot's weights
    iterations: int = 40  # of Newton's method
    inputs: int = 6  # of the linear network
    linear_hidden: int = 4
    outputs: int = 5
    noise: float = 0.3
    examples: int = 50
    distances: tuple[float, ...] = (1e-3, 1e-4, 1e-5, 1e-6)  # ε
    seeds: tuple[int, ...] = tuple(range(8))
    rounding: float = 1e-9  # of the largest eigenvalue
    small: float = 1e-3  # of the gradient's length at the initial weights
    margin: float = 0.5  # rank correlation
    slope_margin: float = 0.05

    def __post_init__(self) -> None:
        check_ascending("steps", self.steps, fewest=1)
        for name in ("images", "hidden", "iterations", "inputs", "linear_hidden", "outputs"):
            check_size(name, getattr(self, name))
        check_positive("small", self.small)
        if self.examples < self.inputs:
            raise ValueError(
                f"examples must be at least the {self.inputs} inputs, got {self.examples}"
            )
        if not self.noises or any(one < 0 for one in self.noises):
            raise ValueError(f"noises must be one or more of at least 0, got {self.noises}")
        falling = sorted({*self.distances}, reverse=True)
        if len(falling) < 2 or list(self.distances) != falling or falling[-1] <= 0:
            raise ValueError(
                f"distances must be two or more that fall to above 0, got {self.distances}"
            )


SIZES = (
    *("data", "images", "hidden", "recipe", "steps", "noises", "iterations"),
    *("inputs", "linear_hidden", "outputs", "distances", "seeds"),
)
PAPER = Config()
LAPTOP = PAPER
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    images=30,
    hidden=2,
    recipe=replace(PAPER.recipe, steps=300),
    steps=(30,),
    noises=(0.0, 0.1),
    iterations=12,
    inputs=4,
    linear_hidden=2,
    outputs=3,
    distances=(1e-3, 1e-5),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training of the tanh network for each seed, on images of its own."""
    whole = lab.data(config.data)
    found = {}
    for seed in config.seeds:
        data = examples(whole, config.images, seed)
        job = lab.job(
            f"mlp-{config.hidden}",
            data,
            config.recipe,
            seed=seed,
            objective=squared_error,
            snapshots=Snapshots(every_epochs=0, at=config.steps),
        )
        network = shallow(data.train.inputs, config.hidden, seed)
        found[f"seed {seed}"] = replace(job, model=network, name=f"tanh-{config.hidden}")
    return found


_COLUMNS = ("exact", "off", "gradient", "small", "slope", "left")


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a point: `part` (linear, network), `kind`, `seed`, `loss`, `share`, `run`.

    The `share` is that of negative eigenvalues; `small` whether the gradient is so. What else only
    some points have `_saddles.linear` and `_saddles.critical` say.
    """
    of = {seed: {"seed": seed} for seed in config.seeds}
    drawn = lab.compute(
        linear,
        of,
        inputs=config.inputs,
        hidden=config.linear_hidden,
        outputs=config.outputs,
        noise=config.noise,
        count=config.examples,
        distances=config.distances,
    )
    runs = lab.train(jobs(config, lab))
    found = lab.measure(
        critical,
        runs,
        lab.data(config.data),
        images=config.images,
        noises=config.noises,
        iterations=config.iterations,
        distances=config.distances,
    )
    for seed in config.seeds:
        empty = {"seed": seed, "kind": "", "run": "", **dict.fromkeys(_COLUMNS)}
        for row in drawn[seed]:
            yield {"part": "linear", **empty} | row
        run = runs[f"seed {seed}"]
        for row in found[f"seed {seed}"]:
            small = row["gradient"] <= config.small
            yield {"part": "network", **empty, "run": run.key, "small": small} | row


def figure(table: pa.Table) -> Figure:
    """The share of negative eigenvalues by the loss in both networks, and the escapes' slopes."""
    drawn = table.to_pylist()
    part = {name: [r for r in drawn if r["part"] == name] for name in ("linear", "network")}
    with style():
        drawing, ((left, middle, right),) = panels(3, height=3.2)
        _draw_linear(left, part["linear"])
        _draw_network(middle, [row for row in part["network"] if row["kind"] == "found"])
        _draw_escapes(right, drawn)
    return drawing


def _draw_linear(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """A seed's loss, of its largest: seeds draw targets of other sizes."""
    largest = {
        row["seed"]: max(r["loss"] for r in rows if r["seed"] == row["seed"]) for row in rows
    }
    losses = [row["loss"] / largest[row["seed"]] for row in rows]
    axes.plot(
        losses,
        [row["share"] for row in rows],
        linestyle="",
        marker="o",
        alpha=0.5,
        color=STROKES[0].color,
        label="measured",
    )
    axes.plot(
        losses,
        [row["exact"] for row in rows],
        linestyle="",
        marker="_",
        markersize=7,
        color=BLACK,
        label="closed form",
    )
    axes.set(title="Linear network", xlabel="loss, of the largest", ylim=(-0.02, 0.6))
    axes.set_ylabel("negative eigenvalues")
    percent_axis(axes)
    axes.legend(loc="upper left")


def _draw_network(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Hollow where the gradient is not small enough to be judged."""
    for stroke, seed in zip(STROKES, sorted({row["seed"] for row in rows}), strict=False):
        for small in (True, False):
            own = [row for row in rows if (row["seed"], row["small"]) == (seed, small)]
            axes.plot(
                [row["loss"] for row in own],
                [row["share"] for row in own],
                linestyle="",
                marker=stroke.marker,
                alpha=0.6,
                markersize=3.5,
                color=stroke.color,
                fillstyle="full" if small else "none",
            )
    axes.set(title="tanh network", xlabel="loss (a colour a seed)", ylim=(-0.02, 0.6))
    percent_axis(axes)


def _draw_escapes(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Slopes by the share of negative eigenvalues: linear saddles and the tanh network's origin."""
    for stroke, (part, label) in zip(
        STROKES, (("linear", "linear"), ("network", "tanh, origin")), strict=False
    ):
        own = [row for row in rows if row["part"] == part and row["slope"] is not None]
        axes.plot(
            [row["share"] for row in own],
            [row["slope"] for row in own],
            linestyle="",
            marker=stroke.marker,
            alpha=0.6,
            color=stroke.color,
            label=label,
        )
    axes.axhline(1, color=GREY, zorder=1)
    known = [row["slope"] for row in rows if row["slope"] is not None]
    far = 1.3 * max(0.05, *(abs(slope - 1) for slope in known))
    axes.set(title="Leaving saddles", xlabel="negative eigenvalues", ylim=(1 - far, 1 + 1.5 * far))
    axes.set_ylabel("steps over ln(1/ε) / ln(1 + η|λ|)")
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.legend(loc="upper right")


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """G15a and G15b by each seed's rank correlation, G15c by its mean slope."""
    rows = table.to_pylist()
    of = {
        (part, seed): [row for row in rows if (row["part"], row["seed"]) == (part, seed)]
        for part in ("linear", "network")
        for seed in config.seeds
    }
    return _linear(of, config), _found(of, config), _escapes(of, config)


_Rows = dict[tuple[str, int], list[dict[str, Any]]]


def _correlation(rows: list[dict[str, Any]]) -> float | None:
    """Spearman's, of loss and share; None of fewer than five points, or of equal shares."""
    losses, shares = ([row[name] for row in rows] for name in ("loss", "share"))
    if len(rows) < 5 or len({*shares}) < 2:
        return None
    return rank_correlation(losses, shares, draws=1).estimate


def _linear(of: _Rows, config: Config) -> Verdict:
    own = [of["linear", seed] for seed in config.seeds]
    off = [max(row["off"] for row in some) for some in own]
    correlations = [_correlation(some) for some in own]
    return all_of(
        "G15a",
        succeeds(
            "the closed form",
            [one < config.rounding for one in off],
            rate=0.5,
            unit="of seeds",
            **_JUDGED,
        ),
        exceeds(
            "rank correlation",
            correlations,
            margin=config.margin,
            unit="rank correlation",
            **_JUDGED,
        ),
        says=f"At {sum(map(len, own))} critical points eigenvalues are off the closed form by "
        f"{max(off):.0e} of the largest at most. {_said(correlations)}",
        **_JUDGED,
    )


def _found(of: _Rows, config: Config) -> Verdict:
    points = [
        [row for row in of["network", seed] if row["kind"] == "found"] for seed in config.seeds
    ]
    small = [[row for row in some if row["small"]] for some in points]
    correlations = [_correlation(some) for some in small]
    return exceeds(
        "G15b",
        correlations,
        margin=config.margin,
        unit="rank correlation",
        says=f"Of {sum(map(len, points))} points {sum(map(len, small))} have a gradient below "
        f"{config.small:g} of that at the initial weights. {_said(correlations)}",
        **_JUDGED,
    )


def _said(correlations: list[float | None]) -> str:
    known = [one for one in correlations if one is not None]
    if not known:
        return "No seed has a rank correlation."
    return (
        "The rank correlation of the share with the loss is "
        f"{min(known):.2f} to {max(known):.2f}, {fmean(known):.2f} on average."
    )


def _escapes(of: _Rows, config: Config) -> Verdict:
    """A seed's mean over the linear network's saddles, and its tanh network's origin."""
    slopes, left = {}, []
    for part in ("linear", "network"):
        saddles = [[r for r in of[part, seed] if r["left"] is not None] for seed in config.seeds]
        slopes[part] = [
            None if any(row["slope"] is None for row in some) else fmean(r["slope"] for r in some)
            for some in saddles
        ]
        left.append([all(row["left"] == 1 for row in some) for some in saddles])
    leaves = [all(both) for both in zip(*left, strict=True)]
    words = {
        part: f"{np.mean([one for one in some if one is not None] or [np.nan]):.3f}"
        for part, some in slopes.items()
    }
    return all_of(
        "G15c",
        succeeds("leaves", leaves, rate=0.5, unit="of seeds", **_JUDGED),
        *(
            equals(
                f"slope, {part}",
                [None if one is None else one - 1 for one in some],
                margin=config.slope_margin,
                unit="of the slope",
                **_JUDGED,
            )
            for part, some in slopes.items()
        ),
        says=f"Descent leaves every saddle in {sum(leaves)} of {len(leaves)} seeds; with ln(1/ε) "
        f"steps grow {words['linear']} (linear) and {words['network']} (tanh) times as fast as the "
        "smallest eigenvalue says.",
        **_JUDGED,
    )
