"""Accuracy and loss against the epoch, for every split that was measured."""

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from surfeit.study.figures.style import (
    BLACK,
    BLUE,
    ORANGE,
    Stroke,
    panels,
    percent_axis,
    style,
)
from surfeit.study.tables import column

STROKES = {
    "train": Stroke(color=BLUE, linestyle="-", marker="o"),
    "validation": Stroke(color=ORANGE, linestyle="--", marker="s"),
    "test": Stroke(color=BLACK, linestyle=":", marker="^"),
}


def figure(table: pa.Table) -> Figure:
    """The learning curve: accuracy on the left, loss on the right.

    Args:
        table: one row a measurement: `epoch` or, where there is none, `step`, and for each split
            `SPLIT_accuracy` (fraction) and `SPLIT_loss` (nats), null where not measured.

    Raises:
        ValueError: if the table has no such measurement.
    """
    if not measured(table):
        raise ValueError(f"a learning curve needs at least one measurement, got {table.schema}")
    time = "epoch" if "epoch" in table.column_names else "step"
    with style():
        drawing, panel = panels(2, height=2.9)
        accuracy, loss = panel[0]
        _draw(accuracy, table, "accuracy", time)
        _draw(loss, table, "loss", time)
        accuracy.set(title="Accuracy", xlabel=time, ylabel="images classified rightly")
        loss.set(title="Loss", xlabel=time, ylabel="cross-entropy (nats)", yscale="log")
        loss.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
        percent_axis(accuracy)
        accuracy.set_ylim(top=1.0 + 0.02 * (1 - accuracy.get_ylim()[0]))
        series = [axes.get_legend_handles_labels() for axes in (accuracy, loss)]
        handles, labels = max(series, key=lambda one: len(one[1]))
        drawing.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return drawing


def measured(table: pa.Table) -> bool:
    """Whether the table holds anything that a learning curve shows."""
    names = [f"{split}_{quantity}" for split in STROKES for quantity in ("accuracy", "loss")]
    return any(np.isfinite(column(table, name)).any() for name in names if _has(table, name))


def _plain(value: float) -> str:
    """Without an exponent: 0.00001, not 1e-05."""
    return np.format_float_positional(float(f"{value:.6g}"), trim="-")


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
