"""Groups of units in the graph: components, clusters and isolated units."""

import math

import numpy as np
import torch
from jaxtyping import Int64
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from surfeit.similarity.graph import Graph


def components(graph: Graph) -> Int64[Tensor, " units"]:
    """The number of each unit's connected component, components numbered by falling size.

    Of components of one size, the one with the lowest unit comes first; the largest is number 0.

    Returns:
        int64 [units] on the graph's device, in [0, components).

    Cost: O(units + edges).
    """
    source, target = graph.edges.cpu().numpy()
    links = coo_array((np.ones(len(source), bool), (source, target)), shape=(graph.units,) * 2)
    _, labels = connected_components(links, directed=False)
    _, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    order = np.lexsort((first, -sizes))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return torch.from_numpy(rank[labels]).to(graph.edges.device)


def clusters(graph: Graph) -> tuple[Int64[Tensor, " members"], ...]:
    """The report's clusters: the components of at least two units, the largest first.

    Returns:
        for each cluster its units, int64 in ascending order.

    Source: Heitmann 2020, section 3.2.
    """
    labels = components(graph)
    sizes = labels.bincount()
    return tuple((labels == label).nonzero()[:, 0] for label in (sizes > 1).nonzero()[:, 0])


def isolated(graph: Graph) -> Int64[Tensor, " members"]:
    """The units without an edge, in ascending order. Source: Heitmann 2020, section 3.2."""
    linked = torch.zeros(graph.units, dtype=torch.bool, device=graph.edges.device)
    linked[graph.edges.flatten()] = True
    return (~linked).nonzero()[:, 0]


def isolated_by_chance(units: int, edges: int) -> float:
    """How many units are expected to have no edge, if so many edges are placed at random.

    `n C(M − (n − 1), m) / C(M, m)` with n units, m edges and `M = n(n − 1)/2` pairs, each pair
    joined at most once: the null for `isolated`. Edges that crowd together leave more.

    Args:
        units: at least 1.
        edges: from 0 to units (units − 1) / 2.

    Returns:
        a number of units, in [0, units].

    Raises:
        ValueError: if a number is out of range.

    Source: Erdős and Rényi 1959.
    """
    pairs = units * (units - 1) // 2
    if units < 1 or not 0 <= edges <= pairs:
        raise ValueError(f"{units} units have from 0 to {pairs} edges, got {edges}")
    without = pairs - (units - 1)
    if edges > without:
        return 0.0
    log = math.lgamma(without + 1) - math.lgamma(without - edges + 1)
    log -= math.lgamma(pairs + 1) - math.lgamma(pairs - edges + 1)
    return units * math.exp(log)
