"""A figure on the page, panel by panel: side by side, on a narrow screen one below the other."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from surfeit.report import html
from surfeit.tables.figures.readout import Axis, Box, Curve, Key, Panel, Readout

_TAG = re.compile(r"<(/?)g\b[^>]*?(/?)>")
_DIGITS = 4  # of a value that is read off
_MOST = 600  # points of a curve: more are closer than they can be pointed at


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A figure as a page has it.

    Args:
        svg: its file's text.
        readout: its panels and legend; None shows it whole.
    """

    svg: str
    readout: Readout | None = None


def panelled(drawing: Drawing, *, prefix: str, label: str) -> str:
    """An SVG file's panels as drawings of their own, with the legend as text behind them.

    Each panel holds what a script needs to read values off its curves; without one they are still
    drawings. A drawing without such panels is shown whole.

    Args:
        drawing: the figure.
        prefix: as of `html.inline_svg`.
        label: what a screen reader says, before each panel's title.
    """
    whole, found = html.inline_svg(drawing.svg, prefix=prefix, label=label), drawing.readout
    if found is None:
        return whole
    groups = [_group(whole, f"{prefix}-{panel.group}") for panel in found.panels]
    if None in groups:
        return whole
    shared = whole[whole.index(">") + 1 : whole.rindex("</svg>")]
    drawings = []
    for panel, group in zip(found.panels, groups, strict=True):
        assert group is not None
        shared = shared.replace(group, "")
        drawings.append(_panel(panel, group, label))
    legend = _legend(found.keys, f"{prefix}-legend_1", alone=len(drawings) % 2 == 0)
    # What panels share must be on the page, and seen, for others to use it.
    kept = f'<svg class="kept" width="0" height="0" aria-hidden="true">{_bare(shared)}</svg>'
    return f'<div class="panels">{kept}{"".join(drawings)}{legend}</div>'


def _bare(shared: str) -> str:
    """Without the figure's own white ground."""
    return re.sub(r'<g id="[^"]*-patch_1">.*?</g>', "", shared, count=1, flags=re.DOTALL)


def _group(svg: str, name: str) -> str | None:
    """The group of that identifier with all it holds; None if there is none."""
    start = svg.find(f'<g id="{name}">')
    if start < 0:
        return None
    depth = 0
    for tag in _TAG.finditer(svg, start):
        if not tag.group(2):
            depth += -1 if tag.group(1) else 1
        if depth == 0:
            return svg[start : tag.end()]
    return None


def _panel(panel: Panel, group: str, label: str) -> str:
    data = escape(json.dumps(_values(panel), separators=(",", ":"), ensure_ascii=False))
    title = f"{label}: {panel.title}" if panel.title else label
    reads = f' data-panel="{data}"' if panel.curves else ""
    return (
        f'<div class="panel"><svg viewBox="{_view(panel.box)}" role="img" '
        f'aria-label="{escape(title)}"{reads}>{group}</svg></div>'
    )


def _legend(keys: Sequence[Key], name: str, *, alone: bool) -> str:
    if not keys:
        return ""
    entries = "".join(
        f'<li><svg viewBox="{_view(key.box)}" style="aspect-ratio:{key.box[2]:.1f}/'
        f'{key.box[3]:.1f}" aria-hidden="true"><use href="#{name}"/></svg>'
        f"<span>{escape(key.label)}</span></li>"
        for key in keys
    )
    return f'<ul class="legend{" row" * alone}">{entries}</ul>'


def _view(box: Box) -> str:
    return " ".join(f"{value:.1f}" for value in box)


def _values(panel: Panel) -> dict[str, Any]:
    """What is read off a panel, in short names."""
    return {
        "plot": [round(value, 1) for value in panel.plot],
        "x": _axis(panel.x),
        "y": _axis(panel.y),
        "curves": [_curve(curve) for curve in panel.curves],
    }


def _axis(axis: Axis) -> dict[str, Any]:
    found = {"kind": axis.kind, "low": axis.low, "high": axis.high, "label": axis.label}
    return found | {"near": axis.near, "percent": axis.percent}


def _curve(curve: Curve) -> dict[str, Any]:
    """Counts from 0 on are said by their number and their step."""
    step = -(-len(curve.x) // _MOST)
    x, y = curve.x[::step], [_short(value) for value in curve.y[::step]]
    found = {"label": curve.label, "colour": curve.colour, "y": y}
    if x == tuple(float(step * count) for count in range(len(x))):
        return found | {"x": len(x), "step": step}
    return found | {"x": [_short(value) for value in x]}


def _short(value: float) -> float | int:
    """To the digits that are shown; whole numbers without a point."""
    rounded = float(f"{value:.{_DIGITS}g}")
    return int(rounded) if rounded == int(rounded) else rounded
