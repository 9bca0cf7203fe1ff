"""Weight matrices of grouped layers: zero outside each group's block."""

import math

import pytest
import torch

from surfeit.core import Streams
from surfeit.similarity import (
    chance_inner_product,
    clusters,
    components,
    contributions,
    cosine_graph,
    hardly_moved,
    isolated,
    movement,
    strongest_links,
    total_frame_potential,
)


def equal_filters(groups=8, inputs=9):
    return torch.block_diag(*[torch.arange(1.0, inputs + 1)[None]] * groups)


def draw(*shape, name="parts"):
    return torch.randn(*shape, generator=Streams(4).get(name), dtype=torch.float64)


def test_equal_depthwise_filters_are_no_cluster():
    dense = equal_filters()
    graph = cosine_graph(dense, inner_product=0.01)
    assert clusters(graph) == ()
    assert isolated(graph).tolist() == list(range(8))
    assert components(graph).tolist() == list(range(8))
    assert contributions(dense).tolist() == pytest.approx([1] * 8)
    assert total_frame_potential(dense).item() == pytest.approx(8)
    assert strongest_links(dense, 3)[1].tolist() == [0, 0, 0]


def test_equal_filters_of_one_group_are_a_cluster_and_of_two_groups_are_two():
    dense = torch.block_diag(torch.ones(3, 4), torch.ones(2, 4))
    found = clusters(cosine_graph(dense, inner_product=0.9))
    assert [members.tolist() for members in found] == [[0, 1, 2], [3, 4]]
    assert total_frame_potential(dense).item() == pytest.approx(9 + 4)


def test_measures_of_groups_are_those_of_each_group_alone():
    parts, before = ([draw(3, 4, name=f"{when}{g}") for g in range(3)] for when in ("now", "then"))
    dense, initial = torch.block_diag(*parts), torch.block_diag(*before)
    torch.testing.assert_close(contributions(dense), torch.cat([contributions(p) for p in parts]))
    moved = movement(dense, initial)
    for name in ("angle", "cosine", "norm", "initial_norm", "norm_ratio", "distance"):
        apart = [getattr(movement(w, z), name) for w, z in zip(parts, before, strict=True)]
        torch.testing.assert_close(getattr(moved, name), torch.cat(apart))
    near = [z + 0.1 * w for w, z in zip(parts, before, strict=True)]
    apart = torch.cat([hardly_moved(w, z) for w, z in zip(near, before, strict=True)])
    assert torch.equal(hardly_moved(torch.block_diag(*near), initial), apart)


def test_chance_in_groups_is_of_fewer_pairs_in_fewer_dimensions():
    # 3 groups of 4 units have 3 · 6 pairs in 5 dimensions: as many as some 6.5 units of one group.
    found = chance_inner_product(12, 15, groups=3)
    assert chance_inner_product(6, 5) < found < chance_inner_product(7, 5)
    assert chance_inner_product(12, 15, groups=1) == chance_inner_product(12, 15)
    assert chance_inner_product(8, 72, groups=8) == 1.0  # depthwise: no pairs
    assert chance_inner_product(8, 4, groups=4) == 1.0  # an input each


def test_chance_in_groups_is_as_rare_as_it_says():
    # Of random layers, the fraction with an edge is near the level: the bound is close to tight.
    threshold = chance_inner_product(12, 18, groups=3, level=0.2)
    generator = Streams(1).get("layers")
    drawn = torch.randn(4000, 3, 4, 6, generator=generator, dtype=torch.float64)
    rows = drawn / drawn.norm(dim=-1, keepdim=True)
    products = (rows @ rows.mT).triu(1)
    share = float((products.amax(dim=(1, 2, 3)) > threshold).double().mean())
    assert 0.15 < share < 0.2 + 4 * math.sqrt(0.2 * 0.8 / 4000)


@pytest.mark.parametrize("groups", [0, 5, 4])
def test_groups_divide_units_and_inputs(groups):
    message = f"groups must divide 12 units and 15 inputs evenly, got {groups}"
    with pytest.raises(ValueError, match=message):
        chance_inner_product(12, 15, groups=groups)
