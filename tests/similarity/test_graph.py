import math

import numpy as np
import pytest
import torch

from surfeit.core import Streams
from surfeit.similarity import (
    chance_inner_product,
    cosine_graph,
    cutoff_of,
    inner_product_of,
    nearest_neighbours,
    neighbour_pairs,
    normalised,
    pairwise_products,
    strongest_links,
)
from surfeit.similarity import graph as graph_file


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=Streams(seed).get("weights"), dtype=torch.float64)


def cosines(weight):
    rows = weight.flatten(1).double().numpy()
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T


@pytest.mark.parametrize("block", [1, 4, 512])
@pytest.mark.parametrize("shape", [(11, 3), (6, 2, 2, 2)])
def test_edges_equal_those_of_the_double_loop(shape, block, monkeypatch):
    monkeypatch.setattr(graph_file, "_BLOCK", block)
    weight = draw(*shape)
    found = cosine_graph(weight, sigma=0.7, cutoff=0.3)
    expected = [
        (i, j, x)
        for i, row in enumerate(cosines(weight))
        for j, x in enumerate(row)
        if i < j and math.exp(-(1 - x) / 0.7**2) >= 0.3
    ]
    assert 0 < len(expected) < len(weight) * (len(weight) - 1) / 2
    assert found.edges.T.tolist() == [[i, j] for i, j, _ in expected]
    assert found.edges.dtype == torch.int64
    np.testing.assert_allclose(found.inner_products, [x for *_, x in expected], rtol=1e-12)
    np.testing.assert_allclose(found.weights, [math.exp((x - 1) / 0.49) for *_, x in expected])
    assert (found.units, found.sigma, found.cutoff) == (len(weight), 0.7, 0.3)


def test_the_two_thresholds_say_the_same():
    weight = draw(30, 4)
    by_product = cosine_graph(weight, sigma=0.6, inner_product=0.4)
    by_cutoff = cosine_graph(weight, sigma=0.6, cutoff=cutoff_of(0.4, 0.6))
    assert torch.equal(by_product.edges, by_cutoff.edges)
    assert by_product.inner_products.min() >= 0.4
    assert by_product.weights.min() >= by_product.cutoff * (1 - 1e-12)
    other = cosine_graph(weight, sigma=3.0, inner_product=0.4)
    assert torch.equal(by_product.edges, other.edges)


@pytest.mark.parametrize("sigma", [0.2, 1.0, 4.0])
@pytest.mark.parametrize("inner_product", [-1.0, 0.25, 1.0])
def test_inner_product_of_inverts_cutoff_of(inner_product, sigma):
    assert inner_product_of(cutoff_of(inner_product, sigma), sigma) == pytest.approx(inner_product)
    assert inner_product_of(math.exp(-1), 1.0) == pytest.approx(0)


def test_the_graph_ignores_the_lengths_of_weight_vectors():
    weight = draw(20, 5)
    scaled = weight * torch.logspace(-3, 3, 20, dtype=torch.float64)[:, None]
    first, second = (cosine_graph(w, inner_product=0.3) for w in (weight, scaled))
    assert torch.equal(first.edges, second.edges)


def test_a_zero_row_has_no_edge_even_at_the_lowest_threshold():
    weight = draw(5, 3)
    weight[1] = 0
    edges = cosine_graph(weight, inner_product=-1.0).edges
    assert 1 not in edges
    assert edges.shape == (2, 6)


def test_float32_and_a_layer_without_edges_keep_their_types():
    found = cosine_graph(torch.eye(4), inner_product=0.5)
    assert found.edges.shape == (2, 0)
    assert found.weights.dtype == found.inner_products.dtype == torch.float32


@pytest.mark.parametrize("block", [3, 512])
def test_nearest_neighbours_equal_a_full_sort(block, monkeypatch):
    monkeypatch.setattr(graph_file, "_BLOCK", block)
    weight = draw(10, 4)
    products = cosines(weight)
    np.fill_diagonal(products, -2)
    index, values = nearest_neighbours(weight, 3)
    expected = np.argsort(-products, axis=1)[:, :3]
    assert index.tolist() == expected.tolist()
    np.testing.assert_allclose(values, np.take_along_axis(products, expected, axis=1))


def test_nearest_neighbours_of_a_zero_row_are_at_zero():
    weight = draw(4, 3)
    weight[0] = 0
    index, values = nearest_neighbours(weight, 3)
    assert values[0].tolist() == [0, 0, 0]
    assert sorted(index[0].tolist()) == [1, 2, 3]


@pytest.mark.parametrize("count", [0, 4, 9])
def test_a_count_of_neighbours_out_of_range_is_refused(count):
    with pytest.raises(ValueError, match=f"count must be from 1 to 3, got {count}"):
        nearest_neighbours(draw(4, 3), count)


@pytest.mark.parametrize(("units", "inputs"), [(12, 8), (30, 50)])
def test_chance_inner_product_is_passed_as_often_as_stated(units, inputs):
    level, draws = 0.1, 1000
    limit = chance_inner_product(units, inputs, level=level)
    weight = torch.nn.functional.normalize(draw(draws, units, inputs, seed=3), dim=2)
    products = weight @ weight.mT
    passed = (products.triu(1).amax(dim=(1, 2)) > limit).double().mean().item()
    spread = 3.5 * math.sqrt(level * (1 - level) / draws)
    assert level - spread - 0.01 < passed < level + spread


