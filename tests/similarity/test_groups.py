import itertools

import networkx
import pytest
import torch

from surfeit.core import Streams
from surfeit.similarity import (
    Graph,
    clusters,
    components,
    cosine_graph,
    isolated,
    isolated_by_chance,
)


def graph_of(units, pairs):
    edges = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
    ones = torch.ones(edges.shape[1])
    return Graph(units, edges, ones, ones, sigma=1.0, cutoff=0.5)


@pytest.mark.parametrize("threshold", [-0.5, 0.3, 0.6, 0.8, 0.99])
def test_components_equal_networkx(threshold):
    weight = torch.randn(40, 4, generator=Streams(0).get("weights"))
    graph = cosine_graph(weight, inner_product=threshold)
    oracle = networkx.Graph(graph.edges.T.tolist())
    oracle.add_nodes_from(range(40))
    expected = {frozenset(found) for found in networkx.connected_components(oracle)}
    labels = components(graph)
    found = [(labels == label).nonzero()[:, 0].tolist() for label in range(int(labels.max()) + 1)]
    assert {frozenset(members) for members in found} == expected
    assert [len(members) for members in found] == sorted(map(len, expected), reverse=True)
    assert labels.dtype == torch.int64
    assert isolated(graph).tolist() == sorted(networkx.isolates(oracle))


def test_components_of_one_size_come_in_the_order_of_their_first_unit():
    graph = graph_of(8, [[5, 7], [1, 3], [2, 4], [4, 6]])
    assert components(graph).tolist() == [3, 1, 0, 1, 0, 2, 0, 2]
    assert [members.tolist() for members in clusters(graph)] == [[2, 4, 6], [1, 3], [5, 7]]
    assert isolated(graph).tolist() == [0]


def test_a_graph_without_edges_has_isolated_units_only():
    graph = graph_of(3, [])
    assert components(graph).tolist() == [0, 1, 2]
    assert clusters(graph) == ()
    assert isolated(graph).tolist() == [0, 1, 2]


def test_planted_clusters_of_nearly_equal_filters_are_found():
    generator = Streams(0).get("planted")
    centres = torch.randn(35, 64, 3, 3, generator=generator)
    member = torch.arange(140) % 35
    weight = centres[member] + 0.05 * torch.randn(140, 64, 3, 3, generator=generator)
    found = clusters(cosine_graph(weight, inner_product=0.9))
    assert len(found) == 35
    assert all(len(set(member[units].tolist())) == 1 for units in found)


@pytest.mark.parametrize(("units", "edges"), [(4, 0), (4, 2), (5, 3), (5, 6), (5, 7), (1, 0)])
def test_isolated_by_chance_is_the_mean_over_all_graphs_of_as_many_edges(units, edges):
    pairs = list(itertools.combinations(range(units), 2))
    counts = [
        units - len(set(itertools.chain(*chosen)))
        for chosen in itertools.combinations(pairs, edges)
    ]
    expected = sum(counts) / len(counts)
    assert isolated_by_chance(units, edges) == pytest.approx(expected, abs=1e-12)


def test_more_edges_than_pairs_are_refused():
    with pytest.raises(ValueError, match="4 units have from 0 to 6 edges, got 7"):
        isolated_by_chance(4, 7)
