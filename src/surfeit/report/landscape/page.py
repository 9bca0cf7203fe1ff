"""The page: one file that asks for nothing, with surfaces that turn together."""

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from surfeit.procedures.landscape import Landscape
from surfeit.report import html
from surfeit.report.landscape.figures import kind_of, labels_of
from surfeit.report.landscape.numbers import Numbers, numbers_of
from surfeit.report.landscape.pieces import Drawing, in_pieces
from surfeit.viewer.embed import plain_script, policy

_MOST_CELLS = 9  # a side of the table that says what the picture shows
_CAUTIONS = {
    1: "A line shows one direction of many. What bends downwards in any other is hidden.",
    2: "A plane shows two directions of many. Where its surface is not convex, the loss is not; "
    "where it looks convex, any number of directions that bend downwards may be hidden.",
}


def render(
    found: Landscape, names: Sequence[str], drawings: Mapping[str, Drawing], *, data: str
) -> str:
    """The page of a landscape as one HTML document that can reach no address.

    Args:
        found: what was measured.
        names: what each network is called, in their order.
        drawings: the saved figures by name, as `drawings` draws them.
        data: the name of the data set.
    """
    own = files("surfeit.report.landscape")
    style = (files("surfeit.report") / "page.css").read_text(encoding="utf-8")
    style += (own / "surface.css").read_text(encoding="utf-8")
    script = (own / "surface.js").read_text(encoding="utf-8")
    every = [numbers_of(found, number) for number in range(len(names))]
    moves = len(found.axes) == 2
    title = f"The loss around {' and '.join(names)}"
    parts = [
        _top(found, title, every, names, data),
        _viewer(found, names, every) if moves else "",
        html.section("figure", "As a figure", _figure(drawings, "landscape", _seen(found, every))),
        _convexity(found, drawings, names, every),
        _path(found),
        _table(found, names),
        _provenance(found, data),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"{policy(None, scripts=[script])}\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n"
        + (f"{_data(found, names)}\n{plain_script(script)}\n" if moves else "")
        + "</body>\n</html>\n"
    )


def _top(
    found: Landscape, title: str, every: Sequence[Numbers], names: Sequence[str], data: str
) -> str:
    config = found.config
    said = f"{kind_of(config)[0].upper()}{kind_of(config)[1:]}; the mean loss of at most "
    said += f"{config.examples:,} {config.split} examples of {data}, seed {config.seed}."
    notes = "".join(f"<p>{escape(words)}.</p>" for words in found.remarks)
    lead = " ".join(
        _sentence(one, name if len(names) > 1 else "")
        for one, name in zip(every, names, strict=True)
    )
    caution = escape(_CAUTIONS[len(found.axes)])
    return (
        f'<header><h1>{escape(title)}</h1>\n<p class="soft">{escape(said)}</p></header>\n<main>\n'
        f'<p class="lead">{escape(lead)}</p>\n<p class="note">{caution}</p>\n{notes}'
    )


def _sentence(one: Numbers, name: str) -> str:
    who = f"{name}: " if name else ""
    first = f"{who}the loss is {_number(one.origin_loss)} at the origin"
    first = first[0].upper() + first[1:] if not name else first
    reach = f"and reaches from {_number(one.least_loss)} to {_number(one.largest_loss)}"
    holes = (
        f", and is not finite at {one.not_finite} of {one.points} points" if one.not_finite else ""
    )
    return f"{first} {reach}{holes}."


def _viewer(found: Landscape, names: Sequence[str], every: Sequence[Numbers]) -> str:
    panels = "".join(
        f'<figure class="solid"><figcaption>{escape(name)}</figcaption>'
        f'<canvas tabindex="0" role="img" data-network="{number}" '
        f'aria-describedby="keys" aria-label="{escape(_alternative(name, every[number], found))}">'
        f'</canvas><p class="reading" role="status" aria-live="polite">&nbsp;</p></figure>'
        for number, name in enumerate(names)
    )
    path = (
        '<label><input type="checkbox" id="view-path" checked> the run\'s path</label>'
        if any(step is not None for step in found.path["step"].to_pylist())
        else ""
    )
    controls = (
        '<div class="controls" hidden>'
        '<label>turn <input type="range" id="turn" min="-180" max="180" step="1"></label>'
        '<label>tilt <input type="range" id="tilt" min="5" max="90" step="1"></label>'
        '<label><input type="checkbox" id="view-log"> logarithmic height</label>'
        '<label><input type="checkbox" id="view-contours" checked> contours below</label>'
        f"{path}"
        '<button type="button" id="home">as at first</button>'
        '<button type="button" id="spin" aria-pressed="false">keep turning</button></div>'
    )
    keys = (
        "Drag, or focus a surface and use the arrow keys, to turn it; + and − to come nearer; W, "
        "A, S and D walk from point to point and read the loss there; Home puts everything back. "
        "Crossed out: points where the loss is not finite."
    )
    still = "The surfaces turn where scripts run; the figure below shows them as they are."
    return (
        '<section id="surface"><h2>The surface</h2>\n'
        f'{controls}<div class="solids">{panels}</div>\n'
        f'<p class="scale" hidden><span></span><canvas class="bar" aria-hidden="true"></canvas>'
        "<span></span></p>\n"
        f'<p class="soft" id="keys">{keys}</p>\n<noscript><p>{still}</p></noscript></section>'
    )


def _alternative(name: str, one: Numbers, found: Landscape) -> str:
    first, second = found.axes
    shape = ""
    if one.nonconvex_share is not None:
        shape = f" {one.nonconvex_share:.0%} of its inner points are not convex."
    return (
        f"Loss surface of {name} over {len(first)} by {len(second)} points, first direction "
        f"{_number(first[0])} to {_number(first[-1])}, second {_number(second[0])} to "
        f"{_number(second[-1])}. {_sentence(one, '')}{shape} Numbers stand in the table below."
    )


