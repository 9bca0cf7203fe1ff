"""Students of a noisy teacher: errors by width on closed forms, success, luck, who matches whom."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from surfeit.tables.figures.style import (
    BLUE,
    GREEN,
    GREY,
    VERMILLION,
    WIDTH,
    Stroke,
    percent_axis,
    style,
    ticks_at,
)
from surfeit.tables.statistics import exact_interval

Rows = list[dict[str, Any]]

_NAMES = {"erf": "erf", "relu": "ReLU", "linear": "linear"}
_STROKES = {
    "erf": Stroke(color=BLUE, marker="o"),
    "relu": Stroke(color=VERMILLION, linestyle="--", marker="s"),
    "linear": Stroke(color=GREEN, linestyle="-.", marker="^"),
}
_CHANCE = Stroke(color=GREY, linestyle=":")


def teacher_figure(table: pa.Table) -> Figure:
    """Errors by width, one layer or both trained; students that succeed; lucky units; matches.

    Errors are over ησ²/4, where the formula to first order is one line at every rate. Points are
    means over seeds with two standard errors, hollow at the larger of two rates. What diverged is
    left out.

    Args:
        table: as of the study `teacher_student`: `part`, `activation`, `units`, `rate`, `noise`,
            `seed`, and what was measured.
    """
    with style():
        drawing = Figure(figsize=(WIDTH, 8.2), layout="constrained")
        parts: Any = drawing.subfigures(2, 1, height_ratios=(5.6, 2.6))
        axes = parts[0].subplots(2, 2)
        _errors(axes[0][0], _part(table, "first"), "First layer trained")
        _errors(axes[0][1], _part(table, "both"), "Both layers trained", above=0.4)
        _success(axes[1][0], _part(table, "success"))
        _luck(axes[1][1], _part(table, "luck"))
        _matches(parts[1], _part(table, "overlap"))
    return drawing


def _errors(axes: Axes, rows: Rows, title: str, *, above: float = 0.0) -> None:
    """A line an activation, and points on or off it; so much of the height is free above them."""
    for name, stroke in _STROKES.items():
        own = [row for row in rows if row["activation"] == name]
        rates = sorted({row["rate"] for row in own})
        widths = sorted({row["units"] for row in own})
        if not own:
            continue
        line = [_mean(_scaled(own, "formula", units, rates[0])) for units in widths]
        axes.plot(widths, line, color=stroke.color, linestyle=stroke.linestyle)
        for rate in rates:
            values = [_scaled(own, "error", units, rate) for units in widths]
            axes.errorbar(
                widths,
                [_mean(one) for one in values],
                yerr=[2 * _standard_error(one) for one in values],
                color=stroke.color,
                marker=stroke.marker,
                markerfacecolor=stroke.color if rate == rates[0] else "white",
                linestyle="",
                markersize=4.5,
                capsize=2,
                elinewidth=1,
            )
    axes.set(title=title, xlabel="student's units K", ylabel="final error / (ησ²/4)")
    axes.set_ylim(0, (1 + above) * axes.get_ylim()[1])
    axes.set_xticks(sorted({row["units"] for row in rows}))
    axes.legend(handles=_handles(rows), loc="upper left", fontsize=7.5)


def _handles(rows: Rows) -> list[Line2D]:
    """An entry an activation and rate."""
    found = []
    for name, stroke in _STROKES.items():
        rates = sorted({row["rate"] for row in rows if row["activation"] == name})
        for rate in rates:
            options: dict[str, Any] = stroke.options()
            options["linestyle"] = stroke.linestyle if rate == rates[0] else ""
            options["markerfacecolor"] = stroke.color if rate == rates[0] else "white"
            label = f"{_NAMES[name]}, η = {rate:g}"
            found.append(Line2D([], [], label=label, markersize=4.5, linewidth=1.2, **options))
    return found


def _success(axes: Axes, rows: Rows) -> None:
    """The share of students that came near their teacher, with its exact interval."""
    widths = sorted({row["units"] for row in rows})
    near = {units: [row["near"] for row in rows if row["units"] == units] for units in widths}
    found = [exact_interval(sum(map(bool, one)), len(one)) for one in near.values()]
    axes.errorbar(
        widths,
        [one.estimate for one in found],
        yerr=[
            [one.estimate - one.lower for one in found],
            [one.upper - one.estimate for one in found],
        ],
        color=VERMILLION,
        marker="s",
        linestyle="-",
        linewidth=1.0,
        capsize=3,
        elinewidth=1,
    )
    _by_width(axes, widths, "Students that come near their teacher", "share of students")


def _luck(axes: Axes, rows: Rows) -> None:
    """The share of teacher units that the best match of the start specialised on."""
    widths = sorted({row["units"] for row in rows})
    lucky = [_present(row["lucky"] for row in rows if row["units"] == units) for units in widths]
    axes.errorbar(
        widths,
        [_mean(one) for one in lucky],
        yerr=[2 * _standard_error(one) for one in lucky],
        color=VERMILLION,
        marker="s",
        linestyle="-",
        linewidth=1.0,
        capsize=3,
        elinewidth=1,
        label="measured",
    )
    chance: dict[str, Any] = _CHANCE.options()
    axes.plot(widths, [1 / units for units in widths], label="by chance, 1/K", **chance)
    _by_width(axes, widths, "Best match of the start specialises", "share of teacher units")
    axes.legend(loc="upper right")


def _by_width(axes: Axes, widths: list[int], title: str, ylabel: str) -> None:
    axes.set(title=title, xlabel="student's units K", ylabel=ylabel, xscale="log")
    axes.set_ylim(0, 1.05)
    percent_axis(axes)
    ticks_at(axes, [float(units) for units in widths])


def _matches(drawing: SubFigure, rows: Rows) -> None:
    """An example's matrices of matches by step, students' units in order of whom they end with."""
    steps = sorted({row["step"] for row in rows})
    panels = drawing.subplots(1, len(steps), squeeze=False, sharey=True)[0]
    order = _order(_matrix(rows, steps[-1]))
    image = None
    for axes, step in zip(panels, steps, strict=True):
        image = axes.imshow(
            _matrix(rows, step)[order], cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto"
        )
        axes.set(title=f"step {step:,}", xlabel="teacher's unit")
        axes.title.set_fontsize(8.5)
        axes.grid(visible=False)
        count = len({row["teacher_unit"] for row in rows})
        axes.set_xticks(range(count), [str(unit + 1) for unit in range(count)])
        axes.set_yticks(range(len(order)), [str(unit + 1) for unit in order])
    panels[0].set_ylabel("student's unit")
    if image is not None:
        drawing.colorbar(image, ax=list(panels), label="match (cosine)", shrink=0.9)


def _matrix(rows: Rows, step: int) -> np.ndarray:
    """Matches [student's units, teacher's units]; NaN where the example diverged."""
    at = [row for row in rows if row["step"] == step]
    shape = tuple(1 + max(row[name] for row in at) for name in ("student_unit", "teacher_unit"))
    found = np.full(shape, np.nan)
    for row in at:
        if row["match"] is not None:
            found[row["student_unit"], row["teacher_unit"]] = row["match"]
    return found


def _order(matrix: np.ndarray) -> list[int]:
    """Students' units by the teacher's unit that they match best, the best ones first."""
    sound = np.nan_to_num(matrix)
    return sorted(range(len(sound)), key=lambda unit: (sound[unit].argmax(), -sound[unit].max()))


def _part(table: pa.Table, part: str) -> Rows:
    return [row for row in table.to_pylist() if row["part"] == part]


def _scaled(rows: Rows, column: str, units: int, rate: float) -> np.ndarray:
    """The values at a width and rate over ησ²/4."""
    return _present(
        None if row[column] is None else row[column] / (rate * row["noise"] ** 2 / 4)
        for row in rows
        if (row["units"], row["rate"]) == (units, rate)
    )


def _present(values: Iterable[float | None]) -> np.ndarray:
    return np.array([one for one in values if one is not None], dtype=float)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
