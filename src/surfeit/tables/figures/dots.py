"""Dots by name: every replicate of each method or criterion, and the mean of each."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from surfeit.tables.figures.style import BLACK, BLUE, VERMILLION


def dots(
    axes: Axes,
    groups: Mapping[str, Sequence[float]],
    *,
    published: Mapping[str, float] | None = None,
    percent: bool = True,
) -> None:
    """Draws a row of dots for each group, the first on top, with a tick at their mean.

    Args:
        axes: the panel.
        groups: values by name, one a replicate; a group without values keeps its row.
        published: a value by name, drawn as a hollow diamond in the row of that name.
        percent: whether values are fractions and labelled in percent.
    """
    published = published or {}
    for place, (name, values) in enumerate(groups.items()):
        row = np.full(len(values), float(place))
        axes.plot(values, row, linestyle="", marker="o", color=BLUE, alpha=0.55)
        if len(values):
            mean = float(np.mean(values))
            axes.plot([mean, mean], [place - 0.3, place + 0.3], color=BLACK, linewidth=1.6)
        if name in published:
            axes.plot(published[name], place, **_diamond())
    axes.set_yticks(range(len(groups)), list(groups))
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    if percent:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))


def dots_legend(axes: Axes, *, published: str | None = None, outside: bool = True) -> None:
    """Says below the panel what dots, ticks and (called by its source) diamonds are."""
    handles = [
        Line2D([], [], linestyle="", marker="o", color=BLUE, alpha=0.55, label="one seed"),
        Line2D([], [], linestyle="", marker="|", markersize=10, color=BLACK, label="mean"),
    ]
    if published is not None:
        handles.append(Line2D([], [], **_diamond(), label=published))
    if outside:
        axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)
    else:
        axes.legend(handles=handles, loc="best")


def _diamond() -> dict[str, Any]:
    return {
        "linestyle": "",
        "marker": "D",
        "markersize": 6,
        "markerfacecolor": "none",
        "color": VERMILLION,
    }
