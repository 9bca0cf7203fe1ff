"""Tickets and their controls against density: accuracy at the end, and the early-stopping step."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from surfeit.tables.figures.lines import density_axis
from surfeit.tables.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    Stroke,
    panels,
    percent_axis,
    style,
)
from surfeit.tables.tables import column, where
from surfeit.tables.tickets import TICKET, arms, levels

OLIVE = "#8A7D00"  # the palette's yellow, dark enough to be seen on white
STROKES = {
    TICKET: Stroke(color=BLUE, linestyle="-", marker="o"),
    "reinit": Stroke(color=VERMILLION, linestyle="--", marker="s"),
    "random": Stroke(color=GREEN, linestyle="-.", marker="^"),
    "shuffle": Stroke(color=PURPLE, linestyle=":", marker="D"),
    "scratch-e": Stroke(color=ORANGE, linestyle=(0, (8, 2)), marker="v"),
    "scratch-b": Stroke(color=SKY, linestyle=(0, (8, 2, 1, 2, 1, 2)), marker="<"),
    "sign": Stroke(color=BLACK, linestyle=(0, (2, 2)), marker="P"),
    "constant": Stroke(color=OLIVE, linestyle=(0, (4, 1, 1, 1)), marker="X"),
    "invert": Stroke(color=GREY, linestyle=(0, (1, 3)), marker="*"),
}
OTHER = Stroke(color=ORANGE, linestyle=(0, (3, 5, 1, 5)), marker="h")
QUANTITIES = {
    "test_accuracy": ("Accuracy at the end", "test accuracy"),
    "early_stop_step": ("Early stopping", "step of the least validation loss"),
}


def figure(table: pa.Table) -> Figure:
    """Accuracy at the end and early-stopping step against density: ticket and every control.

    Lines are means over replicates, bands their 95 % Student intervals; a single replicate has no
    band. The dense network (level 0) is a thin horizontal line. Density falls from left to right
    on a logarithmic axis. Trainings without a value are left out.

    Args:
        table: one row a training: `replicate`, `level` (0 is dense), `arm` ("ticket" or a
            control's name), `density` (fraction), `test_accuracy` (fraction) and
            `early_stop_step`, null where the training failed.

    Raises:
        ValueError: if no training has a value, or as `surfeit.tables.tickets.levels`.
    """
    summaries = {name: levels(table, name) for name in QUANTITIES}
    if not any(summary.num_rows for summary in summaries.values()):
        raise ValueError("a figure of tickets needs at least one training that ended")
    replicates = len(set(table["replicate"].to_pylist()))
    with style():
        drawing, axes = panels(2, height=3.9)
        for panel, (name, (title, label)) in zip(axes[0], QUANTITIES.items(), strict=True):
            _draw(
                panel, summaries[name], arms(table), most=1.0 if name == "test_accuracy" else None
            )
            _frame(panel, summaries[name])
            panel.set(title=title, ylabel=label)
        percent_axis(axes[0][0])
        axes[0][1].yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes[0][1].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        handles, labels = _legend(axes[0])
        place = {"loc": "outside lower center", "ncols": 5, "handlelength": 3.4}
        drawing.legend(handles, labels, title=_count(replicates), **place)
    return drawing


def _count(replicates: int) -> str:
    several = f"means of {replicates} replicates with 95 % intervals"
    return "one replicate" if replicates == 1 else several


def _draw(
    axes: Axes, summary: pa.Table, names: Sequence[str], *, most: float | None = None
) -> None:
    """Means and bands; no band leaves what is possible, from 0 to the most where there is one."""
    for name in names:
        rows = where(summary, arm=name)
        stroke = STROKES.get(name, OTHER)
        density, mean, lower, upper = (
            column(rows, part) for part in ("density", "mean", "lower", "upper")
        )
        if not len(mean):
            continue
        # Where a single replicate is left there is no interval, and the band has a gap.
        lower, upper = np.maximum(lower, 0), np.minimum(upper, np.inf if most is None else most)
        axes.fill_between(density, lower, upper, color=stroke.color, alpha=0.15, linewidth=0)
        axes.plot(density, mean, label=name, markersize=3.5, **stroke.options())
    dense = where(summary, level=0, arm=TICKET)
    if dense.num_rows:
        axes.axhline(dense["mean"][0].as_py(), color=GREY, linewidth=0.9, label="dense network")


def _frame(axes: Axes, summary: pa.Table) -> None:
    """The axis of density and, upright, as much of the bands as leaves the means readable."""
    density = sorted(set(column(summary, "density")), reverse=True)
    density_axis(axes, density)
    if not density:
        return
    mean = column(summary, "mean")
    span = float(mean.max() - mean.min())
    margin = 0.05 * span or 0.01 * float(abs(mean).max()) or 1.0
    lowest = np.nanmin([*column(summary, "lower"), mean.min()])
    highest = np.nanmax([*column(summary, "upper"), mean.max()])
    # Two replicates have intervals that would press the lines flat: bands may leave the panel.
    bottom, top = max(lowest, mean.min() - span), min(highest, mean.max() + span)
    # Neither an accuracy nor a step is below zero, whatever an interval says.
    axes.set_ylim(max(bottom - margin, 0.0), top + margin)


def _legend(axes: Sequence[Axes]) -> tuple[list, list[str]]:
    """Every line once, from whichever panel has it."""
    found = {}
    for panel in axes:
        handles, labels = panel.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    return list(found.values()), list(found)
