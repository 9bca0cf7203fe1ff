"""A view that was saved in the viewer, drawn again: the same places, for a paper."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, pi, sqrt
from textwrap import wrap
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgba, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path

from surfeit.tables.figures.graph import MOST_EDGES_AS_PATHS
from surfeit.tables.figures.style import RC, WIDTH, style

CIRCLE, SQUARE, RING = 0, 1, 2
MARKERS = {CIRCLE: "o", SQUARE: "s", RING: "o"}
LINK, TWIN = "#5f6771", "#444444"
LINES = 2048  # links in one path: longer ones are drawn more slowly
POINTS = 72  # an inch
LINE = 0.2  # inches: a line of words
OUTLINED = 0.5  # zoom: units that are drawn smaller have no rim, as on the page
HALF_SIDE = sqrt(pi) / 2  # of a square, as a share of the radius of a circle of its area


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """One kind in the legend: its words, colour ("#rrggbb") and shape."""

    label: str
    colour: str
    shape: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """A quantity in the legend: colours from low to high and the words at both ends."""

    colours: tuple[str, ...]
    low: str
    high: str


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """A picture of the graph as it stood on the page; lengths are in the page's pixels.

    Args:
        title, subtitle: words above.
        width, height: of the graph's part of the page.
        zoom: of that moment; radii have it within them.
        address: the hash that opens the view in the viewer again.
        places: float64 [units, 2], from the top left, y downwards.
        radius: float64 [units]; 0 hides a unit.
        colour: "#rrggbb" [units].
        opacity: float64 [units], in [0, 1].
        shape: int64 [units], 0 a circle, 1 a square, 2 a ring.
        links: int64 [links, 2], pairs of units.
        link_opacity: float64 [links], in [0, 1].
        twins: int64 [twins, 2], pairs of units that are joined by dashes.
        selected: int64 [selected], units with a ring around them.
        legend: what the legend is about.
        entries: kinds in the legend.
        scale: its quantity, or None.
    """

    title: str
    subtitle: str
    width: float
    height: float
    zoom: float
    address: str
    places: np.ndarray
    radius: np.ndarray
    colour: tuple[str, ...]
    opacity: np.ndarray
    shape: np.ndarray
    links: np.ndarray
    link_opacity: np.ndarray
    twins: np.ndarray
    selected: np.ndarray
    legend: str
    entries: tuple[Entry, ...]
    scale: Scale | None


class Explained(Protocol):
    """What has a legend, as `View` does."""

    @property
    def legend(self) -> str: ...
    @property
    def entries(self) -> tuple[Entry, ...]: ...
    @property
    def scale(self) -> Scale | None: ...


def figure(view: View) -> Figure:
    """The view at the width of a page's text: places, sizes, colours and legend are the page's.

    A pixel of the page is as long in x as in y. Links of one opacity are one path, so that where
    they cross they grow no darker, as on the page; beyond 1,500 they become one picture.
    """
    pixel = WIDTH * POINTS / view.width  # in points
    graph = WIDTH * view.height / view.width
    title = wrap(view.title, 88) or [""]
    subtitle = wrap(view.subtitle, 105)
    above = LINE * (len(title) + len(subtitle)) + 0.08
    below = legend_height(view)
    with style():
        drawing = Figure(figsize=(WIDTH, above + graph + below))
        total = above + graph + below
        axes = drawing.add_axes((0, below / total, 1, graph / total))
        axes.set(xlim=(0, view.width), ylim=(view.height, 0), xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.grid(False)
        _links(axes, view, pixel)
        _twins(axes, view, pixel)
        for shape in MARKERS:
            _units(axes, view, shape, pixel)
        _rings(axes, view, pixel)
        write_above(drawing, title, subtitle, total)
        draw_legend(drawing, view, below, total)
    return drawing


def write_above(drawing: Figure, title: list[str], subtitle: list[str], total: float) -> None:
    """Lines of words at the top of a figure that is `total` inches high."""
    lines = [*((line, "bold") for line in title), *((line, "normal") for line in subtitle)]
    for place, (line, weight) in enumerate(lines):
        height = 1 - (LINE * (place + 1) - 0.02) / total
        drawing.text(0.02, height, line, weight=weight, va="bottom", parse_math=False)


def _drawn(view: View, pairs: np.ndarray) -> np.ndarray:
    """Which pairs have both units drawn, bool [pairs]."""
    return (view.radius[pairs[:, 0]] > 0) & (view.radius[pairs[:, 1]] > 0)


def _links(axes: Axes, view: View, pixel: float) -> None:
    drawn = _drawn(view, view.links)
    links, opacity = view.links[drawn], view.link_opacity[drawn]
    groups = list(_paths(view.places[links], opacity))
    collection = PathCollection(
        [path for path, _ in groups],
        facecolors="none",
        edgecolors=[to_rgba(LINK, alpha) for _, alpha in groups],
        linewidths=0.8 * pixel,
        zorder=1,
    )
    collection.set_gid("links")
    collection.set_rasterized(len(links) > MOST_EDGES_AS_PATHS)
    axes.add_collection(collection, autolim=False)


def _paths(ends: np.ndarray, opacity: np.ndarray) -> Iterator[tuple[Path, float]]:
    """Lines [lines, 2, 2] as compound paths of one opacity each, the faintest first."""
    for level in np.unique(opacity):
        lines = ends[opacity == level]
        for start in range(0, len(lines), LINES):
            vertices = lines[start : start + LINES].reshape(-1, 2)
            codes = np.tile([Path.MOVETO, Path.LINETO], len(vertices) // 2)
            yield Path(vertices, codes), float(level)


def _twins(axes: Axes, view: View, pixel: float) -> None:
    twins = view.twins[_drawn(view, view.twins)]
    lines = LineCollection(
        list(view.places[twins]),
        colors=TWIN,
        alpha=0.55,
        linewidths=pixel,
        linestyles=[(0, (4, 3))],
        zorder=1.5,
    )
    lines.set_gid("twins")
    axes.add_collection(lines, autolim=False)


def _units(axes: Axes, view: View, shape: int, pixel: float) -> None:
    units = np.flatnonzero((view.shape == shape) & (view.radius > 0))
    colours = [to_rgba(view.colour[unit], view.opacity[unit]) for unit in units]
    white = [to_rgba("white", view.opacity[unit]) for unit in units]
    ring = shape == RING
    side = HALF_SIDE if shape == SQUARE else 1.0
    radius = np.maximum(view.radius[units] - ring, 1.0)  # a ring keeps within its radius
    rim = 0.75 if view.zoom > OUTLINED else 0.0
    width = max(1.5 * min(view.zoom, 1.5), 1.0) if ring else rim
    marks = axes.scatter(
        *view.places[units].T,
        s=(2 * side * radius * pixel) ** 2,
        marker=MARKERS[shape],
        facecolors=white if ring else colours,
        edgecolors=colours if ring else white,
        linewidths=width * pixel,
        zorder=2 + shape / 10,
    )
    marks.set_gid(f"units-{shape}")


def _rings(axes: Axes, view: View, pixel: float) -> None:
    units = view.selected[view.radius[view.selected] > 0]
    rings = axes.scatter(
        *view.places[units].T,
        s=(2 * (view.radius[units] + 1.5) * pixel) ** 2,
        facecolors="none",
        edgecolors="black",
        linewidths=2.5 * pixel,
        zorder=3,
    )
    rings.set_gid("selected")


def legend_height(view: Explained) -> float:
    """What `draw_legend` needs, in inches."""
    return LINE * (_rows(view) + (1 if view.scale else 0) + 1) + 0.1


def _columns(view: Explained) -> int:
    longest = max((len(entry.label) for entry in view.entries), default=1)
    return max(1, min(len(view.entries), int((WIDTH - 0.3) / (0.45 + 0.078 * longest))))


def _rows(view: Explained) -> int:
    return ceil(len(view.entries) / _columns(view)) if view.entries else 0


def draw_legend(drawing: Figure, view: Explained, below: float, total: float) -> None:
    """The legend in the lowest `below` of `total` inches."""
    height = (below - LINE) / total
    drawing.text(0.02, height, view.legend, weight="bold", va="bottom", parse_math=False)
    if view.scale is not None:
        _scale(drawing, view.scale, (below - 2 * LINE) / total, total)
    if view.entries:
        drawing.legend(
            handles=[_mark(entry) for entry in view.entries],
            loc="lower left",
            bbox_to_anchor=(0.005, 0.02 / total),
            ncols=_columns(view),
            handletextpad=0.4,
            labelspacing=0.35,
        )


def _scale(drawing: Figure, scale: Scale, bottom: float, total: float) -> None:
    """A bar of the colours between the words for its ends."""
    size = RC["legend.fontsize"]
    left = 0.02 + (0.075 * len(scale.low) + 0.06) / WIDTH
    drawing.text(0.02, bottom, scale.low, size=size, va="bottom", parse_math=False)
    bar = drawing.add_axes((left, bottom, 1.7 / WIDTH, 0.11 / total))
    bar.imshow(to_rgba_array(list(scale.colours))[None], aspect="auto")
    bar.set_axis_off()
    right = left + 1.76 / WIDTH
    drawing.text(right, bottom, scale.high, size=size, va="bottom", parse_math=False)


def _mark(entry: Entry) -> Line2D:
    ring = entry.shape == RING
    return Line2D(
        [],
        [],
        linestyle="",
        marker=MARKERS[entry.shape],
        markersize=6,
        markerfacecolor="white" if ring else entry.colour,
        markeredgecolor=entry.colour if ring else "white",
        markeredgewidth=1.2 if ring else 0.4,
        label=entry.label.replace("$", r"\$"),
    )
