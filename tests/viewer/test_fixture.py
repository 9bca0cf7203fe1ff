"""What the page's tests read is still what Python writes.

The files in web/tests/data are written by `python -m pytest tests/viewer/test_fixture.py` where
they are missing; delete them to have them anew.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surfeit.viewer.bundles.bundle import FILM_ARRAYS, bundle
from surfeit.viewer.bundles.film import Film, levels
from surfeit.viewer.bundles.series import Series, values_of
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.frames.query import Query
from surfeit.viewer.frames.spectrum import spectrum_frame
from surfeit.viewer.timelines.library import Library
from surfeit.viewer.timelines.run import RunTimeline
from surfeit.viewer.wire import decode

from .reading import places_of, products_of

FOLDER = Path(__file__).parents[2] / "web" / "tests" / "data"


@pytest.fixture
def packs(store, written):
    """Packs by name, of two runs made by hand."""
    first, second = (RunTimeline(written(seed, steps=range(0, 30, 5))) for seed in (0, 1))
    pictures = Pictures(Library(store), Cache(None))
    query = Query(first.id, "fc1", at=25)
    return {
        "graph": pictures.graph(query),
        "spectrum": pictures.spectrum(query),
        "removal": pictures.removal(query),
        "scales": pictures.scales(query),
        "learning": pictures.learning(first.id),
        "bundle": bundle(first, ["fc1", "fc2"], links=10, maps=True),
        "merged": bundle(first, ["fc1"], merged=second, links=30),
    }


def read_films(data):
    """What a page is to see in a bundle, read by Python's own reader."""
    header, arrays = decode(data)
    found = []
    for number, about in enumerate(header["films"]):
        own = {
            name.removeprefix(f"film_{number}_"): values
            for name, values in arrays.items()
            if name.startswith(f"film_{number}_")
        }
        film = Film(
            **{name: own[name] for name in FILM_ARRAYS},
            **{name: about[name] for name in ("lowest", "step", "error")},
        )
        units, moments = about["units"], len(about["at"])
        one, other = np.triu_indices(units, 1)
        links = [
            [
                [int(one[p]), int(other[p]), about["lowest"] + (int(level[p]) - 1) * about["step"]]
                for p in np.lexsort((np.arange(len(level)), -level.astype(int)))
                if level[p]
            ]
            for level in levels(film, len(one))
        ]
        values = {
            name: values_of(Series(changes=own[name].reshape(moments, units), **scale)).tolist()
            for name, scale in about["series"].items()
        }
        found.append({"links": links, "floor": own["floor"].tolist(), **values})
    return found


def read_layouts(data):
    """Places and products that a page is to see in a bundle, read by Python's own reader."""
    header, arrays = decode(data)
    found = []
    for number, about in enumerate(header["charts"]):
        if about["kind"] not in ("plane", "tsne", "matrix"):
            continue
        chart, own = decode(arrays[f"chart_{number}"].tobytes())
        values = (products_of if about["kind"] == "matrix" else places_of)(chart, own)
        found.append(about | {"values": values.reshape(-1).tolist()})
    return found


@pytest.fixture
def loadings(written):
    """Those of the spectrum's pack, before they are coded."""
    return spectrum_frame(
        RunTimeline(written(0, steps=range(0, 30, 5))).weights("fc1", 25)[0]
    ).loadings


def test_the_pages_tests_read_what_python_writes(packs, loadings):
    expected: dict[str, Any] = {name: read_films(packs[name]) for name in ("bundle", "merged")}
    expected["layouts"] = read_layouts(packs["bundle"])
    expected["loadings"] = loadings.reshape(-1).tolist()
    files = {f"{name}.bin": data for name, data in packs.items()}
    files["expected.json"] = json.dumps(expected).encode()
    missing = [name for name in files if not (FOLDER / name).is_file()]
    for name in missing:
        (FOLDER / name).write_bytes(files[name])
    assert not missing, "written anew: look at the changes and run this once more"
    for name, data in packs.items():
        _same(decode((FOLDER / f"{name}.bin").read_bytes()), decode(data))
    assert _close(json.loads((FOLDER / "expected.json").read_bytes()), expected)


def _same(stored, now):
    header, arrays = now
    assert _close(stored[0], header)
    assert stored[1].keys() == arrays.keys()
    for name, values in arrays.items():
        if name.startswith("chart_") or name == "learning":
            _same(decode(stored[1][name].tobytes()), decode(values.tobytes()))
        else:
            np.testing.assert_allclose(stored[1][name], values, rtol=1e-5, atol=1e-6)


def _close(one, other):
    """Equal up to the last digits, through lists and mappings."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_close(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_close, one, other))
    if isinstance(one, float) and isinstance(other, float | int):
        return one == pytest.approx(other, rel=1e-4, abs=1e-6)
    return one == other
