"""Figures of landscapes, from planted tables."""

import re

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.colors import LogNorm

from surfeit.tables.figures import landscape, save
from surfeit.tables.figures.readout import pieces

SCHEMA = pa.schema(
    [
        ("network", pa.int64()),
        ("first", pa.float64()),
        ("second", pa.float64()),
        *((name, pa.float64()) for name in ("loss", "accuracy")),
    ]
)
PATH = pa.schema(
    [("network", pa.int64()), ("step", pa.int64()), *SCHEMA.remove(0).remove(2).remove(2)]
)
AXIS = np.linspace(-1, 1, 5)


def plane(networks=1, power=1.0, hole=False):
    rows = [
        {"network": number, "first": a, "second": b, "loss": (0.1 + a**2 + 2 * b**2) ** power}
        for number in range(networks)
        for a in AXIS
        for b in AXIS
    ]
    if hole:
        rows[7]["loss"] = float("nan")
    return pa.Table.from_pylist(rows, SCHEMA)


def line(networks=1):
    rows = [
        {"network": number, "first": a, "loss": a**2 + 1, "accuracy": 1 - a**2}
        for number in range(networks)
        for a in AXIS
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


def path(*rows):
    names = ("network", "step", "first", "second")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], PATH)


def drawn(heights, way=None, names=("a",)):
    return landscape.figure(heights, way or path(), names=names, labels=("x", "y"))


def test_a_grid_is_put_back_in_order():
    table = plane().take(np.random.default_rng(0).permutation(25))
    a, b, values = landscape.grid(table, 0, "loss")
    assert a.tolist() == b.tolist() == AXIS.tolist()
    np.testing.assert_allclose(values, 0.1 + a[:, None] ** 2 + 2 * b[None] ** 2)


def test_one_network_has_contours_beside_its_surface():
    flat, solid, bar = drawn(plane()).axes
    assert flat.get_title(loc="left") == "a"
    assert (flat.get_xlabel(), flat.get_ylabel(), bar.get_ylabel()) == (
        "x",
        "y",
        "loss, logarithmic",
    )
    assert solid.name == "3d"


@pytest.mark.parametrize(("power", "logarithmic"), [(0.5, False), (1.0, True)])
def test_two_networks_are_in_one_scale(power, logarithmic):
    drawing = drawn(plane(2, power), names=("a", "b"))
    norms = [axes.collections[0].norm for axes in drawing.axes if axes.name == "rectilinear"][:2]
    assert norms[0] is norms[1]
    assert isinstance(norms[0], LogNorm) == logarithmic


def test_what_is_not_finite_is_hatched_and_named():
    drawing = drawn(plane(hole=True))
    (patch,) = drawing.axes[0].patches
    assert patch.get_hatch()
    assert patch.get_xy() == pytest.approx((AXIS[1] - 0.25, AXIS[2] - 0.25))
    assert [text.get_text() for text in drawing.legends[0].get_texts()] == ["not finite"]
    nothing = plane().set_column(3, "loss", pa.array([float("nan")] * 25))
    assert len(drawn(nothing).axes[0].patches) == 25


def test_a_path_is_drawn_with_its_first_and_last_step():
    way = path((0, 0, 0.9, 0.5), (0, 100, 0.2, 0.1), (0, 1200, 0.0, 0.0))
    flat = drawn(plane(), way).axes[0]
    assert flat.lines[-1].get_xdata() == pytest.approx([0.9, 0.2, 0])
    assert [text.get_text() for text in flat.texts][-2:] == ["step 0", "step 1,200"]
    runs = path((0, None, 0.0, 0.0), (0, None, 0.5, 0.0), (0, None, 0.2, 0.9))
    assert drawn(plane(), runs).axes[0].lines[-1].get_linewidth() == 0


def test_lines_have_loss_and_accuracy():
    drawing = drawn(line(2), names=("small", "large"))
    loss, accuracy = drawing.axes
    assert [one.get_label() for one in loss.lines] == ["small", "large"]
    assert accuracy.get_ylabel() == "accuracy"
    assert len(drawing.legends[0].get_texts()) == 2
    holed = line().set_column(3, "loss", pa.array([1.0, float("nan"), 1.0, 2.0, 3.0]))
    assert drawn(holed).axes[0].patches[0].get_hatch()


def test_convexity_of_all_directions_stands_beside_the_pictures():
    rows = [
        {
            "network": 0,
            "first": a,
            "second": b,
            "convexity_lost": None if a == 1 else 0.3,
            "plane_convexity_lost": None if a == 1 else float("inf") if b == 1 else 0.0,
        }
        for a in (-1.0, 1.0)
        for b in (-1.0, 1.0)
    ]
    table = pa.Table.from_pylist(rows)
    drawing = landscape.convexity_figure(table, names=["a"], labels=("x", "y"))
    left, right, _ = drawing.axes
    assert left.get_title(loc="left") == "All directions"
    assert right.get_title(loc="left") == "The picture's alone"
    assert len(left.patches) == 2
    flat = table.set_column(2, "second", pa.array([None] * 4, pa.float64()))
    curves = landscape.convexity_figure(flat, names=["a"], labels=("x", ""))
    assert len(curves.axes[0].lines) == 2


@pytest.mark.parametrize("networks", [1, 2])
def test_pieces_hold_each_panel_whole_and_the_bar_of_its_row(networks, tmp_path):
    names = ["one", "two"][:networks]
    heights = plane(networks)
    linear = pa.array([0.7 + 1.45 * value for value in heights["loss"].to_pylist()])
    heights = heights.set_column(3, "loss", linear)
    drawing = landscape.figure(heights, PATH.empty_table(), names=names, labels=("first", "second"))
    svg = save(drawing, tmp_path, "drawing")["svg"].read_text(encoding="utf-8")
    found = pieces(drawing)
    assert [len(piece) for piece in found] == [2, 1] * networks  # contours with the bar, a surface
    (at,) = re.findall(r'x="([\d.]+)" y="[\d.]+" transform="rotate\(-90[^>]*>loss<', svg)
    for left, _, width, _ in (piece[1] for piece in found if len(piece) == 2):
        assert left < float(at) < left + width - 1  # the bar's words hang to the left of there
    for (left, top, width, height), *_ in found:
        assert 0 <= left < left + width <= 504
        assert 0 <= top < top + height <= 72 * drawing.get_figheight()


def test_a_legend_is_a_piece_and_a_title_over_a_bar_makes_one_piece_of_both(tmp_path):
    drawing = landscape.figure(
        line(2), PATH.empty_table(), names=["one", "two"], labels=("first", "")
    )
    save(drawing, tmp_path, "drawing")
    assert [len(piece) for piece in pieces(drawing)] == [1, 1, 1]
    drawing = landscape.figure(
        plane(1), PATH.empty_table(), names=["long " * 12], labels=("first", "second")
    )
    save(drawing, tmp_path, "drawing")
    assert [len(piece) for piece in pieces(drawing)] == [1, 1]
