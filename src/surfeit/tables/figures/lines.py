"""Means over replicates as lines with their intervals: what most studies show."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes

from surfeit.tables.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    Stroke,
    ticks_at,
)
from surfeit.tables.statistics import Mean, over_replicates
from surfeit.tables.tickets import percent

STROKES = (
    Stroke(color=BLUE, linestyle="-", marker="o"),
    Stroke(color=VERMILLION, linestyle="--", marker="s"),
    Stroke(color=GREEN, linestyle="-.", marker="^"),
    Stroke(color=PURPLE, linestyle=":", marker="D"),
    Stroke(color=ORANGE, linestyle=(0, (8, 2)), marker="v"),
    Stroke(color=SKY, linestyle=(0, (8, 2, 1, 2, 1, 2)), marker="<"),
    Stroke(color=BLACK, linestyle=(0, (2, 2)), marker="P"),
    Stroke(color=GREY, linestyle=(0, (1, 3)), marker="*"),
)
"""One for each line of a panel, in order: told apart without colour."""


def mean_lines(
    axes: Axes,
    table: pa.Table,
    *,
    x: str,
    y: str,
    by: str | None = None,
    label: Callable[[Any], str] = str,
    scale: float = 1.0,
    bands: bool = True,
) -> None:
    """Draws the mean of a column over replicates against another, a line for each group.

    A band is the 95 % Student interval over the rows of equal `x` and group; where there is a
    single row, or all are equal, there is none, and each replicate's value is a dot.

    Args:
        axes: where to draw.
        table: one row a value; rows whose `y` is null are left out.
        x, y: columns of numbers.
        by: the column of groups, at most eight; None for a single line.
        label: from a group's value to its words in the legend.
        scale: what `y` is multiplied by, 100 for percent.
        bands: whether intervals are drawn; those of many lines hide each other, dots do not.
    """
    rows = [row for row in table.to_pylist() if row[y] is not None]
    groups = dict.fromkeys(row[by] if by else None for row in rows)
    for stroke, group in zip(STROKES, groups, strict=False):
        chosen = [row for row in rows if by is None or row[by] == group]
        mean_line(
            axes,
            chosen,
            x,
            y,
            stroke,
            None if by is None else label(group),
            scale=scale,
            bands=bands,
        )


def mean_line(
    axes: Axes,
    rows: Iterable[Mapping[str, Any]],
    x: str,
    y: str,
    stroke: Stroke,
    label: str | None = None,
    *,
    scale: float = 1.0,
    bands: bool = True,
) -> None:
    """Draws a column against another: a dot a row, their mean as a line, and its interval.

    The mean is drawn where there are most rows: that of the few that reach a place is one of
    others, and a line would show the change of replicates as one of the quantity.

    Args:
        axes, x, y, scale, bands: as of `mean_lines`.
        rows: one a value; those without a value (None) are left out.
        stroke: of the mean; band and dots have its colour.
        label: of the mean.
    """
    values: dict[float, list[float]] = {}
    for row in rows:
        if row[y] is not None:
            values.setdefault(row[x], []).append(scale * row[y])
    most = max((len(some) for some in values.values()), default=0)
    shared = sorted(place for place, some in values.items() if len(some) == most)
    over = [over_replicates(values[place]) for place in shared]
    if bands:
        _draw_band(axes, shared, over, stroke.color)
    axes.plot(shared, [one.mean for one in over], label=label, **stroke.options())
    dots = [(place, value) for place in sorted(values) for value in values[place]]
    across, up = zip(*dots, strict=True) if dots else ((), ())
    axes.plot(across, up, ".", color=stroke.color, alpha=0.5, markersize=4)


def _draw_band(axes: Axes, places: Sequence[float], over: Sequence[Mean], color: str) -> None:
    lower = [np.nan if one.lower is None else one.lower for one in over]
    upper = [np.nan if one.upper is None else one.upper for one in over]
    axes.fill_between(places, lower, upper, color=color, alpha=0.15, linewidth=0)


def density_axis(axes: Axes, densities: Sequence[float]) -> None:
    """A logarithmic axis of densities (fractions) that falls from left to right, in percent."""
    found = sorted(set(densities), reverse=True)
    axes.set_xscale("log")
    ticks_at(axes, labelled(found), say=percent)
    axes.set_xlabel("density: weights kept (%)")
    if found:
        factor = max((found[0] / found[-1]) ** 0.04, 1.02)
        axes.set_xlim(found[0] * factor, found[-1] / factor)


def labelled(places: Sequence[float], most: int = 7) -> list[float]:
    """Of descending positive places those to name: the largest, and those that have room."""
    if not places:
        return []
    apart = np.log(places[0] / places[-1]) / most
    chosen = [places[0]]
    for one in places[1:]:
        if np.log(chosen[-1] / one) >= max(apart, 1e-6):
            chosen.append(one)
    return chosen
