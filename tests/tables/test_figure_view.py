"""A saved view is drawn again with the same places, sizes, colours and words."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from surfeit.tables.figures import save, view
from surfeit.tables.figures.view import Entry, Scale, View

UNITS = 60


@pytest.fixture
def planted():
    generator = np.random.default_rng(0)
    links = np.stack([generator.integers(0, UNITS, 200), generator.integers(0, UNITS, 200)], axis=1)
    return View(
        title="LeNet-300-100, fc1",
        subtitle="epoch 40",
        width=900.0,
        height=600.0,
        zoom=1.2,
        address="#v=1",
        places=np.stack([generator.uniform(0, 900, UNITS), generator.uniform(0, 600, UNITS)], 1),
        radius=generator.uniform(2, 12, UNITS) * (np.arange(UNITS) != 7),
        colour=tuple(f"#{value:06x}" for value in generator.integers(0, 2**24, UNITS)),
        opacity=generator.uniform(0.3, 1, UNITS),
        shape=np.arange(UNITS) % 3,
        links=links,
        link_opacity=generator.choice([0.1, 0.3, 0.55], 200),
        twins=np.array([[0, 30], [7, 31], [1, 32]]),
        selected=np.array([4, 7, 11]),
        legend="Components",
        entries=(
            Entry(label="largest: $40 & more", colour="#0072b2", shape=0),
            Entry(label="isolated", colour="#e69f00", shape=2),
        ),
        scale=Scale(colours=("#440154", "#21918c", "#fde725"), low="0°", high="90°"),
    )


def _part(drawing, name):
    return next(one for one in drawing.axes[0].collections if one.get_gid() == name)


def _points(planted):
    """Points of the figure in one pixel of the page."""
    return 7.0 * 72 / planted.width


def test_units_stand_at_the_saved_places_with_the_saved_radii(planted):
    drawing = view.figure(planted)
    for shape, side in ((0, 1.0), (1, np.sqrt(np.pi) / 2), (2, 1.0)):
        units = np.flatnonzero((planted.shape == shape) & (planted.radius > 0))
        marks = _part(drawing, f"units-{shape}")
        np.testing.assert_allclose(marks.get_offsets(), planted.places[units], atol=1e-6)
        radius = np.sqrt(marks.get_sizes()) / 2 / _points(planted) / side
        np.testing.assert_allclose(radius, planted.radius[units] - (shape == 2), atol=1e-9)


def test_a_square_has_the_area_of_the_circle_of_its_radius(planted):
    marks = _part(view.figure(planted), "units-1")
    units = np.flatnonzero(planted.shape == 1)
    units = units[planted.radius[units] > 0]
    area = marks.get_sizes() / _points(planted) ** 2
    np.testing.assert_allclose(area, np.pi * planted.radius[units] ** 2)


def test_colours_and_opacities_are_the_saved_ones_and_rings_are_hollow(planted):
    drawing = view.figure(planted)
    filled, hollow = _part(drawing, "units-0"), _part(drawing, "units-2")
    for marks, colours, shape in (
        (filled, filled.get_facecolors(), 0),
        (hollow, hollow.get_edgecolors(), 2),
    ):
        units = np.flatnonzero((planted.shape == shape) & (planted.radius > 0))
        assert [to_hex(colour) for colour in colours] == [planted.colour[unit] for unit in units]
        np.testing.assert_allclose(colours[:, 3], planted.opacity[units])
        assert len(marks.get_offsets()) == len(units)
    np.testing.assert_allclose(hollow.get_facecolors()[:, :3], 1)


def test_every_link_between_drawn_units_is_drawn_once_with_its_opacity(planted):
    links = _part(view.figure(planted), "links")
    found = {}
    for path, colour in zip(links.get_paths(), links.get_edgecolors(), strict=True):
        found[round(float(colour[3]), 6)] = path.vertices.reshape(-1, 2, 2)
    drawn = ~(planted.links == 7).any(axis=1)
    assert list(found) == [0.1, 0.3, 0.55]
    for opacity, lines in found.items():
        chosen = planted.links[drawn & (planted.link_opacity == opacity)]
        np.testing.assert_allclose(lines, planted.places[chosen], atol=1e-6)


def test_links_become_one_picture_where_there_are_many(planted):
    assert not _part(view.figure(planted), "links").get_rasterized()
    links = np.tile([[0, 1]], (5000, 1))
    many = replace(planted, links=links, link_opacity=np.full(5000, 0.2))
    links = _part(view.figure(many), "links")
    assert links.get_rasterized()
    assert [len(path.vertices) // 2 for path in links.get_paths()] == [2048, 2048, 904]


def test_twins_are_dashed_and_selected_units_ringed_unless_they_are_hidden(planted):
    drawing = view.figure(planted)
    twins = _part(drawing, "twins")
    np.testing.assert_allclose(twins.get_segments(), planted.places[[[0, 30], [1, 32]]])
    assert twins.get_linestyles()[0][1] is not None
    rings = _part(drawing, "selected")
    np.testing.assert_allclose(rings.get_offsets(), planted.places[[4, 11]])
    radius = np.sqrt(rings.get_sizes()) / 2 / _points(planted)
    np.testing.assert_allclose(radius, planted.radius[[4, 11]] + 1.5)


def test_the_plot_keeps_the_pages_proportions_with_y_downwards(planted):
    drawing = view.figure(planted)
    axes = drawing.axes[0]
    size = axes.get_position().size * drawing.get_size_inches()
    assert size[0] / size[1] == pytest.approx(planted.width / planted.height)
    assert axes.get_xlim() == (0, planted.width)
    assert axes.get_ylim() == (planted.height, 0)
    assert size[0] == pytest.approx(7.0)


def test_title_legend_and_scale_say_what_the_page_said(planted):
    drawing = view.figure(planted)
    words = [text.get_text() for text in drawing.texts]
    for text in ("LeNet-300-100, fc1", "epoch 40", "Components", "0°", "90°"):
        assert text in words
    labels = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert labels == [r"largest: \$40 & more", "isolated"]
    bar = drawing.axes[1].images[0].get_array()
    assert [to_hex(colour) for colour in bar[0]] == list(planted.scale.colours)


def test_nothing_of_the_words_lies_over_the_graph_or_outside_the_page(planted):
    entries = tuple(
        Entry(label=f"component {place}: {place} units", colour="#0072b2", shape=0)
        for place in range(11)
    )
    drawing = view.figure(replace(planted, title="a long title " * 20, entries=entries))
    drawing.draw_without_rendering()
    graph = drawing.axes[0].get_window_extent()
    for part in (*drawing.texts, *drawing.legends):
        box = part.get_window_extent()
        assert box.y1 <= graph.y0 + 0.5 or box.y0 >= graph.y1 - 0.5
        assert box.x0 >= 0
        assert box.x1 <= drawing.bbox.x1
        assert box.y0 >= 0
        assert box.y1 <= drawing.bbox.y1


@pytest.mark.parametrize("shown", ["nothing", "one unit"])
def test_a_view_of_next_to_nothing_is_drawn(planted, shown, tmp_path):
    radius = np.zeros(UNITS)
    radius[3] = 5 * (shown == "one unit")
    bare = replace(planted, radius=radius, title="", subtitle="", entries=(), scale=None, legend="")
    assert save(view.figure(bare), tmp_path, "bare")["pdf"].stat().st_size > 0


def test_the_same_view_gives_the_same_bytes(planted, tmp_path):
    one = save(view.figure(planted), tmp_path / "one", "view")
    other = save(view.figure(planted), tmp_path / "other", "view")
    for kind in ("svg", "png", "pdf"):
        assert one[kind].read_bytes() == other[kind].read_bytes()
