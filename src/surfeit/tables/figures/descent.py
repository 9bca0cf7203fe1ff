"""Double descent: points that were measured on lines that are formulas."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.tables.figures.lines import mean_line
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
    panels,
    percent_axis,
    plain_axis,
    style,
    ticks_at,
)

Rows = list[dict[str, Any]]

_MEAN = Stroke(color=BLUE, marker="o")
_MEDIAN = Stroke(color=VERMILLION, linestyle="--", marker="s")
_RIDGE = Stroke(color=GREEN, linestyle="-.", marker="^")
_BIAS = Stroke(color=BLUE, linestyle="-", marker="o")
_VARIANCE = Stroke(color=ORANGE, linestyle="--", marker="s")
_NOISE = Stroke(color=GREY, linestyle=":")
_KINDS = {
    "relu": ("ReLU features", Stroke(color=BLUE, marker="o")),
    "fourier": ("Fourier features", Stroke(color=VERMILLION, linestyle="--", marker="s")),
}


def linear_figure(table: pa.Table) -> Figure:
    """The error of linear models by width, its parts, its limit, and descent by surplus.

    Args:
        table: as of the study `linear_descent`: `part`, `of`, `place`, `seed` and what is measured.
    """
    with style():
        drawing, axes = panels(2, rows=2, height=6.0)
        weak = _part(table, "weak")
        _errors(axes[0][0], weak)
        _parts(axes[0][1], weak)
        _limit(axes[1][0], _part(table, "isotropic"))
        _systems(axes[1][1], _part(table, "systems"))
    return drawing


def _errors(axes: Axes, rows: Rows) -> None:
    """Means where they have a variance, medians where they have none, and the ridge."""
    peak = _peak(rows)
    for column, stroke, label in (
        ("error", _MEAN, "mean"),
        ("median", _MEDIAN, "median"),
        ("ridge", _RIDGE, "mean, with ridge"),
    ):
        _formula(axes, rows, column, stroke, label)
    _points(axes, rows, "error", _MEAN, lambda place: abs(place - peak) > 3)
    _points(axes, rows, "median", _MEDIAN, lambda place: abs(place - peak) <= 3)
    _points(axes, rows, "ridge", _RIDGE)
    _at(axes, peak, "p = n")
    axes.set(title="Weak features", xlabel="features p", ylabel="prediction error", yscale="log")
    plain_axis(axes)
    axes.legend()


def _parts(axes: Axes, rows: Rows) -> None:
    peak = _peak(rows)
    _formula(axes, rows, "error", Stroke(color=BLACK), "all together")
    for column, stroke, label in (
        ("variance", _VARIANCE, "variance"),
        ("bias", _BIAS, "bias²"),
        ("noise", _NOISE, "noise"),
    ):
        _formula(axes, rows, column, stroke, label)
        _points(axes, rows, column, stroke, lambda place: abs(place - peak) > 3)
    _at(axes, peak, "p = n")
    axes.set(title="Its parts", xlabel="features p", yscale="log")
    # Beyond it the mean alone goes on: the parts would lie in the lowest tenth.
    axes.set_ylim(0.02, 60)
    plain_axis(axes)
    axes.legend()


def _limit(axes: Axes, rows: Rows) -> None:
    _formula(axes, rows, "error", _MEAN, "ridgeless limit")
    _points(axes, rows, "error", _MEAN)
    _at(axes, 1.0, "p = n")
    axes.set(title="All features fitted", xlabel="p/n", ylabel="excess error")
    axes.set(xscale="log", yscale="log")
    largest = max(row["error"] for row in rows if row["of"] == "drawn")
    axes.set_ylim(None, 10 * largest)
    _ratio_axis(axes, rows)
    plain_axis(axes)
    axes.legend()


def _systems(axes: Axes, rows: Rows) -> None:
    solvable = [row for row in rows if row["place"] >= 1]
    for column, stroke, label in (
        ("steps", _MEDIAN, "steps of gradient descent"),
        ("condition", _MEAN, "condition number"),
    ):
        _formula(axes, solvable, column, stroke, label)
        # A square system has medians alone: a few seeds' mean is that of the worst one.
        square = [row for row in solvable if row["place"] == 1 and row["of"] == "drawn"]
        middle = np.median([row[column] for row in square if row[column] is not None] or [np.nan])
        axes.plot(1, middle, color=stroke.color, marker=stroke.marker, markersize=3.5)
        _points(axes, solvable, column, stroke, lambda place: place > 1)
    axes.set(title="m equations, n unknowns", xlabel="n/m", xscale="log", yscale="log")
    _ratio_axis(axes, solvable)
    axes.legend()


def random_feature_figure(table: pa.Table) -> Figure:
    """The error on ReLU features of a sphere by N/n; on images error, squared error and norm.

    Args:
        table: as of the study `random_features`: `part`, `of`, `place`, `seed` and what was
            measured.
    """
    with style():
        drawing, axes = panels(2, rows=2, height=6.4)
        _sphere(axes[0][0], _part(table, "sphere"))
        images = {kind: _part(table, kind) for kind in _KINDS if _part(table, kind)}
        name = next(rows[0]["data"] for rows in images.values())
        for panel, column, title in (
            (axes[0][1], "error", f"Wrong on {name}"),
            (axes[1][0], "loss", f"Squared error on {name}"),
            (axes[1][1], "norm", "Norm of the solution"),
        ):
            _images(panel, images, column)
            panel.set_title(title)
        percent_axis(axes[0][1])
        drawing.legend(*axes[0][1].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        for panel in (axes[1][0], axes[1][1]):
            panel.set_yscale("log")
            plain_axis(panel)
    return drawing


def _sphere(axes: Axes, rows: Rows) -> None:
    _formula(axes, rows, "error", _MEAN, "limit of high dimension")
    _points(axes, rows, "error", _MEAN, lambda place: place != 1)
    drawn = [row for row in rows if row["of"] == "drawn"]
    middle = np.median([row["error"] for row in drawn if row["place"] == 1] or [np.nan])
    stroke: dict[str, Any] = _MEDIAN.options() | {"linestyle": ""}
    axes.plot(1, middle, markersize=3.5, label="median at N = n", **stroke)
    axes.set(title="ReLU features on a sphere", xlabel="N/n", ylabel="excess error")
    axes.set(xscale="log", yscale="log")
    formula = [row["error"] for row in rows if row["of"] == "formula" and row["error"] is not None]
    axes.set_ylim(min(formula) / 2, 10 * max(np.nan_to_num(middle), 1.0))
    _ratio_axis(axes, rows)
    plain_axis(axes)
    axes.legend(loc="upper left")


def _images(axes: Axes, images: Mapping[str, Rows], column: str) -> None:
    """A column of each kind of features, a dot a seed; of errors and losses training's, too."""
    for kind, rows in images.items():
        label, stroke = _KINDS[kind]
        name = column if column == "norm" else f"test_{column}"
        places, middles = _medians(rows, name)
        axes.plot(places, middles, label=f"{label}, test", **stroke.options())
        across, up = zip(*((row["place"], row[name]) for row in rows), strict=True)
        axes.plot(across, up, ".", color=stroke.color, alpha=0.5, markersize=4)
        if column == "norm":
            continue
        # From N = n on the training loss is nothing but rounding, which a logarithm would show.
        left = [row for row in rows if row["place"] < 1 or column == "error"]
        trained = _medians(left, f"train_{column}")
        axes.plot(*trained, color=stroke.color, linestyle=":", label=f"{label}, training")
    _at(axes, 1.0, "N = n")
    axes.set(xlabel="N/n", xscale="log", ylabel="median of seeds")
    _ratio_axis(axes, [row for rows in images.values() for row in rows])


