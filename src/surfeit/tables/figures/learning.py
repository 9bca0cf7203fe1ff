"""Error, or R², and loss against the epoch, for every split that was measured."""

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.tables.figures.style import (
    BLACK,
    BLUE,
    ORANGE,
    WIDTH,
    Stroke,
    error_axis,
    loss_axis,
    panels,
    style,
)
from surfeit.tables.tables import column

STROKES = {
    "train": Stroke(color=BLUE, linestyle="-", marker="o"),
    "validation": Stroke(color=ORANGE, linestyle="--", marker="s"),
    "test": Stroke(color=BLACK, linestyle=":", marker="^"),
}

# What is drawn beside the loss, and how low: R² has no bottom, and begins far below what matters.
_LEFT = ("accuracy", "r2")
_LEAST_R2 = -1.0
_LOSSES = {
    "cross_entropy": "cross-entropy (nats)",
    "binary_cross_entropy": "binary cross-entropy (nats)",
    "squared_error": "squared error",
    "hinge": "hinge loss",
}


def figure(table: pa.Table, *, objective: str = "cross_entropy", judged: str = "images") -> Figure:
    """The learning curve: error or R² on the left, loss on the right; of losses alone the loss.

    The error, 1 − accuracy, has a logarithmic axis: the difference of 97 and 98 % is in sight.

    Args:
        table: one row a measurement: `epoch` or, where there is none, `step`, and for each split
            `SPLIT_accuracy` or `SPLIT_r2` (fractions) and `SPLIT_loss`, null where not measured.
        objective: the name of what is minimised.
        judged: what an accuracy is a fraction of.

    Raises:
        ValueError: if the table has no such measurement.
    """
    if not measured(table):
        raise ValueError(f"a learning curve needs at least one measurement, got {table.schema}")
    time = "epoch" if "epoch" in table.column_names else "step"
    left = next((name for name in _LEFT if _any(table, name)), None)
    with style():
        drawing, panel = panels(1 if left is None else 2, height=2.9)
        if left is None:
            drawing.set_figwidth(WIDTH / 2)  # as wide as one of two
        axes_of = list(panel[0])
        _draw_loss(axes_of[-1], table, time, objective)
        if left == "accuracy":
            _draw_error(axes_of[0], table, time, judged)
        elif left == "r2":
            _draw(axes_of[0], table, "r2", time)
            axes_of[0].set(title="R²", xlabel=time, ylabel="variance of the targets explained")
            bottom = max(axes_of[0].get_ylim()[0], _LEAST_R2)
            axes_of[0].set_ylim(bottom, 1.0 + 0.02 * (1 - bottom))
        series = [axes.get_legend_handles_labels() for axes in axes_of]
        handles, labels = max(series, key=lambda one: len(one[1]))
        drawing.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return drawing


def measured(table: pa.Table) -> bool:
    """Whether the table holds anything that a learning curve shows."""
    return any(_any(table, quantity) for quantity in (*_LEFT, "loss"))


def _any(table: pa.Table, quantity: str) -> bool:
    names = [f"{split}_{quantity}" for split in STROKES]
    return any(np.isfinite(column(table, name)).any() for name in names if _has(table, name))


def _draw_error(axes: Axes, table: pa.Table, time: str, judged: str) -> None:
    names = [f"{split}_accuracy" for split in STROKES if _has(table, f"{split}_accuracy")]
    errors = {name: 1 - column(table, name) for name in names}
    for name, values in errors.items():
        at = table.column_names.index(name)
        table = table.set_column(at, name, pa.array(values))
    _draw(axes, table, "accuracy", time)
    axes.set(title="Error", xlabel=time, ylabel=f"{judged} classified wrongly")
    error_axis(axes, np.concatenate(list(errors.values())))


def _draw_loss(axes: Axes, table: pa.Table, time: str, objective: str) -> None:
    _draw(axes, table, "loss", time)
    axes.set(title="Loss", xlabel=time, ylabel=_LOSSES.get(objective, objective))
    names = [f"{split}_loss" for split in STROKES if _has(table, f"{split}_loss")]
    if names:
        # Losses of a training span orders of magnitude, also where these few do not.
        loss_axis(axes, np.concatenate([column(table, name) for name in names]), needed=1.0)


def _has(table: pa.Table, name: str) -> bool:
    return name in table.column_names


def _draw(axes: Axes, table: pa.Table, quantity: str, time: str) -> None:
    times = column(table, time)
    for split, stroke in STROKES.items():
        name = f"{split}_{quantity}"
        if not _has(table, name):
            continue
        values = column(table, name)
        known = np.isfinite(values)
        if known.any():
            every = max(1, int(known.sum()) // 8)
            axes.plot(times[known], values[known], label=split, markevery=every, **stroke.options())
