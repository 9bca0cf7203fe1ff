"""Saved matrices are read as the page wrote them, and drawn again.

`saved_matrix.json` is what the page's own code writes (web/tests/save.matrix.test.ts).
"""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex

from surfeit.tables.figures import save_as
from surfeit.tables.figures.matrix_view import MatrixView, cell_colours, matrix_figure
from surfeit.viewer.saved import read_view

SAVED = Path(__file__).parent / "saved_matrix.json"


@pytest.fixture
def changed(tmp_path):
    """Writes the planted matrix with fields of its "matrix" changed."""

    def write(version=2, **fields):
        found = json.loads(SAVED.read_text())
        found["matrix"] |= fields
        found["version"] = version
        path = tmp_path / "matrix.json"
        path.write_text(json.dumps(found))
        return path

    return write


def test_the_matrix_that_the_page_writes_is_read_whole():
    found = read_view(SAVED)
    assert isinstance(found, MatrixView)
    assert found.title == 'a "run" & its <twin>\'s matrix'
    assert found.order.tolist() == [1, 3, 0, 2]
    assert found.products.tolist() == [
        [127, 64, -40, -128],
        [64, 127, 9, -128],
        [-40, 9, 127, -128],
        [-128] * 4,
    ]
    bars = [(bar.start, bar.length, bar.colour) for bar in found.bars]
    assert bars == [(0, 2, "#332288"), (2, 1, "#cc6677"), (3, 1, "#999999")]
    assert [entry.label for entry in found.entries] == ["1: 2", "2: 1", "none: 1"]
    assert found.scale is not None
    assert (found.scale.low, found.scale.high) == ("−1", "1")


def test_cells_have_the_pages_colours():
    colours = cell_colours(np.array([[127, -127], [0, -128]], np.int8))
    found = [to_hex(colour) for colour in colours.reshape(-1, 3)]
    assert found == ["#542788", "#b35806", "#ffffff", "#bbbbbb"]
    view = read_view(SAVED)
    assert isinstance(view, MatrixView)
    assert view.scale is not None
    steps = np.floor(np.linspace(-1, 1, 21) * 127 + 0.5 + 1e-9).astype(np.int8)
    legend = [to_hex(colour) for colour in cell_colours(steps[None])[0]]
    for one, other in zip(legend, view.scale.colours, strict=True):
        apart = [int(one[at : at + 2], 16) - int(other[at : at + 2], 16) for at in (1, 3, 5)]
        assert max(map(abs, apart)) <= 1


def test_the_figure_has_cells_bars_and_words_as_text(tmp_path):
    view = read_view(SAVED)
    assert isinstance(view, MatrixView)
    drawing = matrix_figure(view)
    axes = drawing.axes[0]
    (cells,) = axes.images
    assert cells.get_array().shape == (4, 4, 3)
    assert len(axes.patches) == 6
    save_as(drawing, tmp_path / "matrix.svg")
    text = (tmp_path / "matrix.svg").read_text()
    assert "Rows and columns are the units of fc1" in text
    assert text.count("<image") >= 1


def test_a_matrix_of_one_unit_and_of_none_can_be_drawn(changed):
    path = changed(units=1, order=[0], products="fw==", bars=[])
    view = read_view(path)
    assert isinstance(view, MatrixView)
    assert matrix_figure(view).axes[0].images


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"order": [0, 1, 2, 2]}, "matrix.order must name each unit once"),
        ({"order": [0, 1, 2]}, "matrix.order has 3 entries instead of 4"),
        ({"products": "?"}, "matrix.products must be base64"),
        ({"products": "fw=="}, "matrix.products has 1 bytes instead of 16"),
        ({"units": 5000}, "matrix.units must be a whole number from 0 to 4096, got 5000"),
        (
            {"bars": [{"start": 3, "length": 2, "colour": "#332288"}]},
            r"matrix.bars\[0\].length must be a whole number from 0 to 1",
        ),
        ({"bars": [{"start": 0, "length": 1, "colour": "red"}]}, "must be a colour like"),
        ({"version": 3}, r"a newer Surfeit saved it \(version 3 of the format, this one reads 2\)"),
    ],
)
def test_what_is_wrong_with_a_matrix_is_said(changed, fields, words):
    with pytest.raises(ValueError, match=words):
        read_view(changed(**fields))
