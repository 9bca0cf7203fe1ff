"""Accuracy against the number of units removed: every criterion, both directions, and chance."""

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.study.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    PURPLE,
    VERMILLION,
    Stroke,
    panels,
    percent_axis,
    style,
)
from surfeit.study.tables import column, where

STROKES = {
    "magnitude": Stroke(color=BLUE, linestyle="-", marker="o"),
    "frame_potential": Stroke(color=VERMILLION, linestyle="--", marker="s"),
    "inner_product": Stroke(color=GREEN, linestyle="-.", marker="^"),
    "raw_frame_potential": Stroke(color=PURPLE, linestyle=":", marker="D"),
}
OTHER = Stroke(color=ORANGE, linestyle=(0, (1, 1)), marker="v")
TITLES = {
    "least": "Least important first",
    "most": "Most important first (the check)",
}


def figure(
    table: pa.Table,
    *,
    loss: float | None = None,
    chance: float | None = None,
    chosen: int | None = None,
) -> Figure:
    """Removal curves of one layer on one split: one panel for each direction.

    Random removal is the mean over its repeats with a band of one standard deviation, the same in
    both panels. Between criterion and direction no colour is needed: dashes and markers differ.

    Args:
        table: one row a point: `split` (one alone), `criterion`, `remove` ("least" or "most"
            first; null for random), `repeat` (0 where nothing is random), `removed` (units),
            `accuracy` (fraction).
        loss: the accuracy that may be lost (fraction); its line is drawn where given.
        chance: the accuracy of guessing (fraction); its line is drawn where given.
        chosen: the number of units found to be removable; marked in the left panel where given.

    Raises:
        ValueError: if the table has no row.
    """
    if table.num_rows == 0:
        raise ValueError("a removal figure needs at least one curve")
    with style():
        drawing, axes = panels(2, height=3.7, sharey=True)
        for panel, (remove, title) in zip(axes[0], TITLES.items(), strict=True):
            _random_band(panel, table)
            _criteria(panel, table, remove)
            _lines(panel, table, loss, chance)
            panel.set(title=title, xlabel="units removed")
            panel.set_xlim(0, max(table["removed"].to_pylist()))
            panel.set_ylim(bottom=0)
        if chosen is not None:
            _mark(axes[0][0], chosen)
        axes[0][0].set_ylabel(f"{table['split'][0]} accuracy")
        percent_axis(axes[0][0])
        handles, labels = axes[0][0].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=3)
    return drawing


def _random_band(axes: Axes, table: pa.Table) -> None:
    rows = where(table, criterion="random")
    if rows.num_rows == 0:
        return
    repeats = sorted(set(rows["repeat"].to_pylist()))
    curves = [_curve(where(rows, repeat=repeat)) for repeat in repeats]
    removed = curves[0][0]
    accuracies = np.stack([accuracy for _, accuracy in curves])
    mean = accuracies.mean(axis=0)
    if len(repeats) > 1:
        spread = accuracies.std(axis=0, ddof=1)
        label = f"random: ± standard deviation of {len(repeats)}"
        axes.fill_between(
            removed, mean - spread, mean + spread, color=PALE, linewidth=0, label=label
        )
    axes.plot(removed, mean, color=BLACK, linewidth=1.2, label="random: mean")


def _criteria(axes: Axes, table: pa.Table, remove: str) -> None:
    rows = where(table, remove=remove)
    names = [name for name in dict.fromkeys(rows["criterion"].to_pylist()) if name != "random"]
    for place, name in enumerate(names):
        removed, accuracy = _curve(where(rows, criterion=name))
        every = max(1, len(removed) // 8)
        axes.plot(
            removed,
            accuracy,
            label=name.replace("_", " "),
            # Markers of equal curves stand side by side instead of hiding each other.
            markevery=(place * every // 4, every),
            **STROKES.get(name, OTHER).options(),
        )


def _lines(axes: Axes, table: pa.Table, loss: float | None, chance: float | None) -> None:
    if loss is not None:
        dense = _dense(table) - loss
        label = f"dense − {100 * loss:g} point{'' if loss == 0.01 else 's'}"
        axes.axhline(dense, color=GREY, linewidth=0.9, linestyle=(0, (6, 3)), label=label)
    if chance is not None:
        axes.axhline(chance, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), label="chance")


def _mark(axes: Axes, chosen: int) -> None:
    axes.axvline(chosen, color=GREY, linewidth=0.9)
    right = chosen < sum(axes.get_xlim()) / 2
    axes.annotate(
        f"{chosen} can go",
        (chosen, 0.17),
        xycoords=("data", "axes fraction"),
        xytext=(4 if right else -4, 0),
        textcoords="offset points",
        fontsize=8.5,
        ha="left" if right else "right",
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
    )


def _dense(table: pa.Table) -> float:
    return float(where(table, removed=0)["accuracy"][0].as_py())


def _curve(rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    removed = np.asarray(rows["removed"].to_pylist())
    order = np.argsort(removed, kind="stable")
    return removed[order], column(rows, "accuracy")[order]
