"""What a page needs to show a saved figure panel by panel, and to read values off its curves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.scale import SymmetricalLogTransform
from matplotlib.transforms import Bbox

from surfeit.tables.figures.style import style

Box = tuple[float, float, float, float]  # left, top, width, height, in the SVG's units
_POINTS = 72  # an inch: the SVG's units
_MARGIN = 2.0


@dataclass(frozen=True, kw_only=True)
class Axis:
    """How values lie along an axis.

    Args:
        kind: "linear", "log", or "symlog", which is linear up to `near` and logarithmic beyond.
        low, high: the values at its ends.
        near: of "symlog"; else 0.
        label: what the axis is of.
        percent: whether values are fractions that are labelled in percent.
    """

    kind: str
    low: float
    high: float
    near: float
    label: str
    percent: bool


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A line that values can be read off.

    Args:
        label: as in the legend.
        colour: as the SVG has it.
        x, y: its points.
    """

    label: str
    colour: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One of a figure's axes.

    Args:
        group: the identifier of its group in the SVG.
        title: above it, in one line.
        box: all of it, with its labels.
        plot: the rectangle within its axes.
        x, y: its axes.
        curves: its lines; those across the whole panel are none.
    """

    group: str
    title: str
    box: Box
    plot: Box
    x: Axis
    y: Axis
    curves: tuple[Curve, ...]


@dataclass(frozen=True, kw_only=True)
class Key:
    """An entry of the legend.

    Args:
        label: its words.
        box: where its sample of the line or mark lies.
    """

    label: str
    box: Box


@dataclass(frozen=True, kw_only=True)
class Readout:
    """A figure's panels, row by row, and its legend, whose group in the SVG is "legend_1"."""

    panels: tuple[Panel, ...]
    keys: tuple[Key, ...]


def readout(figure: Figure) -> Readout:
    """The places, axes and lines of a figure, once it was saved: its layout must be settled.

    All panels get one size, so that words are as large in each wherever it stands.

    Args:
        figure: as `save` left it.
    """
    with _measured(figure):
        return _read(figure)


def pieces(figure: Figure) -> tuple[tuple[Box, ...], ...]:
    """Where a figure's panels lie, once it was saved, in the order in which they were made.

    A flat panel is followed by the colour bars of its row; behind the panels comes the legend.

    Args:
        figure: as `save` left it.
    """
    with _measured(figure):
        bars = [_with_margin(_box(figure, _tight(axes))) for axes in figure.axes if _is_bar(axes)]
        panels = [axes for axes in figure.axes if not _is_bar(axes)]
        boxes = [_with_margin(_box(figure, _tight(axes))) for axes in panels]
        legends = [_with_margin(_box(figure, one.get_window_extent())) for one in figure.legends]
    found = [
        _apart((box, *(bar for bar in bars if axes.name != "3d" and _is_beside(bar, box))))
        for axes, box in zip(panels, boxes, strict=True)
    ]
    return (*found, *((legend,) for legend in legends))


@contextmanager
def _measured(figure: Figure) -> Iterator[None]:
    """While in force, the figure's parts lie as in its SVG."""
    dpi = figure.dpi
    figure.set_dpi(_POINTS)
    try:
        # Unhinted, words are as wide as in the SVG. More dots would take 100 MB a figure. How many
        # ticks an axis has follows from the style.
        with style(), mpl.rc_context({"text.hinting": "none"}):
            figure.draw_without_rendering()  # until then legends lie as in the last file
            yield
    finally:
        figure.set_dpi(dpi)


def _is_bar(axes: Axes) -> bool:
    return axes.get_label() == "<colorbar>"


def _is_beside(bar: Box, panel: Box) -> bool:
    return bar[1] <= panel[1] + panel[3] / 2 <= bar[1] + bar[3]


def _apart(piece: tuple[Box, ...]) -> tuple[Box, ...]:
    """A panel and its bars; one box of all where a long title reaches over a bar."""
    (left, top, width, _), *bars = piece
    if all(bar[0] >= left + width - 2 * _MARGIN for bar in bars):
        return piece
    right, bottom = (max(box[axis] + box[axis + 2] for box in piece) for axis in (0, 1))
    top = min(top, *(bar[1] for bar in bars))
    return ((left, top, right - left, bottom - top),)


