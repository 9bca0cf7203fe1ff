"""What a layer keeps when it is projected on its first directions: norm, and accuracy or loss."""

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from surfeit.tables.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    Stroke,
    accepted_label,
    accepted_level,
    loss_axis,
    panels,
    percent_axis,
    style,
)
from surfeit.tables.tables import column, where

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
    """Share of the norm (left) that a projection of each rank keeps, and accuracy or loss with it.

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
    of_losses = table["accuracy"].null_count == table.num_rows
    with style():
        drawing, axes = panels(2, height=3.1)
        norm, kept = axes[0]
        for panel, name in ((norm, "share"), (kept, "loss" if of_losses else "accuracy")):
            _curves(panel, table, name)
            _ranks(panel, table, classes)
        for panel in (norm,) if of_losses else (norm, kept):
            percent_axis(panel)
            panel.set_ylim(0, 1.03)
        norm.set(title="Norm kept", ylabel="share of the Frobenius norm")
        if of_losses:
            _label_losses(kept, table)
        else:
            kept.set(title="Accuracy kept", ylabel=f"{table['split'][0]} accuracy")
        _lines(kept, table, loss, variance, of_losses=of_losses)
        handles, labels = kept.get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 3))
    return drawing


def _label_losses(axes: Axes, table: pa.Table) -> None:
    loss_axis(axes, column(table, "loss"))
    scale = " (logarithmic axis)" if axes.get_yscale() == "log" else ""
    axes.set(title=f"Loss{scale}", ylabel=f"{table['split'][0]} loss (lower is better)")


def _lines(
    axes: Axes, table: pa.Table, loss: float | None, variance: float | None, *, of_losses: bool
) -> None:
    if loss is not None:
        dense = float(table["dense"][0].as_py())
        level = accepted_level(dense, loss, variance, of_losses=of_losses)
        label = accepted_label(loss, variance, of_losses=of_losses)
        axes.axhline(level, color=GREY, linewidth=0.9, linestyle=(0, (6, 3)), label=label)
    if variance is not None and of_losses:
        label = "always the mean (R² = 0)"
        axes.axhline(variance, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), label=label)


def _curves(axes: Axes, table: pa.Table, name: str) -> None:
    for of, stroke in STROKES.items():
        rows = where(table, of=of).sort_by("rank")
        if rows.num_rows:
            axes.plot(
                rows["rank"].to_pylist(),
                rows[name].to_pylist(),
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
