"""One look for all figures: colours that survive colour blindness, strokes that survive grey."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from surfeit.store import make_folder, write_atomically

# Okabe and Ito 2008: told apart by all common kinds of colour vision.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, PALE = "#6b6b6b", "#d4d4d4"

WIDTH = 7.0  # inches: the text width of a page, so that fonts print at their own size
DPI = 200

_NAMELESS: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "none",  # words are text: searched, read aloud, edited
    "svg.hashsalt": "surfeit",
    "pdf.fonttype": 42,
}


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """How one kind of line is drawn: no two share a colour, nor a dash and marker."""

    color: str
    linestyle: Any = "-"
    marker: str = ""

    def options(self) -> dict[str, Any]:
        """The stroke as matplotlib's keywords."""
        return {"color": self.color, "linestyle": self.linestyle, "marker": self.marker}


@contextmanager
def style() -> Iterator[None]:
    """The look, for the figures that are built or saved inside; nothing global is left changed."""
    with mpl.rc_context(RC):
        yield


def panels(
    columns: int, *, height: float, rows: int = 1, sharex: bool = False, sharey: bool = False
) -> tuple[Figure, Any]:
    """An empty figure of the page's width and its axes as an array [rows, columns]."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey)


def percent_axis(axes: Axes) -> None:
    """Labels the vertical axis, whose data are fractions, in percent."""
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))


def loss_axis(axes: Axes, values: np.ndarray, *, needed: float = 50.0) -> None:
    """Makes an axis of losses logarithmic, without exponents, where they span orders of magnitude.

    Args:
        axes: whose vertical axis it is.
        values: all that is drawn; losses below or at 0 keep the axis linear.
        needed: from which ratio of the largest to the smallest.
    """
    finite = values[np.isfinite(values)]
    if len(finite) and finite.min() > 0 and finite.max() >= needed * finite.min():
        axes.set_yscale("log")
        numbers = FuncFormatter(lambda value, _: plain(value))
        axes.yaxis.set_major_formatter(numbers)
        # Between two powers of ten there may be none: then the steps between carry the numbers.
        if finite.max() < 10 * finite.min():
            axes.yaxis.set_minor_locator(LogLocator(subs=(2, 3, 5, 7)))
            axes.yaxis.set_minor_formatter(numbers)
        else:
            axes.yaxis.set_minor_formatter(NullFormatter())


def error_axis(axes: Axes, values: np.ndarray) -> None:
    """Makes an axis of errors (fractions) logarithmic, in percent; where one is none, it has 0 %.

    Args:
        axes: whose vertical axis it is.
        values: all that is drawn, in [0, 1].
    """
    finite = values[np.isfinite(values)]
    least = float(finite[finite > 0].min(initial=1.0))
    low, high = least / 1.5, min(1.0, float(finite.max(initial=0.0)) * 1.2) or 1.0
    if (finite <= 0).any():
        # A logarithm has no place for nothing: below the least error the axis is linear.
        axes.set_yscale("symlog", linthresh=least, linscale=0.4)
        low = 0.0
    else:
        axes.set_yscale("log")
    high = max(high, 1.5 * least)
    ticks = [step * 10.0**decade for decade in range(-6, 1) for step in (1, 2, 5)]
    shown = [tick for tick in ticks if max(low, 0.8 * least) <= tick <= high]
    # Of many decades, every power of ten alone.
    shown = shown if len(shown) <= 9 else [tick for tick in shown if np.log10(tick) % 1 == 0]
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(FixedLocator([0.0, *shown] if low == 0 else shown))
    axes.yaxis.set_minor_locator(FixedLocator([]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{plain(100 * value)} %"))


def plain_axis(axes: Axes) -> None:
    """Numbers without exponents on a logarithmic axis; between the powers of ten where few are."""
    numbers = FuncFormatter(lambda value, _: plain(value))
    axes.yaxis.set_major_formatter(numbers)
    low, high = axes.get_ylim()
    if high < 1000 * low:
        axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axes.yaxis.set_minor_formatter(numbers)
    else:
        axes.yaxis.set_minor_formatter(NullFormatter())


def ticks_at(
    axes: Axes, places: Sequence[float], *, say: Callable[[float], str] | None = None
) -> None:
    """Ticks of the horizontal axis at these places alone; numbers without exponents by default."""
    words = say or plain
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words(value)))


def plain(value: float) -> str:
    """A number without an exponent: 0.00001, not 1e-05."""
    return np.format_float_positional(float(f"{value:.6g}"), trim="-")


def save(figure: Figure, folder: Path, name: str) -> dict[str, Path]:
    """Writes the figure as `name`.svg, .png (200 dpi) and .pdf into `folder`, made if missing.

    The same figure gives the same bytes: no dates, no random names. Words in the SVG are text.

    Args:
        figure: what to write.
        folder: where.
        name: without an ending.

    Returns:
        the three paths by "svg", "png" and "pdf".

    Raises:
        StoreError: if the disk refuses a file, naming it; no part of it is left.
    """
    make_folder(folder)
    paths = {kind: folder / f"{name}.{kind}" for kind in _NAMELESS}
    _write(figure, paths)
    return paths


def save_as(figure: Figure, path: Path) -> None:
    """Writes the figure as one file, its kind by the path's ending: .svg, .png (200 dpi) or .pdf.

    The same figure gives the same bytes: no dates, no random names.

    Raises:
        ValueError: if the ending is another.
        StoreError: if the disk refuses the file; no part of it is left.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in _NAMELESS:
        raise ValueError(f"a figure is written as .svg, .png or .pdf, got {path.name}")
    make_folder(path.parent)
    _write(figure, {kind: path})


def _write(figure: Figure, paths: Mapping[str, Path]) -> None:
    with style():
        # The layout is the same for all kinds: solved once, it takes a third of the time. The draw
        # after it settles what it moved, where panels keep their proportions.
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.execute(figure)
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
        for kind, path in paths.items():
            drawn = BytesIO()
            figure.savefig(drawn, format=kind, dpi=DPI, metadata=_NAMELESS[kind])
            write_atomically(path, drawn.getvalue(), sync=False)
