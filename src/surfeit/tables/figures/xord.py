"""XORD: who fits and who finds all patterns, where filters lie, and how outputs collapse."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.tables.figures.style import (
    BLUE,
    GREEN,
    GREY,
    VERMILLION,
    Stroke,
    panels,
    percent_axis,
    plain_axis,
    style,
    ticks_at,
)
from surfeit.tables.statistics import exact_interval

Rows = list[dict[str, Any]]

_FIT = Stroke(color=GREY, linestyle=":", marker="^")
_FINDS = {
    "wide margin": ("of these find all patterns", Stroke(color=BLUE, marker="o")),
    "hinge": (
        "the same with margin 1",
        Stroke(color=VERMILLION, linestyle="--", marker="s"),
    ),
}
_ANGLES = {
    "chance": ("random directions", Stroke(color=GREY, linestyle=":")),
    "before": ("before training", Stroke(color=VERMILLION, linestyle="--")),
    "after": ("after training", Stroke(color=BLUE)),
}


def xord_figure(table: pa.Table) -> Figure:
    """Networks by width, filters of both kinds by angle, and outputs by seed.

    Args:
        table: as of the study `xord`: `part`, `seed`, and what each part measures.
    """
    with style():
        drawing, axes = panels(2, rows=2, height=6.2)
        _widths(axes[0][0], _part(table, "xord"))
        _angles(axes[0][1], _part(table, "xord filters"), "Filters of the widest, XORD")
        _angles(axes[1][0], _part(table, "image filters"), "Filters of images")
        _collapse(axes[1][1], _part(table, "images"))
    return drawing


def _part(table: pa.Table, part: str) -> Rows:
    return [row for row in table.to_pylist() if row["part"] == part]


def _widths(axes: Axes, rows: Rows) -> None:
    """Shares with exact intervals: of all networks those that fit, of these those that find all."""
    wide = [row for row in rows if row["loss"] == "wide margin"]
    _shares(axes, wide, lambda row: row["train_error"] == 0, _FIT, "fit, with margin 8")
    for loss, (label, stroke) in _FINDS.items():
        fit = [row for row in rows if row["loss"] == loss and row["train_error"] == 0]
        known = [row for row in fit if row["missed"] is not None]
        _shares(axes, known, lambda row: row["missed"] == 0, stroke, label)
    axes.set(title="Networks by width", xlabel="filters for each output sign", xscale="log")
    axes.set_ylabel("of the networks")
    axes.set_ylim(-0.03, 1.5)  # room for the legend
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    ticks_at(axes, sorted({row["width"] for row in rows}))
    percent_axis(axes)
    axes.legend(loc="upper left")


def _shares(
    axes: Axes,
    rows: Rows,
    holds: Callable[[dict[str, Any]], bool],
    stroke: Stroke,
    label: str,
) -> None:
    widths = sorted({row["width"] for row in rows})
    found = []
    for width in widths:
        outcomes = [holds(row) for row in rows if row["width"] == width]
        found.append(exact_interval(sum(outcomes), len(outcomes)))
    values = np.array([one.estimate for one in found])
    off = [
        values - [one.lower for one in found],
        np.array([one.upper for one in found]) - values,
    ]
    axes.errorbar(
        widths, values, yerr=off, label=label, capsize=2, elinewidth=1, **stroke.options()
    )


def _angles(axes: Axes, rows: Rows, title: str) -> None:
    """Histograms of all seeds' filters, in degrees, as shares."""
    values = {name: [row[name] for row in rows if row[name] is not None] for name in _ANGLES}
    every = [value for one in values.values() for value in one] or [0.0, 1.0]
    edges = np.linspace(min(every), max(every), 25).tolist()
    for name, (label, stroke) in _ANGLES.items():
        if values[name]:
            weights = np.full(len(values[name]), 1 / len(values[name]))
            axes.hist(
                values[name],
                bins=edges,
                weights=weights,
                histtype="step",
                color=stroke.color,
                linestyle=stroke.linestyle,
                linewidth=1.6,
                label=f"{label}, mean {np.mean(values[name]):.1f}°",
            )
    axes.set(title=title, xlabel="degrees to the nearest of four centres")
    axes.set_ylabel("of the filters")
    percent_axis(axes)
    axes.set_ylim(top=1.35 * axes.get_ylim()[1])  # room for the legend
    axes.legend(loc="upper right")


def _collapse(axes: Axes, rows: Rows) -> None:
    """A line a seed, from the first epoch without a training error to the last, beside a half."""
    known = [row for row in rows if row["first"] is not None and row["last"] is not None]
    for row in known:
        pair = [row["first"], row["last"]]
        axes.plot([0, 1], pair, color=GREEN, marker="o", alpha=0.7, linewidth=1)
    if known:
        first = np.exp(np.mean(np.log([row["first"] for row in known])))
        axes.plot([0, 1], [first, first / 2], color=GREY, linestyle=":", label="a half of it left")
        axes.legend(loc="upper right")
    axes.set_xticks([0, 1], ["first epoch without\na training error", "last epoch"])
    axes.set_xlim(-0.3, 1.3)
    axes.set(title="Collapse of outputs, images", ylabel="spread within / between classes")
    _decades(axes, [value for row in known for value in (row["first"], row["last"])])


def _decades(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis from below a half of the least to above the largest."""
    if values and min(values) > 0:
        axes.set_yscale("log")
        axes.set_ylim(min(values) / 2.5, max(values) * 1.6)
        plain_axis(axes)
