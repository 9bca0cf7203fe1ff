"""What does training go on improving once no training example is misclassified?

Source: Goodfellow, Bengio and Courville 2016, section 8.1.2, for the claims; Soudry et al. 2018
(1710.10345) for separable examples. Networks and data are our choice. Descent on separable examples
is followed to 10¹² by its limit of small rates, the flow, which takes no longer than 10³ of it.
Cost: quick 2 s, laptop 20 s (two cores).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, equals, exceeds, not_worse
from surfeit.studies._fitting import check_ascending, examples
from surfeit.studies._surrogate import margins_of, separated
from surfeit.tables.figures.lines import mean_line
from surfeit.tables.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    VERMILLION,
    Stroke,
    error_axis,
    panels,
    style,
)
from surfeit.train import Job, Recipe, Snapshots

_SLIDES = "Goodfellow et al. 2016, 8.1.2"
_SOUDRY = "Soudry et al. 2018"
CLAIMS = (
    Claim(
        id="G21a",
        says="After the first epoch that leaves no training image misclassified, cross-entropy "
        "goes on lowering the test error.",
        source=_SLIDES,
    ),
    Claim(
        id="G21b",
        says="Meanwhile the training images' margins go on rising, the median and that of the 5 % "
        "worst, also over the product of the weights' lengths.",
        source=_SLIDES,
    ),
    Claim(
        id="G21c",
        says="The network of the epoch with the least validation error has no higher test error "
        "than the last one, within half a point.",
        source=_SLIDES,
    ),
    Claim(
        id="G21d",
        says="On separable examples the weights grow as log t: their length by 1/γ for each unit, "
        "with γ the widest margin, within 5 %.",
        published="w(t) = ŵ log t + ρ(t), ρ bounded, ŵ the hard-margin solution",
        source=_SOUDRY,
    ),
    Claim(
        id="G21e",
        says="Their direction goes on turning to that of the widest margin: from t = 10⁴ to 10¹² "
        "the angle falls by more than a quarter.",
        published="the angle falls as 1 / log t",
        source=_SOUDRY,
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}
_DECADES = (1.0, 10.0, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12)


@dataclass(frozen=True, kw_only=True)
class Config:
    """A two-layer network trained long after it fits, and the logistic loss on separable examples.

    A seed draws the images, the initial weights and the separable examples.
    """

    data: str = "mnist"
    images: int = 10_000
    model: str = "mlp-256"
    recipe: Recipe = Recipe(lr=0.02, momentum=0.9, batch_size=50, epochs=200)
    epochs: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 63, 80, 100)
    count: int = 40  # separable examples
    features: int = 5
    gap: float = 0.5  # added to their distance from a plane
    times: tuple[float, ...] = _DECADES
    steps: tuple[int, ...] = (1, 10, 100, 1_000, 10_000)  # of gradient descent
    fitted: tuple[float, float] = (1e8, 1e12)  # between which the slope is fitted
    turned: tuple[float, float] = (1e4, 1e12)  # at which angles are compared
    seeds: tuple[int, ...] = tuple(range(8))
    margin: float = 0.5  # points of test error, of G21c
    slope_margin: float = 0.05  # of 1/γ
    turn_margin: float = 0.25  # of the angle

    def __post_init__(self) -> None:
        check_ascending("epochs", self.epochs)
        if self.recipe.epochs is None or self.epochs[-1] > self.recipe.epochs:
            raise ValueError(
                "the recipe must have epochs, at least the last of those that are measured, "
                f"{self.epochs[-1]}, got {self.recipe.epochs}"
            )
        check_ascending("steps", self.steps, fewest=1)
        if list(self.times) != sorted(set(self.times)) or not self.times or self.times[0] <= 0:
            raise ValueError(f"times must be above 0 and ascending, got {self.times}")
        for name in ("fitted", "turned"):
            pair = getattr(self, name)
            if not set(pair) <= set(self.times) or not pair[0] < pair[1]:
                raise ValueError(f"{name} must be two of the times, ascending, got {pair}")


SIZES = ("data", "images", "model", "recipe", "epochs", "steps", "seeds")
PAPER = Config()
LAPTOP = replace(PAPER, images=1_000, model="mlp-128", recipe=replace(PAPER.recipe, epochs=100))
QUICK = replace(
    LAPTOP,
    data=POOL_DATA,
    images=300,
    model="mlp-32",
    recipe=replace(PAPER.recipe, lr=0.1, epochs=40),
    epochs=(1, 2, 5, 10, 20, 40),
    steps=(1, 10, 100, 1_000),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each seed, on images of its own."""
    whole, found = lab.data(config.data), {}
    for seed in config.seeds:
        data = examples(whole, config.images, seed)
        each = config.recipe.steps_per_epoch(len(data.train))
        kept = Snapshots(every_epochs=0, at=tuple(each * epoch for epoch in config.epochs))
        found[f"seed {seed}"] = lab.job(
            config.model, data, config.recipe, seed=seed, snapshots=kept
        )
    return found


