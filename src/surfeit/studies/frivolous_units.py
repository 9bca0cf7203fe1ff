"""Do units that nobody needs become commoner, the wider the layer?

Source: Casper et al. 2021 (1912.04783), and what its authors' program computes, of AlexNet, ResNet
and Inception, and of networks on synthetic data. Networks and how they are trained are our choice:
those of the study `width`, whose trainings it shares.
Cost: quick 6 s, laptop about 3 min (two cores).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, exceeds, not_judged, ranks
from surfeit.studies import width as by_width
from surfeit.studies._fitting import check_ascending, wrong
from surfeit.studies._frivolous_units import SIXTHS, frivolous
from surfeit.tables.figures.lines import mean_line
from surfeit.tables.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    VERMILLION,
    Stroke,
    panels,
    percent_axis,
    style,
    ticks_at,
)
from surfeit.train import Job, Recipe

_SOURCE = "Casper et al. 2021"
CLAIMS = (
    Claim(
        id="E5a",
        says="The share of a hidden layer's units that can go for a point of accuracy grows with "
        "its width, by more than a tenth of the units.",
        source=_SOURCE,
    ),
    Claim(
        id="E5b",
        says="The wider the layer, the more answers stay as they are when a share of its units is "
        "knocked out at random: more than a twentieth more, in the mean over shares.",
        source=_SOURCE,
    ),
    Claim(
        id="E5c",
        says="The share of directions that a layer's outputs do without, holding 95 % or 80 % of "
        "their variance, grows with its width, by more than a tenth beyond shuffled outputs.",
        source=_SOURCE,
    ),
    Claim(
        id="E5d",
        says="The share of units whose outputs others explain to 95 % by a linear combination "
        "grows with the width, by more than a tenth beyond shuffled outputs.",
        source=_SOURCE,
    ),
    Claim(
        id="E5e",
        says="The share of units with another whose outputs are correlated, |r| >= 0.5, grows "
        "with the width, by more than a tenth beyond shuffled outputs.",
        source=_SOURCE,
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Two-layer ReLU networks of several widths, all trained alike and until they fit.

    Margins are the least growth, from the narrowest that fits all training images to the widest.
    """

    data: str = by_width.PAPER.data
    images: int = by_width.PAPER.images  # training images
    widths: tuple[int, ...] = by_width.PAPER.widths
    recipe: Recipe = by_width.PAPER.recipe
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    orders: int = 3  # in which units are knocked out, drawn for each seed
    loss: float = 0.01  # of accuracy, that units which can go may cost
    correlated: float = 0.5  # |r|, published
    explained: float = 0.95  # adjusted R² of a unit that is a combination of others
    margin: float = 0.1  # of the units, or of directions
    answers_margin: float = 0.05  # of the answers, in the mean over knock-outs

    def __post_init__(self) -> None:
        check_ascending("widths", self.widths)
        if type(self.orders) is not int or self.orders < 1:
            raise ValueError(f"orders must be a whole number of at least 1, got {self.orders!r}")
        for name in ("loss", "correlated", "explained"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must be in (0, 1), got {getattr(self, name)}")


SIZES = ("data", "images", "widths", "recipe", "seeds", "orders")
PAPER = Config()
LAPTOP = replace(PAPER, images=by_width.LAPTOP.images, widths=(16, 32, 64, 128, 256, 512))
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    images=by_width.QUICK.images,
    widths=by_width.QUICK.widths[1:],
    recipe=by_width.QUICK.recipe,
    seeds=(0, 1, 2),
    orders=2,
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each width and seed: those of the study `width`."""
    return by_width.jobs(_of_width(config), lab)


def _of_width(config: Config) -> by_width.Config:
    names = ("data", "images", "widths", "recipe", "seeds")
    return by_width.Config(**{name: getattr(config, name) for name in names})


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training and state of its hidden layer: what `frivolous` found, and the errors."""
    runs, data = lab.train(jobs(config, lab)), lab.data(config.data)
    errors = lab.measure(wrong, runs, data, images=config.images)
    names = ("orders", "loss", "correlated", "explained")
    found = lab.measure(frivolous, runs, data, **{name: getattr(config, name) for name in names})
    for width in config.widths:
        for seed in config.seeds:
            name = by_width.name_of(width, seed)
            about = {"width": width, "seed": seed, **errors[name][0]}
            yield from ({**about, **row, "run": runs[name].key} for row in found[name])


Row = dict[str, Any]


def _of_live(name: str) -> Callable[[Row], float | None]:
    return lambda row: row[name] / row["live"] if row["live"] else None


def _robustness(row: Row) -> float | None:
    kept = [row[f"same_{sixth}"] for sixth in SIXTHS]
    return None if None in kept else float(np.mean(kept))


def _going(name: str) -> Callable[[Row], float | None]:
    return lambda row: None if row[name] is None else row[name] / row["width"]


def _directions(name: str) -> Callable[[Row], float | None]:
    return lambda row: 1 - row[name] / row["live"] if row["live"] else None


def _others(row: Row) -> float | None:
    return row["others"] / (row["live"] - 1) if row["live"] > 1 else None


SHARES: dict[str, Callable[[Row], float | None]] = {
    "robustness": _robustness,
    "can_go": _going("can_go"),
    "can_go_random": _going("can_go_random"),
    "redundant_95": _directions("components_95"),
    "redundant_80": _directions("components_80"),
    "combined": _of_live("combined"),
    "explained": lambda row: row["explained"],
    "partnered": _of_live("partnered"),
    "others": _others,
    "selectivity": lambda row: row["selectivity"],
}
"""What is drawn and judged: of live units, but for units that can go, which are of all."""

_PANELS = {
    "robustness": "Answers that stay",
    "can_go": "Units that can go",
    "selectivity": "Class selectivity",
    "redundant_95": "Directions beyond 95 %",
    "redundant_80": "Directions beyond 80 %",
    "partnered": "Correlated with another",
    "others": "Others correlated with one",
    "combined": "Units that others explain",
    "explained": "Variance others explain",
}
_STATES = {
    "trained": ("after training", Stroke(color=BLUE, marker="o")),
    "start": ("before training", Stroke(color=ORANGE, linestyle="--", marker="s")),
    "shuffled": ("images shuffled within units", Stroke(color=GREY, linestyle=":", marker="^")),
}
_RANDOM = ("random order", Stroke(color=VERMILLION, linestyle="-.", marker="D"))


def figure(table: pa.Table) -> Figure:
    """Every measure by width, after training, before it, and of shuffled outputs."""
    rows = table.to_pylist()
    shares = [
        {"width": row["width"], "state": row["state"]}
        | {name: share(row) for name, share in SHARES.items()}
        for row in rows
    ]
    least, widths = by_width.narrowest(table), sorted({row["width"] for row in rows})
    with style():
        drawing, grid = panels(3, rows=3, height=7.0)
        for axes, (name, title) in zip(grid.flat, _PANELS.items(), strict=False):
            for state, (label, stroke) in _STATES.items():
                of_state = [row for row in shares if row["state"] == state]
                mean_line(axes, of_state, "width", name, stroke, label, bands=False)
            if name == "can_go":
                trained = [row for row in shares if row["state"] == "trained"]
                mean_line(
                    axes, trained, "width", "can_go_random", _RANDOM[1], _RANDOM[0], bands=False
                )
            _by_width(axes, title, widths, least)
        for axes in grid[2]:
            axes.set_xlabel("hidden units (logarithmic)")
        labels = grid.flat[1].get_legend_handles_labels()
        drawing.legend(*labels, ncols=3, loc="outside lower center")
    return drawing


def _by_width(axes: Axes, title: str, widths: list[int], least: int | None) -> None:
    if least is not None:
        axes.axvline(least, color=GREY, linewidth=0.8, zorder=1, label="narrowest that fits all")
    axes.set_title(title, fontsize=8.5)
    axes.set(xscale="log", ylim=(-0.04, 1.04))
    ticks_at(axes, widths[:: 2 if len(widths) > 4 else 1], say=lambda width: f"{width:,.0f}")
    percent_axis(axes)


class _Seen:
    """Shares from the narrowest width that fits on: [seeds, widths] by state and name."""

    def __init__(self, table: pa.Table, config: Config, least: int) -> None:
        self.widths = [width for width in config.widths if width >= least]
        self._seeds = config.seeds
        self._rows = {(r["seed"], r["width"], r["state"]): r for r in table.to_pylist()}

    def values(self, name: str, state: str = "trained") -> np.ndarray:
        """float64, [seeds, widths]; NaN where nothing was measured."""
        rows = [[self._rows[seed, at, state] for at in self.widths] for seed in self._seeds]
        return np.array([[SHARES[name](row) for row in of] for of in rows], dtype=np.float64)

    def beyond(self, name: str) -> np.ndarray:
        """How far trained outputs are above shuffled ones."""
        return self.values(name) - self.values(name, "shuffled")

    def ends(self, name: str, state: str = "trained") -> str:
        """Means at the narrowest and at the widest, in percent."""
        first, *_, last = self.values(name, state).mean(axis=0)
        return f"{first:.1%} to {last:.1%}".replace("%", " %")

    def span(self) -> str:
        """The widths, in words."""
        return f"From {self.widths[0]:,} to {self.widths[-1]:,} units"


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Each claim by whether a share rises with width, and by how much, paired by seed."""
    least = by_width.narrowest(table)
    if least is None or least == config.widths[-1]:
        doubt = "there is no width below the largest from which on all networks fit"
        return tuple(not_judged(claim.id, doubt) for claim in CLAIMS)
    seen, margin = _Seen(table, config, least), config.margin
    return (
        _grows(
            "E5a",
            seen,
            {"units that can go": seen.values("can_go")},
            margin=margin,
            unit="of the units",
            says=f"{seen.span()} {seen.ends('can_go')} of them can go for a point of accuracy, in "
            f"random order {seen.ends('can_go_random')}.",
        ),
        _grows(
            "E5b",
            seen,
            {"same answers": seen.values("robustness")},
            margin=config.answers_margin,
            unit="of the answers",
            says=f"{seen.span()} {seen.ends('robustness')} of the answers stay as they are, in the "
            "mean over all shares that are knocked out; before training "
            f"{seen.ends('robustness', 'start')}.",
        ),
        _grows(
            "E5c",
            seen,
            {f"{name} %": seen.beyond(f"redundant_{name}") for name in (95, 80)},
            margin=margin,
            unit="of the directions",
            says=f"{seen.span()} 95 % of the variance does without {seen.ends('redundant_95')} of "
            f"the directions (shuffled {seen.ends('redundant_95', 'shuffled')}), 80 % without "
            f"{seen.ends('redundant_80')} (shuffled {seen.ends('redundant_80', 'shuffled')}).",
        ),
        _grows(
            "E5d",
            seen,
            {"combinations": seen.beyond("combined")},
            margin=margin,
            unit="of the units",
            says=f"{seen.span()} others explain {seen.ends('combined')} of the units to at least "
            f"{100 * config.explained:g} %, and in the mean {seen.ends('explained')} of a unit's "
            f"variance; before training {seen.ends('explained', 'start')}.",
        ),
        _grows(
            "E5e",
            seen,
            {"correlated others": seen.beyond("partnered")},
            margin=margin,
            unit="of the units",
            says=f"{seen.span()} {seen.ends('partnered')} of the units have a correlated other; "
            f"before training {seen.ends('partnered', 'start')}.",
        ),
    )


def _grows(
    claim: str,
    seen: _Seen,
    shares: dict[str, np.ndarray],
    *,
    margin: float,
    unit: str,
    says: str,
) -> Verdict:
    """Whether each share rises with width within seeds, and from end to end beyond a margin."""
    parts = []
    for name, values in shares.items():
        gained = values[:, -1] - values[:, 0]
        parts += [
            exceeds(f"{name}: growth", gained, margin=margin, unit=unit, **_JUDGED),
            ranks(f"{name}: order", seen.widths, values, **_JUDGED),
        ]
    known = all(np.isfinite(values).all() for values in shares.values())
    return all_of(claim, *parts, says=says if known else "", **_JUDGED)
