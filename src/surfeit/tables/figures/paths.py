"""Loss and error along paths between two networks."""

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.tables.figures.style import (
    BLUE,
    GREEN,
    PURPLE,
    VERMILLION,
    Stroke,
    loss_axis,
    panels,
    percent_axis,
    style,
)

PATHS = {
    "segment": ("straight line", Stroke(color=BLUE, marker="o")),
    "matched": ("units matched", Stroke(color=VERMILLION, linestyle="--", marker="s")),
    "repaired": ("matched, repaired", Stroke(color=GREEN, linestyle="-.", marker="^")),
    "curve": ("trained curve", Stroke(color=PURPLE, linestyle=":", marker="D")),
}
"""How each path is called and drawn."""


def figure(table: pa.Table) -> Figure:
    """The loss of training examples along each path, and the test error, or test loss, beside it.

    Args:
        table: one row a point: `path, split` ("train" or "test")`, t, loss, error` (a fraction, or
            null where there are no classes), as of `surfeit.procedures.connections`.

    Raises:
        ValueError: if the table has no row.
    """
    rows = table.to_pylist()
    if not rows:
        raise ValueError("a figure of paths needs at least one path, got an empty table")
    errors = all(row["error"] is not None for row in rows)
    with style():
        drawing, ((left, right),) = panels(2, height=3.4)
        _draw(left, rows, "train", "loss")
        left.set(title="Loss of training examples", ylabel="loss")
        _draw(right, rows, "test", "error" if errors else "loss")
        if errors:
            right.set(title="Error of test examples", ylabel="share of wrong answers")
            right.set_ylim(bottom=0)
            percent_axis(right)
        else:
            right.set(title="Loss of test examples", ylabel="loss")
        for axes in (left, right):
            axes.set_xlabel("t (0: first run, 1: second run)")
        handles, labels = left.get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=4)
    return drawing


def _draw(axes: Axes, rows: list[dict], split: str, name: str) -> None:
    drawn = []
    for path, (words, stroke) in PATHS.items():
        own = sorted((r["t"], r[name]) for r in rows if r["path"] == path and r["split"] == split)
        if own:
            every = max(1, len(own) // 8)
            axes.plot(*zip(*own, strict=True), label=words, markevery=every, **stroke.options())
            drawn += [value for _, value in own]
    if name == "loss":
        loss_axis(axes, np.array(drawn))
