"""The still picture says what the viewer's first view says: components, isolated units, sizes."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from surfeit.similarity import NO_GROUP, normalised
from surfeit.tables.figures.style import BLUE, GREEN, ORANGE
from surfeit.tables.figures.view import CIRCLE, RING, figure
from surfeit.viewer.bundles.contents import opened, still
from surfeit.viewer.fallback import _GROUP_COLOURS, added_view, picture, still_view
from surfeit.viewer.frames.active import ActiveUnits
from surfeit.viewer.frames.course import course_frame
from surfeit.viewer.frames.graph import graph_frame
from surfeit.viewer.frames.units import units_of
from surfeit.viewer.timelines.run import RunTimeline


def _planted():
    """Sixty units of 400 inputs: 0-9 near one direction, 10-13 near another, 14-15 a pair."""
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(60, 400, generator=generator)
    for members in (range(10), range(10, 14), range(14, 16)):
        weight[list(members)] = weight[members[0]] + 0.3 * weight[list(members)]
    return weight


@pytest.fixture(scope="module")
def view():
    return still_view(_planted(), title="fc1", subtitle="step 5")


def test_components_and_isolated_units_have_the_viewers_colours_and_shapes(view):
    assert set(view.colour[:10]) == {BLUE}
    assert set(view.colour[10:14]) == {GREEN}
    assert set(view.colour[14:16]) == {"#999999"}
    assert set(view.colour[16:]) == {ORANGE}
    assert set(view.shape[:16]) == {CIRCLE}
    assert set(view.shape[16:]) == {RING}


def test_the_legend_counts_the_units(view):
    words = [entry.label for entry in view.entries]
    assert words == [
        "largest component: 10 units",
        "component 2: 4 units",
        "1 small component: 2 units",
        "isolated: 44 units",
    ]


def test_every_unit_stands_within_the_picture_and_linked_ones_are_nearer(view):
    low, high = view.places.min(axis=0), view.places.max(axis=0)
    assert (low >= 0).all()
    assert (high <= (view.width, view.height)).all()
    cluster = view.places[:10]
    spread = np.linalg.norm(cluster - cluster.mean(axis=0), axis=1).mean()
    assert spread < np.linalg.norm(view.places - view.places.mean(axis=0), axis=1).mean() / 2


def test_areas_are_proportional_to_norms_on_the_scale_that_is_given():
    weight = torch.eye(3, 400) * torch.tensor([[0.01], [2.0], [4.0]])
    radius = still_view(weight, title="", size=4.0).radius
    assert radius.tolist() == pytest.approx([2, 9 * 0.5**0.5, 9])
    assert still_view(weight, title="", size=16.0).radius[2] == pytest.approx(4.5)
    assert still_view(torch.zeros(3, 4), title="").radius.tolist() == [2, 2, 2]


def test_units_that_a_mask_emptied_are_not_drawn_and_count_nowhere():
    kept = torch.ones(60)
    kept[0], kept[1] = 0.0, 0.25
    weight = _planted()
    weight[0] = 0
    view = still_view(weight, title="", kept=kept)
    assert view.radius[0] == 0
    assert view.opacity[1] == pytest.approx(0.3 + 0.7 * 0.5)
    assert view.entries[0].label == "largest component: 9 units"
    assert view.entries[-1].label == "isolated: 44 units"


def test_one_unit_and_units_that_are_all_alone_have_a_picture():
    assert [entry.label for entry in still_view(torch.ones(1, 4), title="").entries] == [
        "isolated: 1 unit"
    ]
    assert still_view(torch.eye(4, 50), title="").links.shape == (0, 2)


def test_the_picture_is_the_view_as_png_the_same_each_time(view):
    found = picture(view)
    assert found.startswith(b"\x89PNG")
    assert found == picture(view)
    drawn = figure(view)
    (circles,) = [part for part in drawn.axes[0].collections if part.get_gid() == "units-0"]
    assert to_hex(circles.get_facecolors()[0]) == BLUE.lower()


@pytest.fixture(scope="module")
def added():
    """Updates of sixty units, of which one was never given any, in three groups."""
    rows = normalised(_planted())
    rows[59] = 0
    units = units_of(_planted(), moved=torch.arange(60.0), level=0.5)
    frame = graph_frame(replace(units, rows=rows))
    labels = np.repeat([0, 1, 2], 20)
    labels[59] = NO_GROUP
    return frame, added_view(frame, labels, title="fc1", size=59.0)


def test_updates_are_joined_with_the_nearest_and_darkly_above_chance(added):
    frame, view = added
    links = {
        tuple(link): ink for link, ink in zip(view.links.tolist(), view.link_opacity, strict=True)
    }
    products = normalised(_planted()) @ normalised(_planted()).T
    products.fill_diagonal_(-2)
    products[59] = products[:, 59] = -2
    near = {
        (min(unit, other), max(unit, other))
        for unit in range(59)
        for other in products[unit].topk(3).indices.tolist()
    }
    above = {(a, b) for a, b in (products >= 0.5).nonzero().tolist() if a < b}
    assert len(above) > 40
    assert set(links) == near | above
    dark = min(links[pair] for pair in above)
    assert all(ink < dark for pair, ink in links.items() if pair not in above)
    assert frame.level == 0.5


def test_updates_have_the_pages_colours_sizes_and_counts(added):
    _, view = added
    assert view.colour[0] == view.colour[19] != view.colour[20]
    assert view.colour[59] == "#999999"
    assert [entry.label for entry in view.entries] == ["1: 20", "2: 20", "3: 19", "none: 1"]
    assert view.radius[59] == pytest.approx(9)
    assert view.radius[15] == pytest.approx(9 * (15 / 59) ** 0.5)
    assert view.radius[0] == 2
    page = (Path(__file__).parents[2] / "web/src/graph/groups.ts").read_text()
    colours = re.findall(r"0x([0-9a-f]{6})", page.split("COLOURS = [")[1].split("]")[0])
    assert view.colour[0] == f"#{colours[0]}"
    assert [f"#{colour}" for colour in colours] == list(_GROUP_COLOURS)


def test_a_run_of_one_snapshot_is_drawn_by_its_weight_vectors(written):
    view = still(opened(written(steps=(3,))), "fc1")
    assert "weight vectors: links from" in view.subtitle
    assert view.legend == "Components"


def test_the_still_picture_has_the_groups_that_the_page_opens_with(written):
    timeline = RunTimeline(written())
    view = still(timeline, "fc1")
    course = course_frame(timeline, "fc1", timeline.steps(), [ActiveUnits(None)])
    assert list(view.colour) == [_GROUP_COLOURS[label] for label in course.labels[-1]]
    assert "what training added: each unit with the 3 nearest" in view.subtitle
