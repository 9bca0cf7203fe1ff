"""What a ticket looks like: kept weights a unit against chance, and how far its weights travel."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from surfeit.tables.figures.style import (
    BLACK,
    GREY,
    SKY,
    VERMILLION,
    Stroke,
    panels,
    percent_axis,
    style,
)
from surfeit.tables.tables import column, where

STROKES = {
    "kept": Stroke(color=VERMILLION, linestyle="-"),
    "others": Stroke(color=GREY, linestyle="--"),
}
WORDS = {"kept": "weights of the ticket", "others": "the others"}
GROUPS = {"units": "unit", "inputs": "input"}
MOST_BARS = 40
NEGLIGIBLE = 0.02  # groups: what chance expects less of is not drawn


def figure(
    counts: pa.Table,
    distances: pa.Table | None = None,
    *,
    anatomy: pa.Table | None = None,
    over: str = "units",
) -> Figure:
    """One row of panels for each layer: kept weights by unit or input, and distances travelled.

    Bars count units; the line is the count that the null expects in each bar, weights placed at
    random in the layer. On the right each bar of the histogram is a step of a line, so that ticket
    and others, which differ in number, can be compared as shares.

    Args:
        counts: one row a number of kept weights: `layer`, `over`, `kept`, `observed`, `expected`.
        distances: one row a bin: `layer`, `of` ("kept" or "others"), `lower`, `upper` (initial
            standard deviations), `share`; without it there is no right side.
        anatomy: `layer`, `quantity`, `value`, `null`, `p_value`; where given, its dispersion and
            its mean distances stand in the titles.
        over: "units" or "inputs".

    Raises:
        ValueError: if there is no row of counts over these.
    """
    rows = where(counts, over=over)
    if rows.num_rows == 0:
        raise ValueError(f"an anatomy figure needs at least one layer's counts over {over}")
    layers = list(dict.fromkeys(rows["layer"].to_pylist()))
    with style():
        height = 0.6 + 1.9 * len(layers)
        drawing, axes = panels(1 if distances is None else 2, rows=len(layers), height=height)
        for place, layer in enumerate(layers):
            _counts(axes[place, 0], where(rows, layer=layer), GROUPS[over])
            axes[place, 0].set_title(_spread_title(layer, anatomy, over))
            if distances is not None:
                _distances(axes[place, 1], where(distances, layer=layer))
                axes[place, 1].set_title(_travel_title(layer, anatomy))
        axes[-1, 0].set_xlabel(
            f"kept weights of {'an' if over == 'inputs' else 'a'} {GROUPS[over]}"
        )
        if distances is not None:
            axes[-1, 1].set_xlabel("distance travelled (initial standard deviations)")
        _legend(drawing, axes[0])
    return drawing


def _counts(axes: Axes, rows: pa.Table, group: str) -> None:
    kept, observed, expected = (column(rows, name) for name in ("kept", "observed", "expected"))
    seen = np.flatnonzero((observed > 0) | (expected > NEGLIGIBLE))
    first, last = int(kept[seen].min()), int(kept[seen].max())
    width = math.ceil((last - first + 1) / MOST_BARS)
    edges = np.arange(first, last + width + 1, width) - 0.5
    bars, line = (
        np.histogram(kept, bins=edges, weights=values)[0] for values in (observed, expected)
    )
    axes.bar(
        edges[:-1],
        bars,
        width=width,
        align="edge",
        color=SKY,
        edgecolor="white",
        linewidth=0.3,
        label="observed",
    )
    axes.plot((edges[:-1] + edges[1:]) / 2, line, color=BLACK, label="expected by chance")
    axes.set(ylabel=f"{group}s", ylim=(0, 1.12 * max(1.0, bars.max(), line.max())))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))


def _distances(axes: Axes, rows: pa.Table) -> None:
    for of, stroke in STROKES.items():
        part = where(rows, of=of).sort_by("lower")
        if part.num_rows == 0:
            continue
        edges = [*part["lower"].to_pylist(), part["upper"][-1].as_py()]
        options = {name: value for name, value in stroke.options().items() if name != "marker"}
        axes.stairs(part["share"].to_pylist(), edges, label=WORDS[of], linewidth=1.4, **options)
    axes.set(ylabel="share of the weights", xlim=(0, None), ylim=(0, None))
    percent_axis(axes)


def _spread_title(layer: str, anatomy: pa.Table | None, over: str) -> str:
    row = _row(anatomy, layer, f"{over}_dispersion")
    if row is None or row["value"] is None:
        return layer
    return f"{layer}: variance {row['value']:.3g} × chance, {_p_words(row['p_value'])}"


def _travel_title(layer: str, anatomy: pa.Table | None) -> str:
    row = _row(anatomy, layer, "travel")
    if row is None or row["value"] is None or row["null"] is None:
        return layer
    return f"{layer}: mean {row['value']:.2g}, others {row['null']:.2g}"


def _row(anatomy: pa.Table | None, layer: str, quantity: str) -> dict[str, Any] | None:
    if anatomy is None:
        return None
    rows = where(anatomy, layer=layer, quantity=quantity).to_pylist()
    return rows[0] if rows else None


def _p_words(p_value: float) -> str:
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"


def _legend(drawing: Figure, axes: np.ndarray) -> None:
    found = [panel.get_legend_handles_labels() for panel in axes]
    handles = [handle for one, _ in found for handle in one]
    labels = [label for _, one in found for label in one]
    drawing.legend(handles, labels, loc="outside lower center", ncols=4)
