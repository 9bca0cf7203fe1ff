"""A figure in one, and on a narrow screen its panels one below the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from surfeit.report import html
from surfeit.tables.figures.readout import Box

_GAP = 4.0


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A figure as the page has it.

    Args:
        svg: its file's text.
        pieces: as of `tables.figures.readout.pieces`; without any it is always shown in one.
    """

    svg: str
    pieces: tuple[tuple[Box, ...], ...] = ()


def in_pieces(drawing: Drawing, *, prefix: str, label: str) -> str:
    """The figure, and for narrow screens the same drawing once more for each of its pieces.

    Args:
        drawing: the figure.
        prefix, label: as of `html.inline_svg`.
    """
    whole = html.inline_svg(drawing.svg, prefix=prefix, label=label)
    if not drawing.pieces:
        return whole
    start, end, name = whole.index(">") + 1, whole.rindex("</svg>"), f"{prefix}-whole"
    shared = f'{whole[:start]}<g id="{name}">{whole[start:end]}</g></svg>'
    wide = max(sum(box[2] for box in piece) + _GAP * (len(piece) - 1) for piece in drawing.pieces)
    shown = "".join(_piece(piece, wide, name) for piece in drawing.pieces)
    return f'{shared}<div class="pieces" aria-hidden="true">{shown}</div>'


def _piece(boxes: Sequence[Box], wide: float, name: str) -> str:
    """Boxes side by side. All pieces are as wide, so that words are as large in each."""
    parts, left = [], 0.0
    for box in boxes:
        size = f'width="{box[2]:.1f}" height="{box[3]:.1f}"'
        view = " ".join(f"{value:.1f}" for value in box)
        parts.append(f'<svg x="{left:.1f}" {size} viewBox="{view}"><use href="#{name}"/></svg>')
        left += box[2] + _GAP
    high = max(box[3] for box in boxes)
    return f'<svg viewBox="0 0 {wide:.1f} {high:.1f}">{"".join(parts)}</svg>'
