"""Lines of means over replicates: what the line, the dots and the band are of."""

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.figure import Figure

from surfeit.tables.figures.lines import labelled, mean_line, mean_lines
from surfeit.tables.figures.style import BLUE, Stroke


def _rows(*cells):
    return [{"seed": seed, "width": at, "distance": value} for seed, at, value in cells]


def _lines(axes):
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]


def test_the_mean_is_of_the_places_that_all_replicates_have():
    axes = Figure().add_subplot()
    rows = _rows((0, 8, 3.0), (0, 2, 1.0), (1, 2, 2.0), (1, 8, None))
    mean_line(axes, rows, "width", "distance", Stroke(color=BLUE), "mean")
    assert _lines(axes) == [([2], [1.5]), ([2, 2, 8], [1.0, 2.0, 3.0])]


def test_without_a_value_nothing_is_drawn():
    axes = Figure().add_subplot()
    mean_line(axes, _rows((0, 1, None)), "width", "distance", Stroke(color=BLUE), "mean")
    assert _lines(axes) == [([], []), ([], [])]


def test_each_group_is_a_line_with_the_interval_of_its_means():
    axes = Figure().add_subplot()
    table = pa.Table.from_pylist(_rows((0, 1, 0.1), (1, 1, 0.3), (0, 2, 0.2), (1, 2, 0.2)))
    table = pa.concat_tables([
        table.append_column("of", pa.array(["a"] * 4)),
        table.slice(0, 2).append_column("of", pa.array(["b"] * 2)),
    ])  # fmt: skip
    mean_lines(axes, table, x="width", y="distance", by="of", label=str.upper, scale=100)
    assert [line.get_label() for line in axes.lines[::2]] == ["A", "B"]
    assert axes.lines[0].get_ydata() == pytest.approx([20, 20])
    heights = axes.collections[0].get_paths()[0].vertices[:, 1]
    # Student's interval of 10 and 30: 20 ± 12.706 · 14.142 / √2; equal values have none.
    assert [heights.min(), heights.max()] == pytest.approx([20 - 127.06, 20 + 127.06], abs=0.01)


def test_without_bands_the_dots_stay():
    axes = Figure().add_subplot()
    rows = _rows((0, 1, 0.1), (1, 1, 0.3))
    mean_lines(axes, pa.Table.from_pylist(rows), x="width", y="distance", bands=False)
    assert not axes.collections
    assert _lines(axes)[1] == ([1, 1], [0.1, 0.3])


def test_the_places_that_are_named_lie_apart():
    places = list(np.geomspace(1, 0.01, 40))
    named = labelled(places)
    assert named[0] == 1
    assert len(named) <= 8
    assert labelled([]) == []
