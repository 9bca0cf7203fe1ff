"""SGD with a fixed step: points that were measured on lines that are exact."""

from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from surfeit.tables.figures.style import (
    BLUE,
    GREEN,
    GREY,
    VERMILLION,
    Stroke,
    panels,
    plain_axis,
    style,
    ticks_at,
)

Rows = list[dict[str, Any]]

_WIDE = Stroke(color=BLUE, marker="o")
_NARROW = Stroke(color=VERMILLION, linestyle="--", marker="s")
_STEPS = Stroke(color=GREEN, marker="^")
_LIMIT = Stroke(color=GREY, linestyle=":")


def sgd_figure(table: pa.Table) -> Figure:
    """Losses by step where SGD interpolates and where not, floors by rate, steps by batch.

    Args:
        table: as of the study `sgd_regimes`: `part`, `place`, `seed`, and what was measured and is
            exact.
    """
    with style():
        drawing, axes = panels(2, rows=2, height=6.2)
        _losses(axes[0][0], _part(table, "wide"), _part(table, "narrow"))
        _floors(axes[0][1], _part(table, "rates"))
        batches = _part(table, "batches")
        _steps(axes[1][0], batches)
        _examples(axes[1][1], batches)
    return drawing


def _losses(axes: Axes, wide: Rows, narrow: Rows) -> None:
    for rows, stroke, label in (
        (narrow, _NARROW, "does not interpolate"),
        (wide, _WIDE, "interpolates"),
    ):
        steps = _places(rows)
        _line(axes, steps, _geometric(rows, "exact"), stroke, label)
        # Those of the start would lie on each other.
        shown = [at for at, step in enumerate(steps) if step % 100 == 0]
        means = _geometric(rows, "measured")
        _dots(axes, [steps[at] for at in shown], [means[at] for at in shown], stroke)
    axes.set(title="Loss by step", xlabel="step", ylabel="excess loss, of the start's")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(numticks=7))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(loc="center right", bbox_to_anchor=(1.0, 0.72))


def _floors(axes: Axes, rows: Rows) -> None:
    shares = _places(rows)
    exact = _mean(rows, "exact")
    _line(axes, shares, exact, _NARROW, "floor")
    _errors(axes, shares, exact, rows, _NARROW)
    slope = exact[0] / shares[0]
    _line(axes, shares, [slope * share for share in shares], _LIMIT, "proportional to the rate")
    axes.set(title="Floor by rate", xlabel="rate, of the best", ylabel="excess, of the least loss")
    axes.set(xscale="log", yscale="log")
    ticks_at(axes, shares)
    plain_axis(axes)
    axes.legend(loc="upper left")


def _steps(axes: Axes, rows: Rows) -> None:
    """Steps over those of gradient descent, between both asymptotes."""
    sizes = _places(rows)
    exact = _mean(rows, "exact", over="full")
    _line(axes, sizes, exact, _STEPS, "SGD")
    _errors(axes, sizes, exact, rows, _STEPS)
    _line(axes, sizes, [exact[0] / size for size in sizes], _NARROW, "m steps of one")
    _line(axes, sizes, [1.0 for _ in sizes], _LIMIT, "gradient descent")
    axes.set(title="Steps by batch", ylabel="steps, of gradient descent's")
    axes.set_ylim(0.6, 2 * exact[0])
    _batch_axis(axes, rows)
    axes.legend(loc="upper right")


def _examples(axes: Axes, rows: Rows) -> None:
    """What larger batches cost: m times the steps, over the steps of single examples."""
    sizes = _places(rows)
    single = {row["seed"]: row["exact"] for row in rows if row["place"] == 1}
    scaled = [row | {"exact": row["exact"] * row["place"] / single[row["seed"]]} for row in rows]
    exact = _mean(scaled, "exact")
    _line(axes, sizes, exact, _STEPS, "SGD")
    _errors(axes, sizes, exact, rows, _STEPS)
    _line(axes, sizes, [1.0 for _ in sizes], _NARROW, "single examples")
    _line(
        axes,
        sizes,
        [exact[-1] * size / sizes[-1] for size in sizes],
        _LIMIT,
        "gradient descent's steps",
    )
    axes.set(title="Examples by batch", ylabel="examples, of single ones'")
    axes.set_ylim(0.6, 2 * exact[-1])
    _batch_axis(axes, rows)
    axes.legend(loc="upper left")


def _batch_axis(axes: Axes, rows: Rows) -> None:
    axes.set(xlabel="batch m", xscale="log", yscale="log")
    critical = float(np.mean([row["critical"] for row in rows]))
    # It ends below the legend.
    axes.axvline(critical, ymax=0.6, color=GREY, linewidth=0.8)
    axes.annotate(
        "m*",
        (critical, 0.6),
        xycoords=("data", "axes fraction"),
        xytext=(3, -7),
        textcoords="offset points",
        color=GREY,
        fontsize=8.5,
    )
    ticks_at(axes, _places(rows)[::2])
    plain_axis(axes)


def _part(table: pa.Table, part: str) -> Rows:
    rows = [row for row in table.to_pylist() if row["part"] == part]
    return sorted(rows, key=lambda row: (row["place"], row["seed"]))


def _places(rows: Rows) -> list[float]:
    return sorted({row["place"] for row in rows})


def _over_seeds(rows: Rows, column: str, over: str = "") -> list[np.ndarray]:
    """The values of all seeds at each place, as shares of another column where one is given."""
    found = []
    for place in _places(rows):
        at = [row for row in rows if row["place"] == place]
        values = np.array([row[column] for row in at], dtype=float)
        found.append(values / np.array([row[over] for row in at]) if over else values)
    return found


def _mean(rows: Rows, column: str, over: str = "") -> list[float]:
    return [float(values.mean()) for values in _over_seeds(rows, column, over)]


def _geometric(rows: Rows, column: str) -> list[float]:
    """Means of logarithms: over many powers of ten others are those of the slowest seed."""
    return [float(np.exp(np.log(values).mean())) for values in _over_seeds(rows, column)]


def _line(axes: Axes, places: list[float], values: list[float], stroke: Stroke, label: str) -> None:
    options: dict[str, Any] = stroke.options() | {"marker": ""}
    axes.plot(places, values, label=label, **options)


def _dots(axes: Axes, places: list[float], values: list[float], stroke: Stroke) -> None:
    options: dict[str, Any] = stroke.options() | {"linestyle": ""}
    axes.plot(places, values, markersize=3.5, **options)


def _errors(
    axes: Axes, places: list[float], exact: list[float], rows: Rows, stroke: Stroke
) -> None:
    """Points as far off the line as seeds are off their own exact values, with two errors."""
    measured, wanted = _over_seeds(rows, "measured"), _over_seeds(rows, "exact")
    ratios = [one / other for one, other in zip(measured, wanted, strict=True)]
    spreads = [one.std(ddof=1) / len(one) ** 0.5 if len(one) > 1 else 0.0 for one in ratios]
    axes.errorbar(
        places,
        [line * one.mean() for line, one in zip(exact, ratios, strict=True)],
        yerr=[2 * line * float(one) for line, one in zip(exact, spreads, strict=True)],
        color=stroke.color,
        marker=stroke.marker,
        linestyle="",
        markersize=3.5,
        capsize=2,
        elinewidth=1,
    )