def _seen(found: Landscape, every: Sequence[Numbers]) -> str:
    words = "All networks in one scale. " if len(every) > 1 else ""
    if len(found.axes) == 2:
        words += "Contours, and the same surface from one side. "
    if found.config.directions == "between":
        words += "Marked: the runs, in the order of the title. "
    if any(one.not_finite for one in every):
        words += "Hatched: not finite."
    return words.strip()


def _figure(drawings: Mapping[str, Drawing], name: str, caption: str) -> str:
    label = f"Figure of the {name}; its numbers stand in the table below"
    return html.figure(in_pieces(drawings[name], prefix=name, label=label), caption)


def _convexity(
    found: Landscape,
    drawings: Mapping[str, Drawing],
    names: Sequence[str],
    every: Sequence[Numbers],
) -> str:
    if "convexity" not in drawings:
        where = "a grid of 7 points a side" if len(found.axes) == 2 else "7 points of the line"
        words = f"Not measured here: --curvature 7 measures it on {where}."
        return html.section("convexity", "What the picture hides", html.paragraph(words))
    said = "".join(
        html.paragraph(
            (f"{name}: at" if len(names) > 1 else "At")
            + f" {one.seemingly_convex} of {one.curvature_points} points the picture looks "
            f"convex and the loss is not. In the median {_share(one.convexity_lost)} of the "
            f"convexity is lost in all directions, {_share(one.plane_convexity_lost)} in the "
            "picture's own."
        )
        for name, one in zip(names, every, strict=True)
        if one.curvature_points
    )
    caption = (
        "|λ min| / λ max of the Hessian, first in all directions, then in those of the picture: "
        f"measured on at most {found.config.curvature_examples:,} of the examples."
    )
    return html.section(
        "convexity", "What the picture hides", said + _figure(drawings, "convexity", caption)
    )


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"


def _path(found: Landscape) -> str:
    rows = [row for row in found.path.to_pylist() if row["step"] is not None]
    if not rows:
        return ""
    cells = [
        [
            f"{row['step']:,}",
            _number(row["first"]),
            _number(row["second"]),
            "" if row["off_plane"] is None else f"{row['off_plane']:.1%}",
            row["run"][:12],
        ]
        for row in rows
    ]
    head = ("step", "first component", "second component", "off the plane", "run")
    caption = "Snapshots; off the plane: the share of the squared distance to the last one"
    table = html.details("Where the snapshots lie", html.table(caption, head, cells))
    return html.section("path", "The path", table)


def _table(found: Landscape, names: Sequence[str]) -> str:
    parts = []
    for number, name in enumerate(names):
        rows = [row for row in found.heights.to_pylist() if row["network"] == number]
        parts.append(_cells(found, rows, name))
    return html.section("numbers", "Numbers", "\n".join(parts))


def _cells(found: Landscape, rows: Sequence[Mapping[str, Any]], name: str) -> str:
    loss = {(row["first"], row["second"]): row["loss"] for row in rows}
    if len(found.axes) == 1:
        cells = [[_number(a), _number(loss[a, None])] for a in found.axes[0]]
        table = html.table(f"Loss of {name}", (labels_of(found.config)[0], "loss"), cells)
        return html.details(f"Loss of {name}, point by point", table)
    first, second = (_thinned(axis) for axis in found.axes)
    head = ("first \\ second", *(_number(b) for b in second))
    cells = [[_number(a), *(_number(loss[a, b]) for b in second)] for a in first]
    table = html.table(f"Loss of {name}", head, cells)
    return html.details(f"Loss of {name}, {len(first)} by {len(second)} of the points", table)


def _thinned(axis: tuple[float, ...]) -> list[float]:
    every = max(1, -(-(len(axis) - 1) // (_MOST_CELLS - 1)))
    return list(axis[::every])


def _provenance(found: Landscape, data: str) -> str:
    config = found.config
    through = found.path["run"].to_pylist()  # of a picture between runs, the others
    runs = list(dict.fromkeys([*found.heights["run"].to_pylist(), *through]))
    settings = {
        "runs": ", ".join(run[:12] for run in runs),
        "data": f"{data}, {config.split}, at most {config.examples:,} examples",
        "directions": f"{config.directions}, seed {config.seed}",
        "points": " x ".join(str(len(axis)) for axis in found.axes),
        "batch statistics": config.statistics or "none",
    }
    rows = [[escape(name), escape(value)] for name, value in settings.items()]
    table = html.table("Settings", ("setting", "value"), rows)
    return html.section("provenance", "Where this comes from", table)


def _data(found: Landscape, names: Sequence[str]) -> str:
    """All points as an element that is read and never run."""
    networks = []
    for number, name in enumerate(names):
        heights = [row for row in found.heights.to_pylist() if row["network"] == number]
        path = [row for row in found.path.to_pylist() if row["network"] == number]
        networks.append(
            {
                "name": name,
                "loss": [_json(row["loss"]) for row in heights],
                "accuracy": [row["accuracy"] for row in heights],
                "path": [
                    {"step": row["step"], "at": [row["first"], row["second"] or 0.0]}
                    for row in path
                    if len(path) > 1
                ],
            }
        )
    content = {"axes": found.axes, "labels": labels_of(found.config), "networks": networks}
    text = json.dumps(content, allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="landscape-data">{text}</script>'


def _json(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "not finite"
    return f"{value:.3g}".replace("-", "−")