def _medians(rows: Rows, column: str) -> tuple[list[float], list[float]]:
    """Places and medians over replicates: at N = n a mean is that of the worst one."""
    places = sorted({row["place"] for row in rows})
    at = ([row[column] for row in rows if row["place"] == place] for place in places)
    return places, [float(np.median(values)) for values in at]


def _part(table: pa.Table, part: str) -> Rows:
    return [row for row in table.to_pylist() if row["part"] == part]


def _peak(rows: Rows) -> float:
    """Where p = n: in the middle of the places where the formula has no mean."""
    infinite = [row["place"] for row in rows if row["of"] == "formula" and row["error"] is None]
    return float(np.mean(infinite))


def _formula(axes: Axes, rows: Rows, column: str, stroke: Stroke, label: str) -> None:
    """The closed form as a line, with a gap where it is infinite."""
    exact = sorted(
        (row["place"], np.nan if row[column] is None else row[column])
        for row in rows
        if row["of"] == "formula"
    )
    places, values = zip(*exact, strict=True)
    options: dict[str, Any] = stroke.options() | {"marker": ""}
    axes.plot(places, values, label=label, **options)


def _points(axes: Axes, rows: Rows, column: str, stroke: Stroke, shown: Any = None) -> None:
    """Means of what was drawn, with two standard errors on each side."""
    drawn = [row for row in rows if row["of"] == "drawn" and row[column] is not None]
    places, means, errors = _over(drawn, column)
    kept = [at for at, place in enumerate(places) if shown is None or shown(place)]
    axes.errorbar(
        [places[at] for at in kept],
        [means[at] for at in kept],
        yerr=[2 * errors[at] for at in kept],
        color=stroke.color,
        marker=stroke.marker,
        linestyle="",
        markersize=3.5,
        capsize=2,
        elinewidth=1,
    )


def _over(
    rows: Iterable[Mapping[str, Any]], column: str
) -> tuple[list[float], list[float], list[float]]:
    """Places, means over replicates and their standard errors."""
    values: dict[float, list[float]] = {}
    for row in rows:
        values.setdefault(row["place"], []).append(row[column])
    places = sorted(values)
    errors = [
        float(np.std(values[place], ddof=1)) / len(values[place]) ** 0.5
        if len(values[place]) > 1
        else 0.0
        for place in places
    ]
    return places, [float(np.mean(values[place])) for place in places], errors


