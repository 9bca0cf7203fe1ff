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
        table: one row a measurement: `epoch`, and for each split `SPLIT_accuracy` (fraction) and
            `SPLIT_loss` (nats), null where not measured.

    Raises:
        ValueError: if the table has no row.
    """
    if table.num_rows == 0:
        raise ValueError("a learning curve needs at least one row of metrics")
    with style():
        drawing, axes = panels(2, height=2.9)
        accuracy, loss = axes[0]
        _draw(accuracy, table, "accuracy")
        _draw(loss, table, "loss")
        accuracy.set(title="Accuracy", xlabel="epoch", ylabel="images classified rightly")
        loss.set(title="Loss", xlabel="epoch", ylabel="cross-entropy (nats)", yscale="log")
        loss.yaxis.set_major_formatter(
            FuncFormatter(lambda value, _: np.format_float_positional(value, trim="-"))
        )
        percent_axis(accuracy)
        accuracy.set_ylim(top=1.0 + 0.02 * (1 - accuracy.get_ylim()[0]))
        handles, labels = accuracy.get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return drawing


def _draw(axes: Axes, table: pa.Table, quantity: str) -> None:
    epochs = column(table, "epoch")
    for split, stroke in STROKES.items():
        name = f"{split}_{quantity}"
        if name not in table.column_names:
            continue
        values = column(table, name)
        known = np.isfinite(values)
        if known.any():
            every = max(1, int(known.sum()) // 8)
            axes.plot(
                epochs[known], values[known], label=split, markevery=every, **stroke.options()
            )
