"""Optimisers that are tuned alike: what was tried, what came of it, and rates that fall."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.tables.figures.lines import STROKES
from surfeit.tables.figures.style import GREY, Stroke, panels, plain_axis, style

Rows = list[dict[str, Any]]
Strokes = dict[str, Stroke]


def optimisers_figure(table: pa.Table, names: Sequence[str]) -> Figure:
    """Tuning and losses on least squares, rates that fall, tuning on the network.

    Args:
        table: as of the study `optimisers`.
        names: of the optimisers, at most eight.
    """
    strokes = dict(zip(names, STROKES, strict=False))
    drawn = table.to_pylist()
    parts = {
        name: [row for row in drawn if row["part"] == name]
        for name in ("tuning", "path", "schedules", "network")
    }
    with style():
        drawing, axes = panels(2, rows=2, height=6.8)
        _draw_tuning(axes[0][0], parts["tuning"], strokes, "Least squares: rates tried")
        axes[0][0].set_ylim(1e-16, 10)
        _draw_paths(axes[0][1], parts["path"], strokes)
        _draw_tuning(axes[1][0], parts["network"], strokes, "Network: rates tried")
        _draw_schedules(axes[1][1], parts["schedules"])
        handles, labels = axes[0][1].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside upper center", ncols=5, fontsize=7.5)
    return drawing


def _draw_tuning(axes: Axes, rows: Rows, strokes: Strokes, title: str) -> None:
    """Validation loss by rate: geometric means over seeds where all are finite, chosen ones big."""
    for name, stroke in strokes.items():
        own = [row for row in rows if row["optimiser"] == name]
        seeds = len({row["seed"] for row in own})
        means = {}
        for rate in sorted({row["rate"] for row in own}):
            at = [r["validation_loss"] for r in own if r["rate"] == rate and r["validation_loss"]]
            if len(at) == seeds:
                means[rate] = float(np.exp(np.mean(np.log(at))))
        axes.plot(
            list(means),
            list(means.values()),
            linewidth=1.2,
            color=stroke.color,
            linestyle=stroke.linestyle,
        )
        picked = [row for row in own if row["chosen"]]
        axes.plot(
            [row["rate"] for row in picked],
            [row["validation_loss"] for row in picked],
            linestyle="",
            marker=stroke.marker,
            markersize=4,
            alpha=0.7,
            color=stroke.color,
        )
    axes.set(xscale="log", yscale="log", xlabel="rate (markers: chosen, by seed)")
    axes.set(ylabel="validation loss", title=title)


def _draw_paths(axes: Axes, rows: Rows, strokes: Strokes) -> None:
    """The excess by step at the chosen rates, and the slopes of the closed forms."""
    for name, stroke in strokes.items():
        own = [row for row in rows if row["optimiser"] == name and row["value"]]
        places = sorted({row["place"] for row in own})
        means = [_geometric([row["value"] for row in own if row["place"] == at]) for at in places]
        axes.plot(places, means, label=name, markersize=3, **stroke.options())
        factors = [row["contraction"] for row in own if row["contraction"]]
        if factors and len(places) > 2:
            slope, half = _geometric(factors), len(places) // 2
            line = [3 * means[-1] * slope ** (at - places[-1]) for at in places[half:]]
            axes.plot(places[half:], line, color=stroke.color, linewidth=0.8, zorder=1)
    axes.set_yscale("log")
    axes.set(xlabel="step", ylabel="excess loss, of the start's")
    axes.set_title("Chosen rates (thin: exact slope)")


def _draw_schedules(axes: Axes, rows: Rows) -> None:
    """Means over runs as dots, expectations as lines, floors of constant rates."""
    words = {
        "constant": "η",
        "quarter": "η/4",
        "inverse": "η/(1 + t/τ)",
        "inverse square": "η/(1 + t/τ)²",
    }
    for stroke, (name, label) in zip(STROKES, words.items(), strict=False):
        own = [row for row in rows if row["optimiser"] == name]
        places = sorted({row["place"] for row in own})

        def means(column: str, own: Any = own, places: Any = places) -> list[float]:
            return [_geometric([r[column] for r in own if r["place"] == at]) for at in places]

        shifted = [place + 1 for place in places]
        axes.plot(
            shifted, means("exact"), color=stroke.color, linestyle=stroke.linestyle, label=label
        )
        axes.plot(
            shifted,
            means("value"),
            linestyle="",
            marker=stroke.marker,
            markersize=3.5,
            color=stroke.color,
        )
        floors = [row["floor"] for row in own if row["floor"]]
        if floors:
            axes.axhline(_geometric(floors), color=GREY, linewidth=0.8, zorder=1)
    axes.set(xscale="log", yscale="log", xlabel="step, counted from 1", ylabel="excess loss")
    axes.set_title("SGD with noise (grey: exact floors)")
    plain_axis(axes)
    axes.legend(loc="lower left", fontsize=7.5)


def _geometric(values: list[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))
