"""What a layer keeps when it is projected on its first directions: norm and accuracy."""

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from surfeit.study.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    Stroke,
    panels,
    percent_axis,
    style,
)
from surfeit.study.tables import where

STROKES = {
    "weights": Stroke(color=BLUE, linestyle="-", marker="o"),
    "update": Stroke(color=ORANGE, linestyle="--", marker="s"),
}
WORDS = {
    "weights": "the weights W",
    "update": "the update W − Z (Z: at initialisation)",
}


def figure(table: pa.Table, *, loss: float | None = None, classes: int | None = None) -> Figure:
    """Share of the norm (left) and accuracy (right) that a projection of each rank keeps.

    Args:
        table: one row a rank and matrix: `split` (one alone), `of` ("weights" or "update"),
            `rank`, `share` of the norm kept (fraction), `accuracy` after projection and `dense`,
            before it (fractions).
        loss: the accuracy that may be lost (fraction); its line is drawn where given.
        classes: the number of classes, marked as a rank where given.

    Raises:
        ValueError: if the table has no row.
    """
    if table.num_rows == 0:
        raise ValueError("a rank figure needs at least one rank")
    with style():
        drawing, axes = panels(2, height=3.1)
        norm, accuracy = axes[0]
        for panel, column in ((norm, "share"), (accuracy, "accuracy")):
            _curves(panel, table, column)
            _ranks(panel, table, classes)
            percent_axis(panel)
            panel.set_ylim(0, 1.03)
        norm.set(title="Norm kept", ylabel="share of the Frobenius norm")
        accuracy.set(title="Accuracy kept", ylabel=f"{table['split'][0]} accuracy")
        if loss is not None:
            dense = float(table["dense"][0].as_py())
            label = f"dense − {100 * loss:g} point{'' if loss == 0.01 else 's'}"
            accuracy.axhline(
                dense - loss, color=GREY, linewidth=0.9, linestyle=(0, (6, 3)), label=label
            )
        handles, labels = accuracy.get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return drawing


def _curves(axes: Axes, table: pa.Table, column: str) -> None:
    for of, stroke in STROKES.items():
        rows = where(table, of=of).sort_by("rank")
        if rows.num_rows:
            axes.plot(
                rows["rank"].to_pylist(),
                rows[column].to_pylist(),
                label=WORDS[of],
                **stroke.options(),
            )


def _ranks(axes: Axes, table: pa.Table, classes: int | None) -> None:
    ranks = sorted(set(table["rank"].to_pylist()))
    axes.set_xscale("log", base=2)
    top = np.ceil(np.log2(max(ranks)))
    axes.set_xticks([2**power for power in range(int(top) + 1)])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("rank (logarithmic axis)")
    if classes is not None and classes <= max(ranks):
        axes.axvline(classes, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
        axes.annotate(
            f"{classes} classes",
            (classes, 0.03),
            xycoords=("data", "axes fraction"),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=8,
            color=GREY,
        )
