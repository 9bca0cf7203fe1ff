"""A loss along lines and on planes through networks: curves, contours, surfaces, curvature."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from surfeit.tables.figures.lines import STROKES
from surfeit.tables.figures.style import WIDTH, loss_axis, panels, plain, plain_axis, style
from surfeit.tables.tables import where

_LEVELS = 14
_MARK = "#ffffff"
_HOLE: dict[str, Any] = {"facecolor": "#d4d4d4", "hatch": "xxx", "edgecolor": "#8a8a8a"}


def figure(
    heights: pa.Table, path: pa.Table, *, names: Sequence[str], labels: tuple[str, str]
) -> Figure:
    """Curves of a line; of a plane contours and surfaces, all networks in one scale.

    Losses that span more than a factor of 20 are on a logarithmic scale. What is not finite is
    hatched.

    Args:
        heights: rows `network, first, second, loss, accuracy`; `second` null on a line.
        path: rows `network, step, first, second`: snapshots or runs on the picture.
        names: what each network is called, in their order.
        labels: of both axes.
    """
    with style():
        if heights["second"].null_count == heights.num_rows:
            return _line(heights, path, names, labels[0])
        return _plane(heights, path, names, labels)


def convexity_figure(
    convexity: pa.Table, *, names: Sequence[str], labels: tuple[str, str]
) -> Figure:
    """How much convexity is lost in all directions, and in those of the picture, side by side.

    Args:
        convexity: rows `network, first, second, convexity_lost, plane_convexity_lost`.
        names, labels: as of `figure`.
    """
    kinds = {"convexity_lost": "all directions", "plane_convexity_lost": "the picture's alone"}
    with style():
        if convexity["second"].null_count == convexity.num_rows:
            return _convexity_line(convexity, names, labels[0], kinds)
        drawing, axes = panels(2, rows=len(names), height=3.1 * len(names))
        grids = [[grid(convexity, number, kind) for kind in kinds] for number in range(len(names))]
        shown = np.concatenate([part.ravel() for row in grids for _, _, part in row])
        finite = shown[np.isfinite(shown)]
        norm = Normalize(0, max(0.01, min(2.0, float(finite.max(initial=0)))))
        for number, name in enumerate(names):
            for column, words in enumerate(kinds.values()):
                panel = axes[number, column]
                a, b, lost = grids[number][column]
                holes = ~np.isfinite(lost)
                panel.pcolormesh(a, b, np.where(holes, np.nan, lost).T, norm=norm, cmap="cividis")
                _hatched(panel, a, b, np.isnan(lost))
                panel.set(xlabel=labels[0], ylabel=labels[1])
                panel.set_title(f"{name}\n{words}" if len(names) > 1 else words.capitalize())
                panel.grid(visible=False)
            bar = drawing.colorbar(ScalarMappable(norm, "cividis"), ax=axes[number], shrink=0.9)
            bar.set_label("convexity lost, |λ min| / λ max")
    return drawing


def grid(table: pa.Table, network: int, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A column of a network's rows as a grid: both axes and the values [first, second]."""
    rows = where(table, network=network).to_pylist()
    a = sorted({row["first"] for row in rows})
    b = sorted({row["second"] for row in rows})
    found = np.full((len(a), len(b)), np.nan)
    at = ({value: place for place, value in enumerate(axis)} for axis in (a, b))
    rows_at, columns_at = at
    for row in rows:
        value = np.nan if row[name] is None else row[name]
        found[rows_at[row["first"]], columns_at[row["second"]]] = value
    return np.array(a), np.array(b), found