def _at(axes: Axes, place: float, words: str) -> None:
    axes.axvline(place, color=GREY, linewidth=0.8, linestyle=":")
    axes.annotate(
        words,
        (place, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, -9),
        textcoords="offset points",
        color=GREY,
        fontsize=8,
    )


def _ratio_axis(axes: Axes, rows: Rows) -> None:
    ticks: Sequence[float] = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 4, 8]
    least, most = (end(row["place"] for row in rows) for end in (min, max))
    ticks_at(axes, [one for one in ticks if least <= one <= most])


_NOISES = (
    Stroke(color=BLUE, marker="o"),
    Stroke(color=ORANGE, linestyle="-.", marker="^"),
    Stroke(color=VERMILLION, linestyle="--", marker="s"),
)
_WAYS = (
    ("at the end", Stroke(color=VERMILLION, linestyle="--", marker="s")),
    ("with weight decay", Stroke(color=PURPLE, linestyle=":", marker="D")),
    ("stopped early", Stroke(color=GREEN, marker="o")),
)
_EACH_WIDTH = (
    Stroke(color=SKY, marker="o"),
    Stroke(color=BLACK, linestyle="--", marker="s"),
    Stroke(color=GREEN, linestyle="-.", marker="^"),
)


def deep_descent_figure(table: pa.Table, *, just_fits: int | None) -> Figure:
    """Test and training error by width, what lowers the peak, and test error by epoch.

    Args:
        table: as of the study `deep_descent`: `noise`, `decay`, `width`, `epoch`, `best`, and the
            errors, fractions; at most three noises.
        just_fits: the width at which the dotted line of panels by width stands, or None.
    """
    rows = table.to_pylist()
    noise, last = (max(row[name] for row in rows) for name in ("noise", "epoch"))
    ends = [row for row in rows if row["epoch"] == last]
    heavy = [row for row in rows if row["noise"] == noise]
    with style():
        drawing, axes = panels(2, rows=2, height=6.0)
        _by_width(axes[0][0], ends, "test_error", "Test error at the end")
        _by_width(axes[0][1], ends, "train_error", "Training error at the end")
        axes[0][0].set_ylabel("misclassified test images")
        axes[0][1].set_ylabel("misclassified training images")
        _by_way(axes[1][0], heavy, last)
        axes[1][0].set(title=f"What lowers the peak ({100 * noise:g} % noise)")
        _by_epoch(axes[1][1], [row for row in heavy if not row["decay"]], just_fits)
        axes[1][1].set(title=f"In the course of training ({100 * noise:g} % noise)")
        for panel in (axes[0][0], axes[0][1], axes[1][0]):
            _width_axis(panel, sorted({row["width"] for row in rows}))
            if just_fits is not None:
                panel.axvline(just_fits, color=GREY, linestyle=":", zorder=1)
        for panel in axes.flat:
            percent_axis(panel)
            panel.set_ylim(bottom=0)
            panel.legend()
    return drawing


def _by_width(axes: Axes, ends: Rows, column: str, title: str) -> None:
    noises = sorted({row["noise"] for row in ends})
    for share, stroke in zip(noises, _NOISES, strict=False):
        chosen = [row for row in ends if row["noise"] == share and not row["decay"]]
        label = f"{100 * share:g} % wrong labels" if share else "right labels"
        mean_line(axes, chosen, "width", column, stroke, label, bands=False)
    axes.set(title=title)


def _by_way(axes: Axes, heavy: Rows, last: int) -> None:
    ways = (
        [row for row in heavy if not row["decay"] and row["epoch"] == last],
        [row for row in heavy if row["decay"] and row["epoch"] == last],
        [row for row in heavy if not row["decay"] and row["best"]],
    )
    for chosen, (label, stroke) in zip(ways, _WAYS, strict=True):
        mean_line(axes, chosen, "width", "test_error", stroke, label, bands=False)
    axes.set_ylabel("misclassified test images")


def _by_epoch(axes: Axes, rows: Rows, just_fits: int | None) -> None:
    widths = sorted({row["width"] for row in rows})
    shown = sorted({widths[0], widths[-1], just_fits or widths[-1]})
    for width, stroke in zip(shown, _EACH_WIDTH, strict=False):
        chosen = [row for row in rows if row["width"] == width]
        just = ", just fits" if width == just_fits else ""
        label = f"{width:,} units{just}"
        mean_line(axes, chosen, "epoch", "test_error", stroke, label, bands=False)
    axes.set(xscale="log", xlabel="epochs (logarithmic axis)")
    axes.set_ylabel("misclassified test images")
    powers = [10**power for power in range(6)]
    ticks_at(axes, [power for power in powers if power <= max(row["epoch"] for row in rows)])


def _width_axis(axes: Axes, widths: Sequence[int]) -> None:
    axes.set(xscale="log", xlabel="hidden units (logarithmic axis)")
    ticks_at(axes, widths)
