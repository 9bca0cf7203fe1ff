"""What a layer keeps when it is projected on its first directions: its norm, and at what cost."""

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from surfeit.tables.figures.lost import Lost, lost_axis, quantity_of
from surfeit.tables.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    Stroke,
    panels,
    percent_axis,
    style,
)
from surfeit.tables.tables import column

STROKES = {
    "weights": Stroke(color=BLUE, linestyle="-", marker="o"),
    "update": Stroke(color=ORANGE, linestyle="--", marker="s"),
}
WORDS = {
    "weights": "the weights W",
    "update": "the update W − Z (Z: at initialisation)",
}


def figure(
    table: pa.Table,
    *,
    loss: float | None = None,
    classes: int | None = None,
    variance: float | None = None,
) -> Figure:
    """Share of the norm (left) that a projection of each rank keeps, and what it costs (right).

    Cost is in points of accuracy or R², or in percent of the loss; its axis is linear up to the
    accepted loss and logarithmic beyond.

    Args:
        table: one row a rank and matrix: `split` (one alone), `of` ("weights" or "update"),
            `rank`, `share` of the norm kept (fraction), `accuracy` after projection (fraction) or,
            where that is null, `loss`, and `dense`, the same before it.
        loss: the accuracy that may be lost (fraction); its line is drawn where given. Of losses
            with a variance, of R²; of others, a share of the dense loss.
        classes: the number of classes, marked as a rank where given.
        variance: of real targets, the loss of always answering their mean; its line is drawn where
            given and losses are.

    Raises:
        ValueError: if the table has no row.
    """
    if table.num_rows == 0:
        raise ValueError("a rank figure needs at least one rank")
    with style():
        drawing, axes = panels(2, height=3.1)
        norm, cost = axes[0]
        _curves(norm, table, column(table, "share"))
        percent_axis(norm)
        norm.set(title="Norm kept", ylabel="share of the Frobenius norm", ylim=(0, 1.03))
        _draw_cost(cost, table, loss, variance)
        for panel in (norm, cost):
            _ranks(panel, table, classes)
        handles, labels = cost.get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 3))
    return drawing


def _draw_cost(axes: Axes, table: pa.Table, loss: float | None, variance: float | None) -> None:
    quantity = quantity_of(table)
    lost = Lost(
        split=table["split"][0].as_py(),
        dense=float(table["dense"][0].as_py()),
        of_losses=quantity == "loss",
        variance=variance if quantity == "loss" else None,
    )
    values = lost.of(column(table, quantity))
    _curves(axes, table, values)
    lost.draw_lines(axes, loss=loss, chance=None)
    axes.set(title="What it costs", ylabel=lost.words)
    lost_axis(axes, values, loss=loss)


def _curves(axes: Axes, table: pa.Table, values: np.ndarray) -> None:
    """A line for each matrix, of values in the order of the table's rows."""
    kinds, ranks = np.asarray(table["of"].to_pylist()), column(table, "rank")
    for of, stroke in STROKES.items():
        rows = np.flatnonzero(kinds == of)
        rows = rows[np.argsort(ranks[rows])]
        if len(rows):
            axes.plot(ranks[rows], values[rows], label=WORDS[of], **stroke.options())


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
            (classes, 0.97),
            xycoords=("data", "axes fraction"),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=8.5,
            va="top",
            color=GREY,
        )
