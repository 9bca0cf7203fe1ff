"""Saved views are read as the page wrote them, and what is wrong with a file is said in words.

`saved_view.json` and `saved_view.svg` are what the page's own code writes of one planted view (the
Vitest of web/tests/save.test.ts keeps them so).
"""

import json
import math
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_hex

from surfeit.tables.figures import view
from surfeit.viewer.saved import read_view

HERE = Path(__file__).parent
SAVED = HERE / "saved_view.json"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def changed(tmp_path):
    """Writes the planted view with one field at a path of keys set, or left out."""

    def write(*keys, to=...):
        found = json.loads(SAVED.read_text())
        *outer, last = keys
        inner = found
        for key in outer:
            inner = inner[key]
        if to is ...:
            del inner[last]
        else:
            inner[last] = to
        path = tmp_path / "view.json"
        path.write_text(json.dumps(found))
        return path

    return write


def test_the_view_that_the_page_writes_is_read_whole():
    found = read_view(SAVED)
    assert found.title == 'a "run" & its <twin>\'s'
    assert (found.width, found.height, found.zoom) == (480, 320, 1.5)
    assert found.places.tolist()[1] == [220.25, 160.5]
    assert found.radius.tolist() == [13.5, 6.75, 9, 7.5, 10.5, 12, 0]
    assert found.links.tolist() == [[0, 1], [1, 2], [0, 3], [2, 4], [1, 5]]
    assert found.twins.tolist() == [[0, 5], [1, 6]]
    assert found.selected.tolist() == [1, 5, 6]
    assert found.scale is not None
    assert found.scale.colours == ("#440154", "#21918c", "#fde725")
    assert [(entry.colour, entry.shape) for entry in found.entries] == [
        ("#0072b2", 0),
        ("#e69f00", 2),
        ("#d55e00", 1),
    ]


def _graph():
    root = ElementTree.parse(HERE / "saved_view.svg").getroot()
    return next(element for element in root.iter(f"{SVG}svg") if element.get("id") == "graph")


def _number(element, name):
    return float(element.get(name))


def test_the_pages_svg_and_the_figure_place_and_paint_marks_alike():
    drawing = view.figure(read_view(SAVED))
    parts = {one.get_gid(): one for one in drawing.axes[0].collections}
    pixel = 7.0 * 72 / 480
    drawn = {}
    for shape in (0, 1, 2):
        marks = parts[f"units-{shape}"]
        paint = marks.get_edgecolors() if shape == 2 else marks.get_facecolors()
        size = np.sqrt(marks.get_sizes()) / pixel
        rim = marks.get_linewidths()[0] / pixel
        for place, side, colour in zip(marks.get_offsets(), size, paint, strict=True):
            drawn[tuple(np.round(place, 2))] = (side, to_hex(colour), colour[3], rim)
    found = [element for element in _graph() if (element.get("id") or "").startswith("unit-")]
    assert len(found) == len(drawn) == 6
    for element in found:
        if element.tag == f"{SVG}circle":
            place = (_number(element, "cx"), _number(element, "cy"))
            side = 2 * _number(element, "r")
        else:
            side = _number(element, "width")
            place = (_number(element, "x") + side / 2, _number(element, "y") + side / 2)
        hollow = element.get("fill") == "#ffffff"
        expected = drawn[tuple(np.round(place, 2))]
        assert side == pytest.approx(expected[0], abs=2e-3)
        assert element.get("stroke" if hollow else "fill") == expected[1]
        assert _number(element, "stroke-width") == pytest.approx(expected[3], abs=1e-3)
        assert float(element.get("opacity", 1)) == pytest.approx(expected[2], abs=1e-3)


def test_the_pages_svg_and_the_figure_draw_the_same_lines_and_rings():
    drawing = view.figure(read_view(SAVED))
    parts = {one.get_gid(): one for one in drawing.axes[0].collections}
    paths = [element for element in _graph() if element.tag == f"{SVG}path"]
    solid = [element for element in paths if element.get("stroke-dasharray") is None]
    links = parts["links"]
    for element, path, colour in zip(solid, links.get_paths(), links.get_edgecolors(), strict=True):
        numbers = re.findall(r"[-\d.]+", element.get("d"))
        np.testing.assert_allclose(np.reshape(numbers, (-1, 2)).astype(float), path.vertices)
        assert _number(element, "stroke-opacity") == pytest.approx(colour[3], abs=1e-3)
        assert element.get("stroke") == to_hex(colour)
    (dashed,) = (element for element in paths if element not in solid)
    ends = np.reshape(re.findall(r"[-\d.]+", dashed.get("d")), (-1, 2, 2)).astype(float)
    np.testing.assert_allclose(parts["twins"].get_segments(), ends)
    rings = [element for element in _graph() if element.get("fill") == "none" and element.get("r")]
    places = [(_number(ring, "cx"), _number(ring, "cy")) for ring in rings]
    np.testing.assert_allclose(parts["selected"].get_offsets(), places)


def test_the_pages_svg_is_valid_and_says_title_and_legend():
    root = ElementTree.parse(HERE / "saved_view.svg").getroot()
    words = {element.text for element in root.iter(f"{SVG}text")}
    found = read_view(SAVED)
    assert {found.title, found.subtitle, found.legend} <= words
    assert {entry.label for entry in found.entries} <= words


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no file .*gone\.json: save a view as JSON"):
        read_view(tmp_path / "gone.json")