def _plane(
    heights: pa.Table, path: pa.Table, names: Sequence[str], labels: tuple[str, str]
) -> Figure:
    count = len(names)
    drawing = Figure(figsize=(WIDTH, 5.6 if count > 1 else 3.3), layout="constrained")
    rows, columns = (2, count) if count > 1 else (1, 2)
    grids = [grid(heights, number, "loss") for number in range(count)]
    norm = _norm(np.concatenate([values.ravel() for _, _, values in grids]))
    flat: list[Axes] = []
    holed = False
    for number, (name, (a, b, values)) in enumerate(zip(names, grids, strict=True)):
        panel = drawing.add_subplot(rows, columns, number + 1)
        flat.append(panel)
        _contours(panel, a, b, values, norm)
        holed |= _hatched(panel, a, b, ~np.isfinite(values))
        _path(panel, where(path, network=number))
        panel.set(xlabel=labels[0], ylabel=labels[1], title=name)
        panel.set(xlim=(a[0], a[-1]), ylim=(b[0], b[-1]))
        panel.grid(visible=False)
        solid = drawing.add_subplot(
            rows, columns, columns + number + 1 if count > 1 else 2, projection="3d"
        )
        _surface(solid, a, b, values, norm, labels)
    logarithmic = isinstance(norm, LogNorm)
    bar = drawing.colorbar(ScalarMappable(norm, "viridis"), ax=flat, shrink=0.95, pad=0.02)
    bar.set_label("loss" + (", logarithmic" if logarithmic else ""))
    if logarithmic:
        plain_axis(bar.ax)
    if holed:
        drawing.legend(handles=[Patch(**_HOLE, label="not finite")], loc="outside lower left")
    return drawing


def _norm(values: np.ndarray) -> Normalize:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if low > 0 and high > 20 * low:
        return LogNorm(low, high)
    return Normalize(low, high if high > low else low + 1)


def _contours(
    panel: Axes, a: np.ndarray, b: np.ndarray, values: np.ndarray, norm: Normalize
) -> None:
    shown = np.ma.masked_invalid(values.T)
    if shown.mask.all():
        return
    assert norm.vmin is not None
    assert norm.vmax is not None
    spaced = np.geomspace if isinstance(norm, LogNorm) else np.linspace
    levels = spaced(norm.vmin, norm.vmax, _LEVELS + 1)
    levels[0] *= 1 - 1e-9 if levels[0] > 0 else 1
    panel.contourf(a, b, shown, levels=levels, norm=norm, cmap="viridis", extend="both")
    lines = panel.contour(a, b, shown, levels=levels[1:-1:2], colors="white", linewidths=0.5)
    panel.clabel(lines, fontsize=6.5, fmt=lambda value: plain(float(f"{value:.2g}")))


def _hatched(panel: Axes, a: np.ndarray, b: np.ndarray, holes: np.ndarray) -> bool:
    """Hatches the points without a value, each as wide as the grid is spaced."""
    wide, high = (np.median(np.diff(axis)) for axis in (a, b))
    for row, column in np.argwhere(holes):
        corner = (a[row] - wide / 2, b[column] - high / 2)
        panel.add_patch(_square(corner, wide, high))
    return bool(holes.any())


def _square(corner: tuple[float, float], wide: float, high: float) -> Any:
    return Rectangle(corner, wide, high, linewidth=0, **_HOLE)


def _path(panel: Axes, path: pa.Table) -> None:
    rows = path.to_pylist()
    if len(rows) < 2:
        panel.plot(0, 0, marker="+", color=_MARK, markersize=8, markeredgewidth=1.4)
        return
    a, b = ([row[axis] for row in rows] for axis in ("first", "second"))
    steps = rows[0]["step"] is not None
    panel.plot(a, b, color=_MARK, marker="o", markersize=2.5, linewidth=1.2 if steps else 0)
    if steps:
        last = f"step {rows[-1]['step']:,}"
        for place, words in ((0, f"step {rows[0]['step']:,}"), (-1, last)):
            panel.annotate(
                words,
                (a[place], b[place]),
                color="#000000",
                fontsize=7,
                textcoords="offset points",
                xytext=(5, 5),
                bbox={"facecolor": "white", "alpha": 0.75, "pad": 1, "linewidth": 0},
            )


