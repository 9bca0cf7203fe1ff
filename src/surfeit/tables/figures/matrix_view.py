"""A similarity matrix that was saved in the viewer, drawn again: the same order, for a paper."""

from dataclasses import dataclass
from textwrap import wrap

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from surfeit.tables.figures.style import WIDTH, style
from surfeit.tables.figures.view import LINE, Entry, Scale, draw_legend, legend_height, write_above

ALIKE, OPPOSITE, NOWHERE = "#542788", "#b35806", "#bbbbbb"
NONE, STEPS = -128, 127
FADING = 0.7
"""Small inner products are to be seen: colours grow with this power of them."""

_MARGIN, _BAR = 0.02, 0.014  # of the width


@dataclass(frozen=True, kw_only=True, eq=False)
class Bar:
    """Units of one group, one after another: the first one's place, how many, "#rrggbb"."""

    start: int
    length: int
    colour: str


@dataclass(frozen=True, kw_only=True, eq=False)
class MatrixView:
    """A matrix as it stood on the page.

    Args:
        title, subtitle: words above.
        address: the hash that opens the view in the viewer again.
        products: int8 [units, units], in the order shown: inner products in steps of 1/127, and
            -128 where a unit has no direction.
        order: int64 [units], which unit each row is of.
        bars: the groups along the rows.
        legend: what the legend is about.
        entries: kinds in the legend.
        scale: its quantity, or None.
    """

    title: str
    subtitle: str
    address: str
    products: np.ndarray
    order: np.ndarray
    bars: tuple[Bar, ...]
    legend: str
    entries: tuple[Entry, ...]
    scale: Scale | None


def matrix_figure(view: MatrixView) -> Figure:
    """The matrix at the width of a page's text, with the page's colours, bars and legend."""
    title = wrap(view.title, 88) or [""]
    subtitle = wrap(view.subtitle, 105)
    above = LINE * (len(title) + len(subtitle)) + 0.08
    below = legend_height(view)
    plot = WIDTH * (1 - 2 * _MARGIN)
    total = above + plot + below
    with style():
        drawing = Figure(figsize=(WIDTH, total))
        axes = drawing.add_axes((_MARGIN, below / total, 1 - 2 * _MARGIN, plot / total))
        units = len(view.order)
        wide = 2 * _BAR * units  # a bar, and the room between it and the cells
        axes.imshow(
            cell_colours(view.products),
            interpolation="nearest",
            extent=(0, units, units, 0),
            gid="cells",
        )
        for bar in view.bars:
            for corner, width, height in (
                ((bar.start, -wide), bar.length, wide / 2),
                ((-wide, bar.start), wide / 2, bar.length),
            ):
                axes.add_patch(Rectangle(corner, width, height, color=bar.colour, linewidth=0))
        axes.set(xlim=(-wide, units), ylim=(units, -wide), xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.grid(False)
        write_above(drawing, title, subtitle, total)
        draw_legend(drawing, view, below, total)
    return drawing


def cell_colours(products: np.ndarray) -> np.ndarray:
    """The colour of each pair, float64 [units, units, 3]: white where the inner product is 0.

    Args:
        products: int8, as in `MatrixView`.
    """
    share = (np.abs(products.astype(float)) / STEPS).clip(0, 1)[..., None] ** FADING
    full = np.where((products < 0)[..., None], to_rgb(OPPOSITE), to_rgb(ALIKE))
    colours = 1 + share * (full - 1)
    colours[products == NONE] = to_rgb(NOWHERE)
    return colours
