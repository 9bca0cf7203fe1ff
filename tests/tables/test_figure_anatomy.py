"""The figure of a ticket's anatomy draws every group and every weight of its tables."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from matplotlib.colors import to_rgb

from surfeit.core import Streams
from surfeit.prune.anatomy import anatomy_table, count_table, distance_table
from surfeit.tables.figures import anatomy
from surfeit.tables.tables import column, where


@pytest.fixture(scope="module")
def tables():
    generator = Streams(0).get("anatomy")
    rates = torch.where(torch.arange(100) % 2 == 0, 0.4, 0.1)[:, None]
    mask = {
        "fc1.weight": torch.rand(100, 784, generator=generator) < rates,
        "fc2.weight": torch.rand(10, 100, generator=generator) < 0.5,
    }
    initial = {name: torch.randn(kept.shape, generator=generator) for name, kept in mask.items()}
    final = {
        name: initial[name] + torch.randn(kept.shape, generator=generator) * (1 + kept)
        for name, kept in mask.items()
    }
    measured = anatomy_table(mask, initial, dense=final)
    return count_table(mask), distance_table(mask, initial, final), measured


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


@pytest.mark.parametrize("over", ["units", "inputs"])
def test_bars_count_every_group_and_the_line_expects_as_many(tables, over):
    counts, distances, measured = tables
    panels = anatomy.figure(counts, distances, anatomy=measured, over=over).axes
    assert len(panels) == 4
    for panel, layer in zip(panels[::2], ("fc1", "fc2"), strict=True):
        rows = where(counts, layer=layer, over=over)
        groups = sum(rows["observed"].to_pylist())
        assert sum(bar.get_height() for bar in panel.patches) == groups
        expected = lines(panel)["expected by chance"].get_ydata()
        assert expected.sum() == pytest.approx(groups, rel=0.01)
        assert len(panel.patches) <= anatomy.MOST_BARS
    assert over[:-1] in panels[-2].get_xlabel()


def test_bars_stand_at_their_numbers_of_kept_weights(tables):
    counts = tables[0]
    panel = anatomy.figure(counts).axes[1]
    rows = where(counts, layer="fc2", over="units")
    for bar in panel.patches:
        left, right = bar.get_x(), bar.get_x() + bar.get_width()
        inside = (column(rows, "kept") > left) & (column(rows, "kept") < right)
        assert bar.get_height() == column(rows, "observed")[inside].sum()


def test_distances_of_ticket_and_others_are_shares(tables):
    counts, distances, _ = tables
    panel = anatomy.figure(counts, distances).axes[1]
    drawn = {steps.get_label(): steps.get_data() for steps in panel.patches}
    for of, words in anatomy.WORDS.items():
        rows = where(distances, layer="fc1", of=of)
        np.testing.assert_allclose(drawn[words].values, rows["share"].to_pylist())
        np.testing.assert_allclose(drawn[words].edges[:-1], rows["lower"].to_pylist())
    assert "%" in panel.yaxis.get_major_formatter()(0.05, 0)


def test_titles_say_what_the_anatomy_measured(tables):
    counts, distances, measured = tables
    panels = anatomy.figure(counts, distances, anatomy=measured).axes
    dispersion = where(measured, layer="fc1", quantity="units_dispersion")["value"][0].as_py()
    title = panels[0].get_title(loc="left")
    assert title == f"fc1: variance {dispersion:.3g} × chance, p < 0.001"
    travel = where(measured, layer="fc1", quantity="travel").to_pylist()[0]
    words = f"fc1: mean {travel['value']:.2g}, others {travel['null']:.2g}"
    assert panels[1].get_title(loc="left") == words
    plain = anatomy.figure(counts, distances).axes
    assert [panel.get_title(loc="left") for panel in plain] == ["fc1", "fc1", "fc2", "fc2"]


def test_titles_stay_within_their_own_panels(tables):
    counts, distances, measured = tables
    drawing = anatomy.figure(counts, distances, anatomy=measured)
    drawing.draw_without_rendering()
    boxes = [panel._left_title.get_window_extent() for panel in drawing.axes]
    for left, right in zip(boxes[::2], boxes[1::2], strict=True):
        assert left.x1 < right.x0
        assert right.x1 <= drawing.bbox.x1


def test_ticket_and_others_differ_in_more_than_colour():
    kept, others = anatomy.STROKES.values()
    assert kept.linestyle != others.linestyle
    shades = [np.dot(to_rgb(stroke.color), (0.299, 0.587, 0.114)) for stroke in (kept, others)]
    assert to_rgb(kept.color) != to_rgb(others.color)
    assert max(shades) < 0.7


def test_a_layer_without_others_draws_the_ticket_alone(tables):
    mask = {"fc1.weight": torch.ones(3, 4, dtype=torch.bool)}
    initial = {"fc1.weight": torch.arange(12.0).view(3, 4)}
    final = {"fc1.weight": torch.arange(12.0).view(3, 4) ** 2}
    measured = anatomy_table(mask, initial, dense=final)
    distances = distance_table(mask, initial, final)
    left, right = anatomy.figure(count_table(mask), distances, anatomy=measured).axes
    assert [bar.get_height() for bar in left.patches] == [3]
    assert [steps.get_label() for steps in right.patches] == ["weights of the ticket"]
    assert left.get_title(loc="left") == right.get_title(loc="left") == "fc1"


def test_anatomy_figure_refuses_an_empty_table(tables):
    counts: pa.Table = tables[0]
    with pytest.raises(ValueError, match="at least one layer's counts over units"):
        anatomy.figure(counts.slice(0, 0))
