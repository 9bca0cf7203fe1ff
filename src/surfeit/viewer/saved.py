"""Reads the JSON that the viewer saves a view in, and says what is wrong with it."""

import base64
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from surfeit.core import StoreError
from surfeit.store.files import MOST_JSON, read_bytes
from surfeit.store.parsing import parse_json
from surfeit.tables.figures.matrix_view import Bar, MatrixView
from surfeit.tables.figures.view import MARKERS, Entry, Scale, View
from surfeit.viewer.fields import FieldError, Fields, colour, shown, whole

FORMAT, VERSION, MATRIX_VERSION = "surfeit-view", 1, 2

MOST_MATRIX = 4_096
"""Units: a page shows fewer."""

LEAST_SIZE = 1.0  # pixels
MOST_ASPECT = 20  # height by width: the figure is as wide as a page's text, whatever its height
LEAST_ZOOM = 1e-6


def read_view(path: Path) -> View | MatrixView:
    """The view that is saved at `path`, of the graph or of the matrix.

    They are what `surfeit.tables.figures.view.figure` and `matrix_view.matrix_figure` draw.

    Raises:
        ValueError: if there is no such file, it is none (a pipe, a device), larger than 32 MiB, no
            JSON or of another kind, was saved by a newer version, or a field is missing, of another
            kind or out of range: one sentence with the path and the field.
    """
    if not path.exists() and not path.is_symlink():
        raise ValueError(f"no file {path}: save a view as JSON in the viewer first")
    try:
        found = parse_json(read_bytes(path, most=MOST_JSON), constants=True)
    except StoreError as error:
        raise ValueError(str(error)) from error
    except ValueError:
        raise ValueError(f"{path} is not JSON: save the view again in the viewer") from None
    try:
        return _view(found)
    except FieldError as error:
        raise ValueError(f"{path} cannot be drawn: {error}") from None


def _view(found: Any) -> View | MatrixView:
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise FieldError("it is not a view that the viewer saved")
    fields = Fields(found)
    matrix = "matrix" in found
    _check_version(fields.get("version"), MATRIX_VERSION if matrix else VERSION)
    return _matrix(fields) if matrix else _graph(fields)


def _graph(fields: Fields) -> View:
    nodes, links = fields.inner("nodes"), fields.inner("links")
    x = nodes.numbers("x")
    units = len(x)
    source = links.indices("source", units)
    title, entries, scale = _legend(fields.inner("legend"))
    width, height = (fields.number(side, least=LEAST_SIZE) for side in ("width", "height"))
    if height > MOST_ASPECT * width:
        raise FieldError(f"height must be at most {MOST_ASPECT} times the width, got {height:g}")
    return View(
        title=fields.text("title"),
        subtitle=fields.text("subtitle"),
        width=width,
        height=height,
        zoom=fields.number("zoom", least=LEAST_ZOOM),
        address=fields.text("address"),
        places=np.stack([x, nodes.numbers("y", units)], axis=1),
        radius=nodes.numbers("radius", units, least=0),
        colour=tuple(nodes.entries("colour", colour, units)),
        opacity=nodes.numbers("opacity", units, least=0, most=1),
        shape=nodes.indices("shape", len(MARKERS), units),
        links=np.stack([source, links.indices("target", units, len(source))], axis=1),
        link_opacity=links.numbers("opacity", len(source), least=0, most=1),
        twins=fields.pairs("twins", units),
        selected=fields.indices("selected", units),
        legend=title,
        entries=entries,
        scale=scale,
    )


def _matrix(fields: Fields) -> MatrixView:
    inner = fields.inner("matrix")
    units = whole(inner.get("units"), inner.path("units"), MOST_MATRIX)
    order = inner.indices("order", units, units)
    if len(set(order.tolist())) < units:
        raise FieldError(f"{inner.path('order')} must name each unit once")
    title, entries, scale = _legend(fields.inner("legend"))
    return MatrixView(
        title=fields.text("title"),
        subtitle=fields.text("subtitle"),
        address=fields.text("address"),
        products=_products(inner, units),
        order=order,
        bars=tuple(inner.entries("bars", partial(_bar, units=units))),
        legend=title,
        entries=entries,
        scale=scale,
    )


def _products(fields: Fields, units: int) -> np.ndarray:
    name = fields.path("products")
    try:
        data = base64.b64decode(fields.text("products"), validate=True)
    except ValueError:
        raise FieldError(f"{name} must be base64") from None
    if len(data) != units**2:
        raise FieldError(f"{name} has {len(data)} bytes instead of {units**2}")
    return np.frombuffer(data, np.int8).reshape(units, units)


def _bar(value: Any, name: str, *, units: int) -> Bar:
    fields = Fields(value, name)
    start = whole(fields.get("start"), fields.path("start"), units - 1)
    length = whole(fields.get("length"), fields.path("length"), units - start)
    return Bar(
        start=start, length=length, colour=colour(fields.get("colour"), fields.path("colour"))
    )


def _check_version(version: Any, newest: int) -> None:
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise FieldError(f"version must be a whole number from 1, got {shown(version)}")
    if version > newest:
        raise FieldError(
            f"a newer Surfeit saved it (version {version} of the format, this one reads {newest})"
        )


def _legend(fields: Fields) -> tuple[str, tuple[Entry, ...], Scale | None]:
    entries = tuple(fields.entries("entries", _entry))
    scale = None if fields.get("scale") is None else _scale(fields.inner("scale"))
    return fields.text("title"), entries, scale


def _entry(value: Any, name: str) -> Entry:
    fields = Fields(value, name)
    return Entry(
        label=fields.text("label"),
        colour=_hex(fields.get("colour"), fields.path("colour")),
        shape=whole(fields.get("shape"), fields.path("shape"), len(MARKERS) - 1),
    )


def _scale(fields: Fields) -> Scale:
    colours = tuple(fields.entries("colours", _hex))
    if not colours:
        raise FieldError(f"{fields.path('colours')} must hold at least one colour")
    return Scale(colours=colours, low=fields.text("low"), high=fields.text("high"))


def _hex(value: Any, name: str) -> str:
    """The legend's colours are numbers 0xRRGGBB."""
    return f"#{whole(value, name, 0xFFFFFF):06x}"
