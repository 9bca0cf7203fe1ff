"""The graph of a layer's weight vectors, at initialisation and at the end."""

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from surfeit.tables.figures.style import (
    BLUE,
    GREEN,
    ORANGE,
    VERMILLION,
    panels,
    style,
)

# kind: colour, marker, filled, words. Shape and filling tell them apart in grey.
from surfeit.tables.tables import column, where

KINDS = {
    "isolated": (ORANGE, "o", False, "isolated: no other unit is near"),
    "linked": (BLUE, "o", True, "linked"),
    "cluster": (GREEN, "s", True, "in a cluster of nearly equal units"),
}
TITLES = {"initial": "At initialisation", "final": "After training"}
MOST_EDGES_AS_PATHS = 1500  # beyond, an SVG's edges become one picture: smaller, drawn faster
LARGEST_AREA = 70.0  # points²


def figure(nodes: pa.Table, edges: pa.Table) -> Figure:
    """Units as marks sized by norm, edges darker the nearer two directions are.

    Both panels share one scale of positions and one of sizes.

    Args:
        nodes: one row a unit and stage: `stage` ("initial" or "final"), `unit`, `x`, `y`, `norm`
            and `kind` ("isolated", "linked" or "cluster").
        edges: one row an edge and stage: `stage`, `source`, `target` (units), `weight` in [0, 1].

    Raises:
        ValueError: if there is no node.
    """
    if nodes.num_rows == 0:
        raise ValueError("a graph figure needs at least one unit")
    stages = [stage for stage in TITLES if stage in set(nodes["stage"].to_pylist())]
    largest = max(max(nodes["norm"].to_pylist()), 1e-300)
    with style():
        drawing, axes = panels(len(stages), height=4.1, sharex=True, sharey=True)
        for panel, stage in zip(axes[0], stages, strict=True):
            here = where(nodes, stage=stage)
            links = where(edges, stage=stage)
            _edges(panel, here, links)
            _nodes(panel, here, largest)
            panel.set_title(f"{TITLES[stage]}: {_words(here, links)}")
            panel.set(aspect="equal", xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
            panel.margins(0.05)
        drawing.legend(
            handles=[*_kind_marks(), *_size_marks(largest)],
            loc="outside lower center",
            ncols=3,
        )
    return drawing


def _edges(axes: Axes, nodes: pa.Table, edges: pa.Table) -> None:
    place = {
        unit: (x, y)
        for unit, x, y in zip(
            *(nodes[name].to_pylist() for name in ("unit", "x", "y")), strict=True
        )
    }
    ends = zip(edges["source"].to_pylist(), edges["target"].to_pylist(), strict=True)
    segments = [(place[source], place[target]) for source, target in ends]
    weights = column(edges, "weight")
    alpha = np.clip(0.25 + 0.6 * weights, 0, 1) * min(1.0, 25 / np.sqrt(len(segments) + 1))
    colours = np.zeros((len(segments), 4))
    colours[:, 3] = np.clip(alpha, 0.03, 1)
    lines = LineCollection(segments, colors=colours, linewidths=0.6, zorder=1)
    lines.set_rasterized(len(segments) > MOST_EDGES_AS_PATHS)
    axes.add_collection(lines)


def _nodes(axes: Axes, nodes: pa.Table, largest: float) -> None:
    for kind, (colour, marker, filled, _) in KINDS.items():
        rows = where(nodes, kind=kind)
        norms = column(rows, "norm")
        axes.scatter(
            rows["x"].to_pylist(),
            rows["y"].to_pylist(),
            s=LARGEST_AREA * (norms / largest) ** 2,
            marker=marker,
            facecolors=colour if filled else "white",
            edgecolors="white" if filled else VERMILLION,
            linewidths=0.4 if filled else 1.0,
            label=kind,
            zorder=2 if filled else 3,
        )


def _words(nodes: pa.Table, edges: pa.Table) -> str:
    links = f"{edges.num_rows:,} edge{'' if edges.num_rows == 1 else 's'}"
    return f"{nodes.num_rows} units, {links}"


def _kind_marks() -> list[Line2D]:
    return [
        Line2D(
            [],
            [],
            linestyle="",
            marker=marker,
            markersize=6,
            color=colour,
            markerfacecolor=colour if filled else "white",
            markeredgecolor=colour if filled else VERMILLION,
            label=words,
        )
        for colour, marker, filled, words in KINDS.values()
    ]


def _size_marks(largest: float) -> list[Line2D]:
    """The largest norm and half of it, as marks of their sizes."""
    return [
        Line2D(
            [],
            [],
            linestyle="",
            marker="o",
            color="#8c8c8c",
            markersize=float(np.sqrt(LARGEST_AREA) * share),
            label=f"norm {share * largest:.2g}",
        )
        for share in (0.5, 1.0)
    ]
