"""The error on the line between two trainings that part at one step, and the barrier there."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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

STROKES = (
    Stroke(color=VERMILLION, linestyle="-", marker="o"),
    Stroke(color=ORANGE, linestyle="--", marker="s"),
    Stroke(color=GREEN, linestyle="-.", marker="^"),
    Stroke(color=BLUE, linestyle=(0, (6, 2)), marker="D"),
    Stroke(color=PURPLE, linestyle=":", marker="v"),
    Stroke(color=SKY, linestyle=(0, (3, 1, 1, 1, 1, 1)), marker="P"),
)
SPLITS = {
    "test": Stroke(color=BLACK, linestyle="-", marker="o"),
    "train": Stroke(color=SKY, linestyle="--", marker="s"),
}


def figure(
    lines: pa.Table, barriers: pa.Table, *, split: str = "test", threshold: float | None = None
) -> Figure:
    """Error along the lines (left, one line a step) and the barrier against the step (right).

    On the left replicates are averaged at each point and the highest barrier of these means is
    marked: where replicates are worst at different points it is lower than the mean of their own.
    On the right every replicate is a point and the line their mean. What a training that failed
    left out is not drawn.

    Args:
        lines: one row a point: `replicate`, `step`, `split`, `t`, `error` (fraction).
        barriers: one row a line: `replicate`, `step`, `split`, `barrier` (fraction).
        split: whose lines are drawn on the left, "test" or "train".
        threshold: the barrier (fraction) below which a training is called stable; drawn if given.

    Raises:
        ValueError: if the split has no measured line.
    """
    rows = where(lines, split=split)
    known = rows.filter(rows["error"].is_valid())
    if known.num_rows == 0:
        raise ValueError(f"a line figure needs at least one measured line on the {split} split")
    steps = sorted(set(known["step"].to_pylist()))
    with style():
        drawing, axes = panels(2, height=3.3)
        left, right = axes[0]
        _lines(left, known, _spaced(steps, len(STROKES)))
        left.set(title="Error along the line", xlabel="t (0: one end, 1: the other)")
        left.set_ylabel(f"{split} error")
        left.set_ylim(bottom=0)
        _barriers(right, barriers, threshold)
        right.set(
            title="Barrier", xlabel="step at which the trainings part", ylabel="error barrier"
        )
        for panel in (left, right):
            percent_axis(panel)
        left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)
        right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)
    return drawing


def _lines(axes: Axes, rows: pa.Table, steps: Sequence[int]) -> None:
    curves = {step: _mean_curve(where(rows, step=step)) for step in steps}
    for (step, (t, error)), stroke in zip(curves.items(), STROKES, strict=False):
        every = max(1, len(t) // 8)
        axes.plot(t, error, label=f"step {step:,}", markevery=every, **stroke.options())
    highest = max(curves.values(), key=lambda curve: _barrier(curve[1]))
    if _barrier(highest[1]) > 0:
        _mark(axes, *highest)


def _mean_curve(rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """The mean error over replicates at each t."""
    t, error = column(rows, "t"), column(rows, "error")
    points = np.unique(t)
    return points, np.array([error[t == point].mean() for point in points])


def _barrier(error: np.ndarray) -> float:
    return float(error.max() - (error[0] + error[-1]) / 2)


def _mark(axes: Axes, t: np.ndarray, error: np.ndarray) -> None:
    """An arrow from the mean of the ends to the worst point."""
    place, ends = float(t[error.argmax()]), float((error[0] + error[-1]) / 2)
    axes.plot([0, 1], [ends, ends], color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
    arrow = {"arrowstyle": "<->", "color": BLACK, "linewidth": 1.0, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (place, float(error.max())), xytext=(place, ends), arrowprops=arrow)
    axes.annotate(
        f"{100 * _barrier(error):.2g} points",
        (place, (float(error.max()) + ends) / 2),
        xytext=(5, 0),
        textcoords="offset points",
        fontsize=8.5,
        va="center",
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
    )


def _barriers(axes: Axes, barriers: pa.Table, threshold: float | None) -> None:
    known = barriers.filter(barriers["barrier"].is_valid())
    steps = sorted(set(known["step"].to_pylist()))
    places = {step: place for place, step in enumerate(steps)}
    for shift, (split, stroke) in zip((-0.06, 0.06), SPLITS.items(), strict=True):
        rows = where(known, split=split)
        if rows.num_rows == 0:
            continue
        at = np.array([places[step] for step in rows["step"].to_pylist()])
        values = column(rows, "barrier")
        means = [values[at == place].mean() for place in np.unique(at)]
        axes.plot([], [], label=split, **stroke.options())  # the legend's: dash and marker
        axes.plot(np.unique(at), means, **replace(stroke, marker="").options())
        points = replace(stroke, linestyle="").options()
        axes.plot(at + shift, values, markersize=4, **points)
    if threshold is not None:
        words = f"stable below {100 * threshold:g} %"
        axes.axhline(threshold, color=GREY, linewidth=0.9, linestyle=(0, (6, 3)), label=words)
    # Steps lie far apart, from 0 to thousands: each has the same room.
    axes.set_xticks(range(len(steps)), [f"{step:,}" for step in steps])
    axes.set_xlim(-0.4, len(steps) - 0.6)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))


def _spaced(steps: Sequence[int], most: int) -> list[int]:
    """All steps, or as many as there are strokes, from the first to the last."""
    if len(steps) <= most:
        return list(steps)
    return [steps[round(place * (len(steps) - 1) / (most - 1))] for place in range(most)]
