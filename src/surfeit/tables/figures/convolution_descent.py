"""Double descent of networks of convolutions: by width, by steps, by the number of images."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.tables.figures.lines import mean_line
from surfeit.tables.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    SKY,
    VERMILLION,
    Stroke,
    panels,
    percent_axis,
    style,
    ticks_at,
)

Rows = list[dict[str, Any]]

_RIGHT = Stroke(color=BLUE, marker="o")
_NOISY = Stroke(color=VERMILLION, linestyle="--", marker="s")
_SHIFTED = Stroke(color=PURPLE, linestyle=":", marker="D")
_EACH = (
    Stroke(color=SKY, marker="o"),
    Stroke(color=BLACK, linestyle="--", marker="s"),
    Stroke(color=GREEN, linestyle="-.", marker="^"),
    Stroke(color=GREY, linestyle=":", marker="D"),
)


def convolution_descent_figure(table: pa.Table, *, just_fits: int | None) -> Figure:
    """Test and training error by width, test error by step, and by width for each of the images.

    Args:
        table: as of the study `convolution_descent`: `images`, `noise`, `shifted`, `width`, `step`
            and the errors, fractions; at most four numbers of images.
        just_fits: the width at which the dotted line of panels by width stands, or None.
    """
    rows = table.to_pylist()
    last, noise = (max(row[name] for row in rows) for name in ("step", "noise"))
    whole = next(row["images"] for row in rows if not row["noise"])
    ends = [row for row in rows if row["step"] == last]
    widths = sorted({row["width"] for row in rows})
    plain = [row for row in rows if row["noise"] and not row["shifted"]]
    with style():
        drawing, axes = panels(2, rows=2, height=6.0)
        for panel, name in ((axes[0][0], "test"), (axes[0][1], "training")):
            _by_width(panel, [row for row in ends if row["images"] == whole], name, noise)
            panel.set_title(f"{name.capitalize()} error, {whole:,} images")
        shown = sorted({widths[0], widths[-1], just_fits or widths[-1]})
        for stroke, width in zip(_EACH, shown, strict=False):
            own = [row for row in plain if row["images"] == whole and row["width"] == width]
            just = ", just fits" if width == just_fits else ""
            _line(axes[1][0], own, "step", "test_error", stroke, f"k = {width}{just}")
        _step_axis(axes[1][0], last)
        axes[1][0].set_title(f"In the course of training ({100 * noise:g} % noise)")
        for stroke, images in zip(_EACH, sorted({row["images"] for row in plain}), strict=False):
            own = [row for row in plain if row["step"] == last and row["images"] == images]
            _line(axes[1][1], own, "width", "test_error", stroke, f"{images:,} images")
        axes[1][1].set_title(f"By training images ({100 * noise:g} % noise)")
        for panel in (axes[0][0], axes[0][1], axes[1][1]):
            _width_axis(panel, widths)
        for panel in (axes[0][0], axes[0][1]):
            if just_fits is not None:
                panel.axvline(just_fits, color=GREY, linestyle=":", zorder=1)
        for panel in axes.flat:
            percent_axis(panel)
            panel.set_ylim(0, 1.3 * panel.get_ylim()[1])
            panel.legend(loc="upper right")
        axes[0][0].set_ylabel("misclassified test images")
        axes[0][1].set_ylabel("misclassified training images")
        axes[1][0].set_ylabel("misclassified test images")
    return drawing


def _by_width(axes: Axes, ends: Rows, split: str, noise: float) -> None:
    column = "test_error" if split == "test" else "train_error"
    words = f"{100 * noise:g} % wrong labels"
    for share, shifted, stroke, label in (
        (0, False, _RIGHT, "right labels"),
        (noise, False, _NOISY, words),
        (noise, True, _SHIFTED, f"{words}, shifted images"),
    ):
        own = [row for row in ends if row["noise"] == share and row["shifted"] == shifted]
        _line(axes, own, "width", column, stroke, label)


def _line(axes: Axes, rows: Rows, x: str, y: str, stroke: Stroke, label: str) -> None:
    mean_line(axes, rows, x, y, stroke, label, bands=False)


def _width_axis(axes: Axes, widths: Sequence[int]) -> None:
    axes.set(xscale="log", xlabel="width k (logarithmic axis)")
    ticks_at(axes, widths)


def _step_axis(axes: Axes, last: int) -> None:
    axes.set(xscale="log", xlabel="steps (logarithmic axis)")
    ticks_at(axes, [10**power for power in range(7) if 10 <= 10**power <= last])
