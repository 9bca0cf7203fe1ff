import math

import numpy as np
import pytest
import torch

from surfeit.core import Streams
from surfeit.similarity import Graph, cosine_graph, force_layout, isolated
from surfeit.similarity import layout as layout_file


def planted():
    """Three clusters of 12 units and 24 units on their own."""
    generator = Streams(0).get("planted")
    centres = torch.randn(3, 80, generator=generator).repeat_interleave(12, dim=0)
    noise = torch.randn(60, 80, generator=generator)
    return cosine_graph(torch.cat([centres + 0.4 * noise[:36], noise[36:]]), inner_product=0.6)


def stream():
    return Streams(0).get("layout")


def test_repulsion_equals_the_double_loop(monkeypatch):
    monkeypatch.setattr(layout_file, "_PAIRS", 16)
    place = torch.randn(7, 2, generator=stream(), dtype=torch.float64).numpy()
    expected = np.zeros((7, 2))
    for i in range(7):
        for j in range(7):
            apart = place[i] - place[j]
            expected[i] += apart / (apart @ apart + 0.01)
    np.testing.assert_allclose(layout_file._repulsion(place), expected, rtol=1e-9)


def test_two_linked_units_rest_where_the_three_forces_balance():
    edges, ones = torch.tensor([[0], [1]]), torch.ones(1)
    graph = Graph(2, edges, ones, ones, sigma=1.0, cutoff=0.5)
    place = force_layout(graph, stream(), steps=2000, charge=0.5, gravity=0.25)
    d = (place[0] - place[1]).norm().item()
    # On each: repulsion charge/d (softened), gravity at d/2, half of the spring's pull d - 1.
    assert 0.5 * d / (d**2 + 0.01) == pytest.approx(0.25 * d / 2 + (d - 1) / 2, abs=0.02)


def test_linked_units_cluster_and_isolated_ones_form_a_ring():
    graph = planted()
    place = force_layout(graph, stream())
    alone = isolated(graph)
    assert alone.tolist() == list(range(36, 60))
    radius = place.norm(dim=1)
    assert radius[alone].min() > radius[:36].max()
    centres = place[:36].reshape(3, 12, 2).mean(dim=1)
    within = (place[:36].reshape(3, 12, 2) - centres[:, None]).norm(dim=2).max()
    between = torch.pdist(centres).min()
    assert between > 2 * within
    # Neither a collapsed ball nor units on top of each other.
    assert torch.pdist(place).min() > 0.3


def test_a_cluster_of_many_links_does_not_collapse():
    weight = 1 + 0.01 * torch.randn(100, 5, generator=Streams(0).get("planted"))
    graph = cosine_graph(weight, inner_product=0.5)
    assert graph.edges.shape[1] == 100 * 99 / 2
    assert torch.pdist(force_layout(graph, stream())).min() > 1


def test_layout_is_centred_and_the_same_for_the_same_generator():
    graph = planted()
    first, second = force_layout(graph, stream()), force_layout(graph, stream())
    assert torch.equal(first, second)
    assert first.dtype == torch.float64
    torch.testing.assert_close(first.mean(dim=0), torch.zeros(2, dtype=torch.float64))
    assert not torch.equal(first, force_layout(graph, Streams(1).get("layout")))


def test_a_warm_start_keeps_the_picture():
    graph = planted()
    first = force_layout(graph, stream())
    again = force_layout(graph, stream(), start=first)
    moved = (again - first).norm(dim=1)
    assert moved.max() < 0.07 * first.norm(dim=1).max()


@pytest.mark.parametrize("units", [1, 2, 5])
def test_units_that_start_on_one_point_are_parted(units):
    graph = cosine_graph(torch.eye(units), inner_product=0.5)
    place = force_layout(graph, stream(), start=torch.zeros(units, 2))
    assert place.isfinite().all()
    if units > 1:
        assert torch.pdist(place).min() > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"charge": 0.0}, "charge and gravity positive"),
        ({"gravity": math.nan}, "charge and gravity positive"),
        ({"start": torch.zeros(3, 2)}, r"start must be finite \[60, 2\], got \[3, 2\]"),
        ({"start": torch.full((60, 2), math.inf)}, "start must be finite"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        force_layout(planted(), stream(), **options)
