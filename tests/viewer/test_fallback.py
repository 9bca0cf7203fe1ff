"""The still picture says what the viewer's first view says: components, isolated units, sizes."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from surfeit.tables.figures.style import BLUE, GREEN, ORANGE
from surfeit.tables.figures.view import CIRCLE, RING, figure
from surfeit.viewer.fallback import picture, still_view


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


def test_radius_grows_linearly_with_the_norm():
    weight = torch.eye(3, 400) * torch.tensor([[1.0], [2.0], [4.0]])
    assert still_view(weight, title="").radius.tolist() == pytest.approx([3.75, 5.5, 9.0])


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
