"""Accuracy against the number of units removed, over seeds: a panel a layer, a line a criterion."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.tables.figures.removal import STROKES, strokes_of
from surfeit.tables.figures.style import (
    BLACK,
    PALE,
    WIDTH,
    panels,
    percent_axis,
    style,
)

Published = Mapping[tuple[str, str, str], Mapping[str, Mapping[int, float]]]
"""Published accuracies (fractions) by model, data and layer, criterion, and units removed."""


def figure(table: pa.Table, *, published: Published | None = None) -> Figure:
    """Removal curves with the least important first: means over seeds, random orders as a band.

    Args:
        table: one row a point: `model`, `data`, `layer`, `seed`, `criterion`, `remove` (rows other
            than "least" and, for random, null are left out), `repeat`, `removed` (units),
            `accuracy` (fraction).
        published: drawn as stars where the table has that model, data and layer.

    Raises:
        ValueError: if the table has no row.
    """
    if table.num_rows == 0:
        raise ValueError("a figure of criteria needs at least one curve")
    places: dict[tuple[str, str, str], list[dict]] = {}
    for row in table.to_pylist():
        places.setdefault((row["model"], row["data"], row["layer"]), []).append(row)
    columns = min(len(places), 2)
    lines = -(-len(places) // columns)
    with style():
        drawn, axes = panels(columns, rows=lines, height=0.8 + 2.7 * lines)
        drawn.set_figwidth(WIDTH)
        for panel, (place, rows) in zip(axes.flat, places.items(), strict=False):
            _draw(panel, rows)
            _stars(panel, (published or {}).get(place, {}))
            panel.set(title=", ".join(place), xlabel="units removed", ylim=(0, 1.02))
            percent_axis(panel)
        for panel in axes.flat[len(places) :]:
            panel.set_visible(False)
        axes.flat[0].set_ylabel("test accuracy")
        legend = {
            label: handle
            for panel in axes.flat
            for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
        }
        drawn.legend(legend.values(), legend.keys(), loc="outside lower center", ncols=3)
    return drawn


def _draw(axes: Axes, rows: list[dict]) -> None:
    random = _curves(rows, "random", None)
    places = np.arange(random.shape[1])
    lower, upper = random.min(axis=0), random.max(axis=0)
    axes.fill_between(places, lower, upper, color=PALE, linewidth=0, label="random: all orders")
    axes.plot(places, random.mean(axis=0), color=BLACK, linewidth=1.2, label="random: mean")
    names = [name for name in dict.fromkeys(r["criterion"] for r in rows) if name != "random"]
    strokes = strokes_of(names)
    for place, name in enumerate(names):
        every = max(1, len(places) // 6)
        axes.plot(
            places,
            _curves(rows, name, "least").mean(axis=0),
            label=name.replace("_", " "),
            # Markers of equal curves stand side by side instead of hiding each other.
            markevery=(place * every // 6, every),
            **strokes[name].options(),
        )


def _curves(rows: list[dict], criterion: str, remove: str | None) -> np.ndarray:
    """Accuracies [seeds and repeats, removals + 1]."""
    found: dict[tuple[int, int], dict[int, float]] = {}
    for row in rows:
        if row["criterion"] == criterion and row["remove"] == remove:
            found.setdefault((row["seed"], row["repeat"]), {})[row["removed"]] = row["accuracy"]
    return np.asarray([[curve[at] for at in sorted(curve)] for curve in found.values()])


def _stars(axes: Axes, published: Mapping[str, Mapping[int, float]]) -> None:
    for place, (name, points) in enumerate(published.items()):
        axes.plot(
            list(points),
            list(points.values()),
            linestyle="",
            marker="*",
            markersize=9,
            markerfacecolor="none",
            color=STROKES[name].color if name in STROKES else BLACK,
            label="" if place else "published",
        )
