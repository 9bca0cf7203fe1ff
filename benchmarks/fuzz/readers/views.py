"""What the viewer saves and sends: a view as JSON, a pack of arrays."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fuzz.judging import attempt
from fuzz.readers.reader import Reader, write
from surfeit.viewer.saved import read_view
from surfeit.viewer.wire import decode, encode

_VIEW = {
    "format": "surfeit-view",
    "version": 1,
    "title": "fc1",
    "subtitle": "step 10",
    "width": 300.0,
    "height": 200.0,
    "zoom": 1.0,
    "address": "http://127.0.0.1/",
    "nodes": {
        "x": [0.0, 1.0],
        "y": [0.5, 2.0],
        "radius": [3.0, 3.0],
        "colour": ["#ff0000", "#00ff00"],
        "opacity": [1.0, 0.5],
        "shape": [0, 1],
    },
    "links": {"source": [0], "target": [1], "opacity": [0.5]},
    "twins": [[0, 1]],
    "selected": [1],
    "legend": {
        "title": "class",
        "entries": [{"label": "a", "colour": 255, "shape": 0}],
        "scale": {"colours": [0, 16777215], "low": "0", "high": "1"},
    },
}


def _views() -> Mapping[str, bytes]:
    bare = {**_VIEW, "legend": {**_VIEW["legend"], "scale": None, "entries": []}, "twins": []}
    return {"whole": json.dumps(_VIEW).encode(), "bare": json.dumps(bare).encode()}


def _packs() -> Mapping[str, bytes]:
    arrays = {"x": np.arange(3, dtype=np.float32), "n": np.arange(2, dtype=np.uint8)}
    return {"arrays": encode({"title": "fc1"}, arrays), "none": encode({}, {})}


def _read_view(content: bytes, folder: Path) -> None:
    attempt(lambda: read_view(write(folder, "view.json", content)))


def _read_pack(content: bytes, folder: Path) -> None:
    attempt(lambda: decode(content))


READERS = (Reader("views", _views, _read_view), Reader("packs", _packs, _read_pack))