def _with_margin(box: Box) -> Box:
    left, top, width, height = box
    return (left - _MARGIN, top - _MARGIN, width + 2 * _MARGIN, height + 2 * _MARGIN)


def _read(figure: Figure) -> Readout:
    boxes = [_box(figure, _tight(axes)) for axes in figure.axes]
    panels = tuple(
        Panel(
            group=f"axes_{place}",
            title=" ".join(axes.get_title(loc="left").split()),
            box=_aligned(place - 1, figure, boxes),
            plot=_box(figure, axes.get_window_extent()),
            x=_axis(axes, "x"),
            y=_axis(axes, "y"),
            curves=tuple(_curves(axes)),
        )
        for place, axes in enumerate(figure.axes, start=1)
    )
    keys = tuple(_keys(figure, figure.legends[0])) if figure.legends else ()
    return Readout(panels=panels, keys=keys)


def _tight(axes: Axes) -> Bbox:
    found = axes.get_tightbbox()
    assert found is not None, "a figure's axes are seen"
    return found


def _box(figure: Figure, found: Bbox) -> Box:
    """A box of the screen in the SVG's units, whose first is the top."""
    scale = _POINTS / figure.dpi
    height = figure.get_figheight() * _POINTS
    left, right = found.x0 * scale, found.x1 * scale
    return (left, height - found.y1 * scale, right - left, (found.y1 - found.y0) * scale)


def _aligned(place: int, figure: Figure, boxes: list[Box]) -> Box:
    """A panel's box, begun where its column and its row begin, as large as the largest."""
    specs = [axes.get_subplotspec() for axes in figure.axes]
    assert all(spec is not None for spec in specs), "panels lie in a grid"
    rows = [box for box, spec in zip(boxes, specs, strict=True) if _same(spec, specs[place], "row")]
    columns = [
        box for box, spec in zip(boxes, specs, strict=True) if _same(spec, specs[place], "col")
    ]
    width, height = (max(box[side] for box in boxes) for side in (2, 3))
    left, top = min(box[0] for box in columns), min(box[1] for box in rows)
    return _with_margin((left, top, width, height))


def _same(one: Any, other: Any, side: str) -> bool:
    """Whether two places of a grid are in one row, or one column."""
    return getattr(one, f"{side}span") == getattr(other, f"{side}span")


def _axis(axes: Axes, name: str) -> Axis:
    axis = axes.xaxis if name == "x" else axes.yaxis
    low, high = axes.get_xlim() if name == "x" else axes.get_ylim()
    kind = axis.get_scale()
    transform = axis.get_transform()
    near = transform.linthresh if isinstance(transform, SymmetricalLogTransform) else 0.0
    return Axis(
        kind=kind,
        low=float(low),
        high=float(high),
        near=float(near),
        label=axis.get_label_text(),
        percent=axis.get_major_formatter()(0.5, 0).endswith("%"),
    )


def _curves(axes: Axes) -> Iterator[Curve]:
    for line in axes.get_lines():
        if line.get_transform() == axes.transData and not str(line.get_label()).startswith("_"):
            yield Curve(
                label=str(line.get_label()),
                colour=str(line.get_color()),
                x=_numbers(line, "x"),
                y=_numbers(line, "y"),
            )


def _numbers(line: Line2D, name: str) -> tuple[float, ...]:
    values = np.asarray(line.get_xdata() if name == "x" else line.get_ydata(), dtype=float)
    return tuple(values.tolist())


def _keys(figure: Figure, legend: Legend) -> Iterator[Key]:
    """The samples lie before the words, as wide as the legend says."""
    for text in legend.get_texts():
        left, top, _, height = _box(figure, text.get_window_extent())
        size = float(text.get_fontsize())
        width = legend.handlelength * size
        start = left - legend.handletextpad * size - width
        yield Key(label=text.get_text(), box=(start - 1, top - 1, width + 2, height + 2))
