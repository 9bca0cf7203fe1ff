"""The strongest links against all pairs, sorted."""

import pytest
import torch

from surfeit.core import Streams
from surfeit.similarity import cosine_graph, normalised, strongest_links


def _weight(units, inputs, *name, dtype=torch.float64):
    return torch.randn(units, inputs, generator=Streams(0).get(*name), dtype=dtype)


def _all_pairs(weight):
    rows = normalised(weight)
    similar = rows @ rows.T
    live = rows.any(dim=1).tolist()
    pairs = [
        (-float(similar[i, j].clamp(-1, 1)), i, j)
        for i in range(len(rows))
        for j in range(i + 1, len(rows))
        if live[i] and live[j]
    ]
    return sorted(pairs)


@pytest.mark.parametrize("count", [0, 1, 7, 40, 10_000])
def test_strongest_links_are_the_first_of_all_pairs_sorted(count):
    weight = _weight(24, 5, "links")
    weight[3] = 0
    pairs, products = strongest_links(weight, count)
    expected = _all_pairs(weight)[:count]
    assert pairs.T.tolist() == [[i, j] for _, i, j in expected]
    torch.testing.assert_close(products, -torch.tensor([p for p, _, _ in expected]).double())


def test_strongest_links_agree_across_blocks_with_the_graph_at_their_threshold():
    weight = _weight(1300, 6, "blocks")
    pairs, products = strongest_links(weight, 5_000)
    graph = cosine_graph(weight, inner_product=float(products[-1]))
    assert {tuple(pair) for pair in pairs.T.tolist()} == {
        tuple(pair) for pair in graph.edges.T.tolist()
    }
    assert (products.diff() <= 0).all()
    assert (pairs[0] < pairs[1]).all()


def test_strongest_links_of_equal_vectors_begin_with_the_lower_units():
    pairs, products = strongest_links(torch.ones(600, 3), 4)
    assert pairs.T.tolist() == [[0, 1], [0, 2], [0, 3], [0, 4]]
    torch.testing.assert_close(products, torch.ones(4))


def test_strongest_links_do_not_depend_on_the_lengths_of_weight_vectors():
    weight = _weight(30, 8, "lengths")
    scaled = weight * torch.logspace(-3, 3, 30)[:, None]
    assert torch.equal(strongest_links(weight, 50)[0], strongest_links(scaled, 50)[0])


def test_strongest_links_of_one_unit_or_of_zero_rows_are_none():
    for weight in (torch.ones(1, 4), torch.zeros(5, 4)):
        pairs, products = strongest_links(weight, 10)
        assert pairs.shape == (2, 0)
        assert products.shape == (0,)


def test_strongest_links_say_what_is_wrong():
    with pytest.raises(ValueError, match="count must be at least 0, got -1"):
        strongest_links(torch.ones(2, 2), -1)
    with pytest.raises(ValueError, match="finite"):
        strongest_links(torch.full((2, 2), float("nan")), 1)