def _surface(
    solid: Any,
    a: np.ndarray,
    b: np.ndarray,
    values: np.ndarray,
    norm: Normalize,
    labels: tuple[str, str],
) -> None:
    logarithmic = isinstance(norm, LogNorm)
    with np.errstate(invalid="ignore", divide="ignore"):
        shown = np.log10(values) if logarithmic else values
    shown = np.where(np.isfinite(shown), shown, np.nan)
    first, second = np.meshgrid(a, b, indexing="ij")
    colours = ScalarMappable(norm, "viridis").to_rgba(values)
    solid.plot_surface(
        first, second, shown, facecolors=colours, rstride=1, cstride=1, linewidth=0, shade=False
    )
    solid.set_xlabel(labels[0], fontsize=7, labelpad=-4)
    solid.set_ylabel(labels[1], fontsize=7, labelpad=-4)
    solid.set_zlabel("log₁₀ loss" if logarithmic else "loss", fontsize=7, labelpad=-4)
    solid.tick_params(labelsize=6, pad=-2)
    for axis in (solid.xaxis, solid.yaxis, solid.zaxis):
        axis.set_major_locator(MaxNLocator(5))
    solid.set_box_aspect(None, zoom=0.8)
    solid.view_init(elev=32, azim=-58)
    assert norm.vmin is not None
    assert norm.vmax is not None
    ends = [math.log10(one) if logarithmic else one for one in (norm.vmin, norm.vmax)]
    solid.set_zlim(*ends)


def _line(heights: pa.Table, path: pa.Table, names: Sequence[str], label: str) -> Figure:
    accuracy = heights["accuracy"].null_count < heights.num_rows
    drawing, axes = panels(1 + accuracy, height=3.0)
    shown = {"loss": "loss"} | ({"accuracy": "accuracy"} if accuracy else {})
    holed = False
    for panel, name in zip(axes.flat, shown, strict=True):
        every = []
        for number, words in enumerate(names):
            rows = sorted(where(heights, network=number).to_pylist(), key=lambda row: row["first"])
            a = np.array([row["first"] for row in rows])
            values = np.array([np.nan if row[name] is None else row[name] for row in rows], float)
            every.append(values)
            panel.plot(a, values, **STROKES[number].options(), label=words)
            holed |= name == "loss" and _gaps(panel, a, values)
        for row in path.to_pylist() if path.num_rows > 1 else []:
            panel.axvline(row["first"], color="#6b6b6b", linewidth=0.7, linestyle=":")
        panel.set(xlabel=label, ylabel=name)
        if name == "loss":
            loss_axis(panel, np.concatenate(every))
    handles, words = axes[0, 0].get_legend_handles_labels()
    if holed:
        handles, words = [*handles, Patch(**_HOLE)], [*words, "not finite"]
    if len(handles) > 1:
        drawing.legend(handles, words, loc="outside lower center", ncols=3)
    return drawing


def _gaps(panel: Axes, a: np.ndarray, values: np.ndarray) -> bool:
    half = np.median(np.diff(a)) / 2
    for place in a[~np.isfinite(values)]:
        panel.axvspan(place - half, place + half, linewidth=0, **_HOLE)
    return bool((~np.isfinite(values)).any())


def _convexity_line(
    convexity: pa.Table, names: Sequence[str], label: str, kinds: Mapping[str, str]
) -> Figure:
    drawing, axes = panels(1, height=3.0)
    for number, name in enumerate(names):
        rows = sorted(where(convexity, network=number).to_pylist(), key=lambda row: row["first"])
        for place, (kind, words) in enumerate(kinds.items()):
            values = [np.nan if row[kind] is None else row[kind] for row in rows]
            axes[0, 0].plot(
                [row["first"] for row in rows],
                values,
                **STROKES[2 * number + place].options(),
                label=f"{name}\n{words}" if len(names) > 1 else words,
            )
    axes[0, 0].set(xlabel=label, ylabel="convexity lost, |λ min| / λ max")
    drawing.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return drawing
