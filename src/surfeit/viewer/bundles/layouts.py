"""What layouts other than forces need on a page without a server: places, and all pairs."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from surfeit.core import Split
from surfeit.store import evenly
from surfeit.viewer.frames.active import ActiveUnits
from surfeit.viewer.frames.maps import map_frame
from surfeit.viewer.frames.matrix import MOST_UNITS, NONE, matrix_frame
from surfeit.viewer.frames.moments import beside
from surfeit.viewer.frames.places import Place, joined
from surfeit.viewer.frames.plane import plane_frame
from surfeit.viewer.timelines.timeline import Timeline
from surfeit.viewer.wire import decode, encode

USUAL_MATRIX = 320
"""Units up to which a page carries the matrix unasked: 45 kB, where 512 units have 120."""

MOST_MOMENTS = 26
"""Moments of which a page knows places: at each other one those of the nearest are shown."""

MOST_MAPS = 12
"""The same of maps, of which each takes half a second for 512 units."""

_LEVELS = 1_023  # over the wider side, which a screen shows in 600 pixels
_SECONDS = 0.25  # what the components of one layer and likeness may take, of one core

Pack = tuple[dict[str, Any], bytes]


def layout_packs(
    timelines: Sequence[Timeline],
    layer: str,
    at: Sequence[int],
    sources: Sequence[str],
    *,
    active: ActiveUnits,
    maps: bool = False,
) -> Iterator[Pack]:
    """What is carried of each layout: of what it is ("kind", "layer", "at", "source"), and a pack.

    Principal components are those of up to 26 moments, as a quarter of a second allows, and the
    matrix is of the last moment, of up to 320 units. With `maps` there are t-SNE maps too, of up
    to 12 moments, and the matrix of up to 1,024 units. What cannot be had is left out.

    Args:
        timelines: one, or two whose units are merged.
        layer: dotted name.
        at: moments of the first that can be read, ascending.
        sources: what units are compared by, of "weights", "updates" and "outputs".
        active: which units are active, and the examples that outputs are of.
        maps: whether to carry what takes longer and more bytes.

    Cost: 0.1 s and 50 kB of the file for 512 units x 64 inputs; a map as `map_frame` says.
    """
    units = sum(one.layer(layer).units for one in timelines)
    for source in sources:
        about = {"layer": layer, "source": source, "at": at[-1]}
        if source != "outputs":
            yield about | {"kind": "plane"}, _plane(timelines, layer, at, source)
        if units <= (MOST_UNITS if maps else USUAL_MATRIX):
            yield about | {"kind": "matrix"}, _matrix(timelines, layer, at[-1], source, active)
        if maps:
            found = _map(timelines, layer, at, source, active)
            if found is not None:
                yield about | {"kind": "tsne"}, found


def _plane(timelines: Sequence[Timeline], layer: str, at: Sequence[int], source: str) -> bytes:
    shape = timelines[0].layer(layer)
    units = shape.units * len(timelines)
    smaller = min(units, shape.inputs)
    # Measured on one core: reading, inner products of the smaller side, two eigenvectors of it.
    seconds = 1e-3 + 1e-8 * units * shape.inputs + 5e-11 * units * shape.inputs * smaller
    seconds += 1e-10 * smaller**3
    count = max(2, min(MOST_MOMENTS, int(_SECONDS / seconds)))
    moments = evenly(at, most=count)
    merged = timelines[1] if len(timelines) > 1 else None
    frame = plane_frame(timelines[0], layer, moments, source, merged=merged)
    return compact_places(frame.packed())


def _map(
    timelines: Sequence[Timeline],
    layer: str,
    at: Sequence[int],
    source: str,
    active: ActiveUnits,
) -> bytes | None:
    try:
        frame = map_frame(
            timelines[0],
            layer,
            evenly(at, most=MOST_MAPS),
            source,
            "tsne",
            active=[active] * len(timelines),
            examples=active.examples,
            merged=timelines[1] if len(timelines) > 1 else None,
        )
    except ValueError:  # too many units: the page says that it has none
        return None
    return compact_places(frame.packed())


def _matrix(
    timelines: Sequence[Timeline], layer: str, at: int, source: str, active: ActiveUnits
) -> bytes:
    examples: Split | None = active.examples
    found = []
    for timeline in timelines:
        (there,) = beside(timeline, timelines[0], [at])
        place = Place(timeline, layer, there)
        one = place.compared(
            place.weights(), place.origin(), source, examples, active, judged=False
        )
        found.append(one)
    units, own, _ = joined(found, source)
    return compact_matrix(matrix_frame(units, own=own))


def compact_places(pack: bytes) -> bytes:
    """A pack with places as whole steps, 1,023 over their wider side, and what changes in them.

    The place of a unit is `corner + step · Σ change` over the moments so far. A change c is kept as
    `2c`, or `−2c − 1` where it is negative, its lower bytes before all upper ones.

    Args:
        pack: with an array "places" [moments, units, 2], as `PlaneFrame` and `MapFrame` pack it.
    """
    header, arrays = decode(pack)
    places = arrays["places"].reshape(len(header["at"]), header["units"], 2).astype(np.float64)
    corner = places.min(axis=(0, 1))
    step = float((places.max(axis=(0, 1)) - corner).max()) / _LEVELS or 1.0
    steps = np.rint((places - corner) / step).astype(np.int64)
    changes = np.diff(steps, axis=0, prepend=np.zeros_like(steps[:1]))
    kept = np.where(changes < 0, -2 * changes - 1, 2 * changes)
    compact = {"low": (kept & 255).astype(np.uint8), "high": (kept >> 8).astype(np.uint8)}
    return encode(header | {"corner": corner.tolist(), "step": step}, compact)


def compact_matrix(pack: bytes) -> bytes:
    """A matrix's pack with each pair once: row by row what is right of the diagonal.

    Args:
        pack: as `matrix_frame` makes it.
    """
    header, arrays = decode(pack)
    units = header["units"]
    products = arrays["products"].reshape(units, units)
    nowhere = np.flatnonzero(np.diagonal(products) == NONE).tolist()
    pairs = products[np.triu_indices(units, 1)]
    return encode(header | {"nowhere": nowhere}, {"pairs": pairs})
