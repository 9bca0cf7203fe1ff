"""Accuracy or loss against the number of units removed: every criterion, both ways, and chance."""

from collections.abc import Iterable
from itertools import cycle

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
    PALE,
    PURPLE,
    SKY,
    VERMILLION,
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
    "magnitude": Stroke(color=BLUE, linestyle="-", marker="o"),
    "frame_potential": Stroke(color=VERMILLION, linestyle="--", marker="s"),
    "inner_product": Stroke(color=GREEN, linestyle="-.", marker="^"),
    "raw_frame_potential": Stroke(color=PURPLE, linestyle=":", marker="D"),
}
OTHERS = (
    Stroke(color=ORANGE, linestyle=(0, (1, 1)), marker="v"),
    Stroke(color=SKY, linestyle=(0, (5, 1)), marker="P"),
    Stroke(color=BLUE, linestyle=(0, (3, 1, 1, 1)), marker="X"),
    Stroke(color=GREEN, linestyle=(0, (4, 2, 1, 2, 1, 2)), marker="*"),
)
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
    variance: float | None = None,
) -> Figure:
    """Removal curves of one layer on one split: one panel for each direction.

    Random removal is the mean over its repeats with a band of one standard deviation, the same in
    both panels. Between criterion and direction no colour is needed: dashes and markers differ.

    Args:
        table: one row a point: `split` (one alone), `criterion`, `remove` ("least" or "most"
            first; null for random), `repeat` (0 where nothing is random), `removed` (units),
            `accuracy` (fraction) or, where that is null, `loss`.
        loss: the accuracy that may be lost (fraction); its line is drawn where given. Of losses
            with a variance, of R²; of others, a share of the dense loss.
        chance: the accuracy of guessing (fraction); its line is drawn where given and accuracies
            are.
        chosen: the number of units found to be removable; marked in the left panel where given.
        variance: of real targets, the loss of always answering their mean; its line is drawn where
            given and losses are.

    Raises:
        ValueError: if the table has no row.
    """
    if table.num_rows == 0:
        raise ValueError("a removal figure needs at least one curve")
    what = _quantity(table)
    with style():
        drawing, axes = panels(2, height=3.7, sharey=True)
        for panel, (remove, title) in zip(axes[0], TITLES.items(), strict=True):
            _random_band(panel, table)
            _criteria(panel, table, remove)
            _lines(panel, table, loss, chance, variance)
            panel.set(title=title, xlabel="units removed")
            panel.set_xlim(0, max(table["removed"].to_pylist()))
            if what == "accuracy":
                panel.set_ylim(bottom=0)
        if what == "loss":
            loss_axis(axes[0][0], column(table, what))
        if chosen is not None:
            _mark(axes[0][0], chosen, top=what == "loss")
        first = axes[0][0]
        if what == "accuracy":
            first.set_ylabel(f"{table['split'][0]} accuracy")
            percent_axis(first)
        else:
            scale = ", logarithmic axis" if first.get_yscale() == "log" else ""
            first.set_ylabel(f"{table['split'][0]} loss (lower is better{scale})")
        handles, labels = axes[0][0].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=3)
    return drawing


def strokes_of(names: Iterable[str]) -> dict[str, Stroke]:
    """How each criterion is drawn: those without a stroke of their own take others in turn."""
    others = cycle(OTHERS)
    return {name: STROKES[name] if name in STROKES else next(others) for name in names}


def _random_band(axes: Axes, table: pa.Table) -> None:
    rows = where(table, criterion="random")
    if rows.num_rows == 0:
        return
    repeats = sorted(set(rows["repeat"].to_pylist()))
    curves = [_curve(where(rows, repeat=repeat)) for repeat in repeats]
    removed = curves[0][0]
    accuracies = np.stack([points for _, points in curves])
    mean = accuracies.mean(axis=0)
    if len(repeats) > 1:
        spread = accuracies.std(axis=0, ddof=1)
        lower = mean - spread
        if _quantity(table) == "loss" and accuracies.min() > 0:
            # A logarithmic axis has no place for what the band takes below all that was measured.
            lower = np.maximum(lower, accuracies.min(axis=0))
        label = f"random: ± standard deviation of {len(repeats)}"
        axes.fill_between(removed, lower, mean + spread, color=PALE, linewidth=0, label=label)
    axes.plot(removed, mean, color=BLACK, linewidth=1.2, label="random: mean")


def _criteria(axes: Axes, table: pa.Table, remove: str) -> None:
    rows = where(table, remove=remove)
    names = [name for name in dict.fromkeys(rows["criterion"].to_pylist()) if name != "random"]
    strokes = strokes_of(names)
    for place, name in enumerate(names):
        removed, accuracy = _curve(where(rows, criterion=name))
        every = max(1, len(removed) // 8)
        axes.plot(
            removed,
            accuracy,
            label=name.replace("_", " "),
            # Markers of equal curves stand side by side instead of hiding each other.
            markevery=(place * every // 4, every),
            **strokes[name].options(),
        )


def _lines(
    axes: Axes, table: pa.Table, loss: float | None, chance: float | None, variance: float | None
) -> None:
    of_losses = _quantity(table) == "loss"
    if loss is not None:
        level = accepted_level(_dense(table), loss, variance, of_losses=of_losses)
        label = accepted_label(loss, variance, of_losses=of_losses)
        axes.axhline(level, color=GREY, linewidth=0.9, linestyle=(0, (6, 3)), label=label)
    if variance is not None and of_losses:
        label = "always the mean (R² = 0)"
        axes.axhline(variance, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), label=label)
    if chance is not None and not of_losses:
        axes.axhline(chance, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), label="chance")


def _mark(axes: Axes, chosen: int, *, top: bool) -> None:
    axes.axvline(chosen, color=GREY, linewidth=0.9)
    right = chosen < sum(axes.get_xlim()) / 2
    axes.annotate(
        f"{chosen} can go",
        (chosen, 0.83 if top else 0.17),
        xycoords=("data", "axes fraction"),
        xytext=(4 if right else -4, 0),
        textcoords="offset points",
        fontsize=8.5,
        ha="left" if right else "right",
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
    )


def _dense(table: pa.Table) -> float:
    return float(where(table, removed=0)[_quantity(table)][0].as_py())


def _quantity(table: pa.Table) -> str:
    """What the curves are of: "accuracy", or "loss" where there are no accuracies."""
    return "loss" if table["accuracy"].null_count == table.num_rows else "accuracy"


def _curve(rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    removed = np.asarray(rows["removed"].to_pylist())
    order = np.argsort(removed, kind="stable")
    return removed[order], column(rows, _quantity(rows))[order]