def test_a_folder_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match="cannot be read: Is a directory"):
        read_view(tmp_path)


@pytest.mark.parametrize("content", [b"", b"<svg/>", b"\xff\xfe", b"{'a': 1}", b"[" * 100_000])
def test_a_file_that_is_no_json_is_refused(tmp_path, content):
    path = tmp_path / "view.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not JSON"):
        read_view(path)


@pytest.mark.parametrize("content", ["[]", "null", "3", '{"format": "vega"}', "{}"])
def test_json_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "view.json"
    path.write_text(content)
    with pytest.raises(ValueError, match="not a view that the viewer saved"):
        read_view(path)


def test_a_newer_version_is_refused_by_its_number(changed):
    with pytest.raises(ValueError, match=r"a newer Surfeit saved it \(version 2"):
        read_view(changed("version", to=2))


def test_every_field_that_is_drawn_is_asked_for(changed):
    found = json.loads(SAVED.read_text())
    optional = {"state"}
    for key in set(found) - optional - {"format"}:
        with pytest.raises(ValueError, match=f"cannot be drawn: {key} is missing"):
            read_view(changed(key))
    for outer in ("nodes", "links"):
        for key in found[outer]:
            with pytest.raises(ValueError, match=rf"{outer}\.{key} is missing"):
                read_view(changed(outer, key))


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("version",), True, "version must be a whole number from 1, got true"),
        (("title",), 3, "title must be text, got 3"),
        (("width",), 0, "width must be a finite number from 1, got 0"),
        (("height",), "320", 'height must be a finite number from 1, got "320"'),
        (("zoom",), math.inf, "zoom must be a finite number from 1e-06, got Infinity"),
        (("nodes",), [], "nodes must be an object, got []"),
        (("nodes", "x"), {}, "nodes.x must be a list, got {}"),
        (("nodes", "x", 2), math.nan, "nodes.x[2] must be a finite number, got NaN"),
        (("nodes", "x", 0), 10**400, "nodes.x[0] must be a finite number, got 1000"),
        (("nodes", "x", 0), None, "nodes.x[0] must be a finite number, got null"),
        (("nodes", "y"), [1, 2], "nodes.y has 2 entries instead of 7"),
        (("nodes", "radius", 1), -1, "nodes.radius[1] must be a finite number from 0, got -1"),
        (("nodes", "opacity", 1), 1.5, "nodes.opacity[1] must be a number from 0 to 1, got 1.5"),
        (("nodes", "colour", 1), "red", 'nodes.colour[1] must be a colour like "#0072b2"'),
        (("nodes", "shape", 1), 3, "nodes.shape[1] must be a whole number from 0 to 2, got 3"),
        (("nodes", "shape", 1), [], "nodes.shape[1] must be a whole number from 0 to 2, got []"),
        (("links", "source", 1), 7, "links.source[1] must be a whole number from 0 to 6, got 7"),
        (("links", "target"), [0], "links.target has 1 entries instead of 5"),
        (("links", "opacity", 0), True, "links.opacity[0] must be a number from 0 to 1, got true"),
        (("twins", 0), [0], "twins[0] must be a pair, got [0]"),
        (("twins", 1), [0, -1], "twins[1] must be a whole number from 0 to 6, got -1"),
        (("selected",), [1.0], "selected[0] must be a whole number from 0 to 6, got 1.0"),
        (("legend", "entries", 0), 1, "legend.entries[0] must be an object, got 1"),
        (("legend", "entries", 0, "colour"), 2**24, "entries[0].colour must be a whole number"),
        (("legend", "scale", "colours"), [], "legend.scale.colours must hold at least one"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_what_it_holds(changed, keys, value, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        read_view(changed(*keys, to=value))


def test_unit_numbers_without_units_are_refused(changed):
    path = changed("nodes", to={key: [] for key in json.loads(SAVED.read_text())["nodes"]})
    with pytest.raises(ValueError, match=re.escape("links.source[0] must be left out, got 0")):
        read_view(path)


def test_fields_of_later_additions_are_passed_over(changed):
    assert read_view(changed("novelty", to=[1])).title.startswith("a ")


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe cannot be read: it is a pipe, not a file"):
        read_view(tmp_path / "pipe")
    with pytest.raises(ValueError, match="/dev/zero cannot be read: it is a device"):
        read_view(Path("/dev/zero"))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ValueError, match="loop cannot be read: its links lead in a circle"):
        read_view(tmp_path / "loop")
    (tmp_path / "link").symlink_to(SAVED)
    assert read_view(tmp_path / "link").title.startswith("a ")


def test_a_file_larger_than_a_view_is_not_read(tmp_path):
    with open(tmp_path / "view.json", "wb") as file:
        file.truncate(1 << 40)  # a hole: it takes no space
    with pytest.raises(ValueError, match="too large to be what it should"):
        read_view(tmp_path / "view.json")


def test_a_view_higher_than_a_page_can_be_is_refused(changed):
    with pytest.raises(ValueError, match="height must be at most 20 times the width, got 1e"):
        read_view(changed("height", to=1e300))


def test_texts_are_drawn_as_they_can_be(changed):
    assert read_view(changed("title", to="a\x1b[2J\ud800")).title == r"a\x1b[2J\ud800"


def test_a_large_wrong_value_is_shown_by_its_beginning(changed):
    with pytest.raises(ValueError, match=r"title must be text, got \[0, 0, 0, .*\.\.\.$"):
        read_view(changed("title", to=[0] * 1_000_000))