_COLUMNS = (
    *("train_error", "test_error", "test_loss", "validation_error", "margin_low", "margin"),
    *("chosen", "norm", "angle", "run"),
)


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """A row a measured epoch of a network, a time of the flow, a step of descent.

    `part` is `network`, `flow` or `descent`, `place` the epoch or the time; `chosen` tells the
    epoch of the least validation error. Columns that a part lacks are None.
    """
    runs = lab.train(jobs(config, lab))
    images = {"images": config.images}
    measured = lab.measure(margins_of, runs, lab.data(config.data), **images)
    drawn = lab.compute(
        separated,
        {seed: {"seed": seed} for seed in config.seeds},
        count=config.count,
        features=config.features,
        gap=config.gap,
        times=list(config.times),
        steps=list(config.steps),
    )
    empty = dict.fromkeys(_COLUMNS)
    for seed in config.seeds:
        name = f"seed {seed}"
        best = lab.choose(measured[name], by="validation_error", largest=False)["place"]
        for row in measured[name]:
            told = {**row, "chosen": row["place"] == best, "run": runs[name].key}
            yield {"part": "network", "seed": seed, **empty, **told}
        for row in drawn[seed]:
            yield {"seed": seed, **empty, **row}


def figure(table: pa.Table) -> Figure:
    """Errors and margins by epoch; length and angle of the weights on separable examples."""
    networks = _part(table, "network")
    with style():
        drawing, ((errors, spreads), (lengths, angles)) = panels(2, rows=2, height=6.0)
        _draw_errors(errors, networks)
        _draw_margins(spreads, networks)
        _draw_length(lengths, table)
        _draw_angle(angles, table)
    return drawing


_ERRORS = {
    "test_error": ("test images", Stroke(color=BLUE, marker="o")),
    "validation_error": ("validation images", Stroke(color=GREEN, linestyle="-.", marker="^")),
    "train_error": ("training images", Stroke(color=ORANGE, linestyle="--", marker="s")),
}


def _draw_errors(axes: Axes, rows: list[dict[str, Any]]) -> None:
    for name, (label, stroke) in _ERRORS.items():
        mean_line(axes, rows, "place", name, stroke, label, bands=False)
    _epochs(axes, rows, "misclassified")
    error_axis(axes, np.array([row[name] for row in rows for name in _ERRORS]))
    axes.set_title("Errors of a network")
    axes.legend(loc="center right")


def _draw_margins(axes: Axes, rows: list[dict[str, Any]]) -> None:
    median, low = Stroke(color=BLUE, marker="o"), Stroke(color=VERMILLION, marker="s")
    mean_line(axes, rows, "place", "margin", median, "median", bands=False)
    mean_line(axes, rows, "place", "margin_low", low, "exceeded by 95 %", bands=False)
    _epochs(axes, rows, "margin over product of norms")
    axes.axhline(0, color=BLACK, linewidth=0.8)
    axes.set_title("Margins of its training images")
    axes.legend(loc="lower right")


def _epochs(axes: Axes, rows: list[dict[str, Any]], label: str) -> None:
    """A logarithmic axis of epochs, and where the first and last seed have fitted."""
    fits = [place for place in first_fits(rows).values() if place is not None]
    if fits:
        axes.axvspan(min(fits), max(fits), color="#e6e6e6", zorder=0, label="fits, by seed")
    axes.set(xscale="log", xlabel="epoch", ylabel=label)


def _draw_length(axes: Axes, table: pa.Table) -> None:
    """The norm times γ: a line a seed, and the slope of the claim."""
    _by_seed(axes, table, "norm")
    times = sorted({row["place"] for row in _part(table, "flow")})
    last = fmean(row["norm"] for row in _part(table, "flow") if row["place"] == times[-1])
    limit = [last + math.log(time / times[-1]) for time in times]
    axes.plot(times, limit, color=BLACK, linestyle="--", label="slope 1/γ a unit of log t")
    axes.set(xscale="log", xlabel="time t (rate x steps)", ylabel="length of w, times γ")
    axes.set(ylim=(0, None), title="Weights on separable examples")
    axes.legend(loc="upper left")


def _draw_angle(axes: Axes, table: pa.Table) -> None:
    _by_seed(axes, table, "angle")
    axes.set(xscale="log", yscale="linear", xlabel="time t (rate x steps)")
    axes.set(ylabel="degrees", ylim=(0, None))
    axes.set_title("Angle to the widest margin")
    axes.legend(loc="upper right")