def test_chance_inner_product_of_one_input_is_certain():
    assert chance_inner_product(5, 1) == 1.0
    assert chance_inner_product(300, 784) == pytest.approx(0.18, abs=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cosine_graph(draw(3, 3)), "exactly one of cutoff and inner_product"),
        (lambda: cosine_graph(draw(3, 3), cutoff=0.5, inner_product=0.5), "exactly one"),
        (lambda: cosine_graph(draw(3, 3), cutoff=1.5), r"cutoff must be in \(0, 1\], got 1.5"),
        (lambda: cosine_graph(draw(3, 3), cutoff=0.0), r"cutoff must be in \(0, 1\], got 0.0"),
        (lambda: cosine_graph(draw(3, 3), inner_product=2), r"inner_product must be in \[-1, 1\]"),
        (lambda: cosine_graph(draw(3, 3), sigma=0.0, cutoff=0.5), "sigma must be positive"),
        (lambda: cosine_graph(draw(3, 3), sigma=math.nan, cutoff=0.5), "sigma must be positive"),
        (lambda: cutoff_of(0.0, 0.01), "too small"),
        (lambda: cosine_graph(draw(3, 3) * math.nan, cutoff=0.5), "weights must be finite"),
        (lambda: chance_inner_product(1, 3), "at least 2 units"),
        (lambda: chance_inner_product(3, 3, level=1.0), r"level must be in \(0, 1\), got 1.0"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_pairs_at_the_threshold_are_decided_in_float64_whatever_the_blocks():
    """Of 700 units in two dimensions thousands of pairs lie within a float32 rounding of 0.5."""
    turns = torch.arange(700, dtype=torch.float64) / 42 * 2 * torch.pi
    rows = normalised(torch.stack([turns.cos(), turns.sin()], dim=1).float())
    exact = (rows.double()[:, None] * rows.double()[None]).sum(dim=2)
    expected = (exact >= 0.5).triu(1)
    close = ((exact - 0.5).abs() < 1e-6).triu(1)
    assert close.sum() > 1_000
    assert 0 < (close & expected).sum() < close.sum()
    assert (((rows @ rows.T) >= 0.5).triu(1) != expected).any()  # as float32 would have it
    graph = cosine_graph(rows, inner_product=0.5)
    assert graph.edges.T.tolist() == expected.nonzero().tolist()
    pairs, products = strongest_links(rows, 10**6, level=0.5)
    reached = pairs.T[products >= 0.5].tolist()
    assert sorted(reached) == expected.nonzero().tolist()
    condensed = pairwise_products(rows, level=0.5)
    assert torch.equal(condensed >= 0.5, expected[tuple(torch.triu_indices(700, 700, 1))])
    for level in (0.5, np.float64(0.5)):  # a comparison in float32, and one in float64
        assert (condensed.numpy() >= level).sum() == expected.sum()


@pytest.mark.parametrize("level", [0.1, 1 / 3, 0.7, 0.99])
def test_values_next_to_the_threshold_are_on_their_side_in_both_precisions(level):
    generator = torch.Generator().manual_seed(1)
    angle = math.acos(level) + 1e-7 * torch.randn(400, generator=generator, dtype=torch.float64)
    rows = torch.zeros(401, 2, dtype=torch.float64)
    rows[0, 0] = 1
    rows[1:] = torch.stack([angle.cos(), angle.sin()], dim=1)
    rows = rows.float()
    exact = (rows[0].double() * rows[1:].double()).sum(dim=1) >= level
    assert 20 < exact.sum() < 380
    found = pairwise_products(rows, level=level)[:400]
    assert torch.equal(found >= level, exact)
    assert torch.equal(found.double() >= level, exact)


def test_a_threshold_moves_no_other_inner_product():
    rows = normalised(torch.randn(60, 9, generator=torch.Generator().manual_seed(2)))
    plain, settled = pairwise_products(rows), pairwise_products(rows, level=0.3)
    assert (plain - settled).abs().max() < 1e-5
    assert (plain != settled).sum() <= 2


@pytest.mark.parametrize("count", [1, 3, 100])
def test_neighbour_pairs_are_the_union_of_everyones_nearest(count):
    weight = draw(30, 6)
    weight[[3, 20]] = 0
    products = cosines(torch.where(weight == 0, math.nan, weight))
    np.fill_diagonal(products, -np.inf)
    products = np.where(np.isnan(products), -np.inf, products)
    expected = {
        (min(unit, near), max(unit, near))
        for unit in range(30)
        for near in np.argsort(-products[unit])[:count].tolist()
        if products[unit, near] > -np.inf
    }
    pairs, values = neighbour_pairs(weight, count)
    assert list(map(tuple, pairs.T.tolist())) == sorted(expected)
    np.testing.assert_allclose(values, products[pairs[0], pairs[1]], atol=1e-12)


def test_neighbour_pairs_of_lone_units_and_bad_counts():
    assert neighbour_pairs(torch.ones(1, 3), 2)[0].shape == (2, 0)
    assert neighbour_pairs(torch.zeros(4, 3), 2)[0].shape == (2, 0)
    assert neighbour_pairs(torch.eye(2), 5)[0].tolist() == [[0], [1]]
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        neighbour_pairs(torch.ones(4, 3), 0)
