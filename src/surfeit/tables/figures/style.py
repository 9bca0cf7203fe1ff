"""One look for all figures: colours that survive colour blindness, strokes that survive grey."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

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
    "svg.fonttype": "path",  # letters as outlines: the same everywhere, no font needed
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


def plain(value: float) -> str:
    """A number without an exponent: 0.00001, not 1e-05."""
    return np.format_float_positional(float(f"{value:.6g}"), trim="-")


def accepted_label(loss: float, variance: float | None, *, of_losses: bool) -> str:
    """What the line of what may be lost is called.

    Args:
        loss: what may be lost, a fraction.
        variance: of real targets, by which a loss is an R²; or None.
        of_losses: whether the curves are of losses.
    """
    if of_losses and variance is None:
        return f"dense + {100 * loss:g} %"
    points = f"{100 * loss:g} point{'' if loss == 0.01 else 's'}"
    return f"dense + {points} of R²" if of_losses else f"dense − {points}"


def accepted_level(dense: float, loss: float, variance: float | None, *, of_losses: bool) -> float:
    """Where the line of what may be lost lies: see `accepted_label`."""
    if not of_losses:
        return dense - loss
    return dense + loss * (abs(dense) if variance is None else variance)


def save(figure: Figure, folder: Path, name: str, *, searchable: bool = False) -> dict[str, Path]:
    """Writes the figure as `name`.svg, .png (200 dpi) and .pdf into `folder`, made if missing.

    The same figure gives the same bytes: no dates, no random names.

    Args:
        figure: what to write.
        folder: where.
        name: without an ending.
        searchable: whether words in the SVG are text, which can be searched and edited and needs
            the font, instead of outlines.

    Returns:
        the three paths by "svg", "png" and "pdf".

    Raises:
        StoreError: if the disk refuses a file, naming it; no part of it is left.
    """
    make_folder(folder)
    paths = {kind: folder / f"{name}.{kind}" for kind in _NAMELESS}
    _write(figure, paths, {"svg.fonttype": "none"} if searchable else {})
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


def _write(
    figure: Figure, paths: Mapping[str, Path], settings: Mapping[Any, Any] = MappingProxyType({})
) -> None:
    with style(), mpl.rc_context(dict(settings)):
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