def _by_seed(axes: Axes, table: pa.Table, name: str) -> None:
    """The flow as a line a seed, descent as dots."""
    flow, descent = _part(table, "flow"), _part(table, "descent")
    for at, seed in enumerate(sorted({row["seed"] for row in flow})):
        for part, color, line, marker, words in (
            (flow, BLUE, "-", "", "flow"),
            (descent, ORANGE, "", "o", "gradient descent"),
        ):
            own = [row for row in part if row["seed"] == seed]
            axes.plot(
                [row["place"] for row in own],
                [row[name] for row in own],
                color=color,
                linestyle=line,
                marker=marker,
                linewidth=1.2,
                markersize=3,
                alpha=0.6,
                label=words if at == 0 else None,
            )


def _part(table: pa.Table, part: str) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if row["part"] == part]


def first_fits(rows: list[dict[str, Any]]) -> dict[int, float | None]:
    """By seed the first measured epoch without a misclassified training image, None if none is.

    It is chosen on training errors alone.
    """
    return {
        seed: min(
            (row["place"] for row in rows if row["seed"] == seed and row["train_error"] == 0),
            default=None,
        )
        for seed in sorted({row["seed"] for row in rows})
    }


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """G21a to G21c paired by seed; G21d by a least-squares slope a seed, G21e by its two angles."""
    return (*_of_networks(table, config), _slope(table, config), _turn(table, config))


def _of_networks(table: pa.Table, config: Config) -> tuple[Verdict, Verdict, Verdict]:
    networks = _part(table, "network")
    fits, last = first_fits(networks), max(row["place"] for row in networks)
    at = {(row["seed"], row["place"]): row for row in networks}

    def changes(name: str) -> list[float | None]:
        """From the first fit to the end; None where a seed does not fit before."""
        found = ((seed, fits.get(seed)) for seed in config.seeds)
        return [
            None if place is None or place == last else at[seed, last][name] - at[seed, place][name]
            for seed, place in found
        ]

    fell = [None if one is None else -100 * one for one in changes("test_error")]
    stopped = {row["seed"]: row for row in networks if row["chosen"]}
    gained = [
        100 * (at[seed, last]["test_error"] - stopped[seed]["test_error"]) for seed in config.seeds
    ]
    ended = 100 * fmean(at[seed, last]["test_error"] for seed in config.seeds)
    known = [place for place in fits.values() if place is not None]
    return (
        exceeds(
            "G21a",
            fell,
            unit="points",
            says=_fell(known, changes("test_error"), ended),
            **_JUDGED,
        ),
        all_of(
            "G21b",
            *(
                exceeds(label, changes(name), unit="of the norms' product", **_JUDGED)
                for name, label in (("margin", "median"), ("margin_low", "the 5 % worst"))
            ),
            **_JUDGED,
        ),
        not_worse(
            "G21c",
            gained,
            margin=config.margin,
            unit="points",
            says="Validation error is least after epoch "
            f"{min(row['place'] for row in stopped.values()):g} to "
            f"{max(row['place'] for row in stopped.values()):g} of {last:g}; test error is "
            f"{100 * fmean(row['test_error'] for row in stopped.values()):.2f} % there and "
            f"{ended:.2f} % at the end.",
            **_JUDGED,
        ),
    )


def _fell(fits: list[float], changes: list[float | None], ended: float) -> str:
    if not fits or None in changes:
        return ""
    before = ended - 100 * fmean(one for one in changes if one is not None)
    return (
        f"The first measured epoch without a wrong training image is {min(fits):g} to "
        f"{max(fits):g}; test error then falls from {before:.2f} to {ended:.2f} %."
    )


def _slope(table: pa.Table, config: Config) -> Verdict:
    """The slope of the length times γ over log t, less 1."""
    low, high = config.fitted
    off = []
    for seed in config.seeds:
        flow = [
            (math.log(row["place"]), row["norm"])
            for row in _part(table, "flow")
            if row["seed"] == seed and low <= row["place"] <= high
        ]
        times, norms = zip(*flow, strict=True)
        off.append(float(np.polyfit(times, norms, 1)[0]) - 1)
    return equals(
        "G21d",
        off,
        margin=config.slope_margin,
        unit="of 1/γ",
        says=f"Between t = {low:.0e} and {high:.0e} the fitted slope is {1 + fmean(off):.3f} times "
        "1/γ.",
        **_JUDGED,
    )


def _turn(table: pa.Table, config: Config) -> Verdict:
    """By which share the angle falls."""
    at = {(row["seed"], row["place"]): row["angle"] for row in _part(table, "flow")}
    first, last = config.turned
    pairs = [(at[seed, first], at[seed, last]) for seed in config.seeds]
    return exceeds(
        "G21e",
        [1 - end / start for start, end in pairs],
        margin=config.turn_margin,
        unit="of the angle",
        says=f"The mean angle is {fmean(start for start, _ in pairs):.2f}° at t = {first:.0e} and "
        f"{fmean(end for _, end in pairs):.2f}° at {last:.0e}.",
        **_JUDGED,
    )
