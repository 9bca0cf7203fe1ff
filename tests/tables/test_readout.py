"""Values of a page are read off where the saved drawing has them."""

import re

import numpy as np
import pytest

from surfeit.tables.figures import graph, learning, removal, save, spectrum
from surfeit.tables.figures.readout import readout


def _saved(drawing, folder):
    svg = save(drawing, folder, "drawing")["svg"].read_text(encoding="utf-8")
    return svg, readout(drawing)


def _share(axis, value):
    """Where a value lies between the ends of an axis; as the page's script has it."""

    def bent(v):
        if axis.kind == "log":
            return np.log10(v)
        if axis.kind == "symlog":
            size = abs(v)
            return np.sign(v) * (
                size / axis.near if size <= axis.near else 1 + np.log10(size / axis.near)
            )
        return v

    return (bent(value) - bent(axis.low)) / (bent(axis.high) - bent(axis.low))


def _path(svg, colour):
    """The points of the first line of a colour."""
    paths = re.findall(r'<path d="([^"]*)" clip-path="[^"]*" style="([^"]*)"', svg)
    drawn = next(path for path, look in paths if f"stroke: {colour.lower()}" in look.lower())
    return np.reshape([float(number) for number in re.findall(r"-?[\d.]+", drawn)], (-1, 2))


def test_each_value_lies_where_the_drawing_has_it(learning_table, removal_table, tmp_path):
    figures = (learning.figure(learning_table), removal.figure(removal_table, loss=0.01))
    for drawing in figures:
        svg, found = _saved(drawing, tmp_path)
        assert len(found.panels) == 2
        for panel in found.panels:
            group = svg[svg.index(f'<g id="{panel.group}">') :]
            curve = panel.curves[-1]
            points = _path(group, curve.colour)
            left, top, width, height = panel.plot
            for place in (0, -1):
                x = left + width * _share(panel.x, curve.x[place])
                y = top + height * (1 - _share(panel.y, curve.y[place]))
                assert (x, y) == pytest.approx(tuple(points[place]), abs=0.2)


def test_curves_are_the_figures_lines_without_those_across_it(removal_table, tmp_path):
    drawing = removal.figure(removal_table, loss=0.01, chance=0.1)
    _, found = _saved(drawing, tmp_path)
    least = found.panels[0]
    assert [curve.label for curve in least.curves] == [
        "random: mean",
        "magnitude",
        "frame potential",
        "inner product",
        "raw frame potential",
    ]
    assert least.title == "Least important first"
    assert (least.y.kind, least.y.near, least.y.percent) == ("symlog", 1.0, False)
    assert least.y.label == "test accuracy lost (points)"
    assert "accepted: 1 point" in [key.label for key in found.keys]


def test_errors_are_read_in_percent(learning_table, tmp_path):
    _, found = _saved(learning.figure(learning_table), tmp_path)
    error, loss = found.panels
    assert (error.y.kind, error.y.percent) == ("log", True)
    assert not loss.y.percent


def test_panels_have_one_size_and_hold_their_plot(graph_tables, spectrum_tables, tmp_path):
    for drawing in (graph.figure(*graph_tables), spectrum.figure(*spectrum_tables)):
        _, found = _saved(drawing, tmp_path)
        assert len({panel.box[2:] for panel in found.panels}) == 1
        for panel in found.panels:
            left, top, width, height = panel.box
            assert left <= panel.plot[0]
            assert top <= panel.plot[1]
            assert panel.plot[0] + panel.plot[2] <= left + width
            assert panel.plot[1] + panel.plot[3] <= top + height


def test_legend_samples_lie_before_their_words(removal_table, tmp_path):
    svg, found = _saved(removal.figure(removal_table, loss=0.01), tmp_path)
    for key in found.keys:
        text = re.search(rf'x="([\d.]+)" y="([\d.]+)"[^>]*>{re.escape(key.label)}</text>', svg)
        x, y = map(float, text.groups())
        left, top, width, height = key.box
        assert left + width == pytest.approx(x - 5, abs=4)
        assert top < y <= top + height + 1


def test_reading_leaves_the_figure_as_it_was(learning_table, tmp_path):
    drawing = learning.figure(learning_table)
    before = drawing.dpi
    first, _ = _saved(drawing, tmp_path)
    assert drawing.dpi == before
    again, _ = _saved(drawing, tmp_path)
    assert again == first
