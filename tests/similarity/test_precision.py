"""Every function of weights, in each floating type, against float64 of the same numbers."""

import math

import pytest
import torch

from surfeit.core import Streams
from surfeit.similarity import (
    angles,
    clusters,
    components,
    contributions,
    cosine_graph,
    force_layout,
    hardly_moved,
    isolated,
    movement,
    nearest_neighbours,
    normalised,
    similarity_blocks,
    strongest_links,
    total_frame_potential,
    update_directions,
    updates,
)

# What a function's float result is off by, relative to 1 or to its size.
TOLERANCE = {
    torch.float64: 1e-13,
    torch.float32: 1e-5,
    torch.float16: 1e-5,
    torch.bfloat16: 1e-5,
    torch.float8_e5m2: 1e-5,
}


def start(weight):
    """A beginning of the training: the weights themselves, turned over and halved, in their type.

    Halves are exact in every type, so that all types begin with the same numbers.
    """
    return (weight.float() if weight.itemsize < 4 else weight).flip(0).mul(0.5).to(weight.dtype)


def layout(weight):
    return force_layout(cosine_graph(weight, inner_product=0.4), Streams(0).get("layout"), steps=5)


FUNCTIONS = {
    "normalised": normalised,
    "total_frame_potential": total_frame_potential,
    "contributions": contributions,
    "edges": lambda w: cosine_graph(w, inner_product=0.4).edges,
    "edge weights": lambda w: cosine_graph(w, inner_product=0.4).weights,
    "inner products": lambda w: cosine_graph(w, inner_product=0.4).inner_products,
    "components": lambda w: components(cosine_graph(w, inner_product=0.4)),
    "clusters": lambda w: torch.cat(clusters(cosine_graph(w, inner_product=0.4))),
    "isolated": lambda w: isolated(cosine_graph(w, inner_product=0.9)),
    "neighbours": lambda w: nearest_neighbours(w, 3)[1],
    "strongest": lambda w: strongest_links(w, 9)[1],
    "similarity_blocks": lambda w: torch.cat([block for _, block in similarity_blocks(w)]),
    "angles": lambda w: angles(w, start(w)),
    "angle": lambda w: movement(w, start(w)).angle,
    "cosine": lambda w: movement(w, start(w)).cosine,
    "norm": lambda w: movement(w, start(w)).norm,
    "initial_norm": lambda w: movement(w, start(w)).initial_norm,
    "norm_ratio": lambda w: movement(w, start(w)).norm_ratio,
    "distance": lambda w: movement(w, start(w)).distance,
    "hardly_moved": lambda w: hardly_moved(w, start(w)),
    "layout": layout,
    "updates": lambda w: updates(w, start(w)),
    "update_directions": lambda w: update_directions(w, start(w)),
}
# Their operands are rows of length 1: those of a type are not of length 1 in another.
OF_ROWS = ("similarity_blocks", "angles")


def weights(dtype, *shape, name="weights"):
    drawn = torch.randn(*shape, generator=Streams(11).get(name), dtype=torch.float64)
    return drawn.to(dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(24, 6), (6, 2, 3, 3)])
def test_each_type_gives_what_float64_of_its_numbers_gives(name, dtype, shape):
    weight = weights(dtype, *shape)
    if name in OF_ROWS:
        # Signs over a power of two: of length 1 in every type.
        weight = (weights(torch.float64, 24, 16).sign() / 4).to(dtype)
    found, expected = FUNCTIONS[name](weight), FUNCTIONS[name](weight.double())
    assert found.dtype in (torch.int64, torch.bool, torch.float32, torch.float64)
    assert len(expected.shape) == 0 or len(expected) > 0
    torch.testing.assert_close(
        found.double(),
        expected.double(),
        rtol=TOLERANCE[dtype],
        atol=TOLERANCE[dtype],
        equal_nan=True,
    )


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_results_are_in_the_type_that_is_documented(dtype):
    weight = weights(dtype, 5, 4)
    single = torch.float64 if dtype == torch.float64 else torch.float32
    summed = torch.float32 if dtype == torch.float32 else torch.float64
    assert normalised(weight).dtype == single
    assert movement(weight, weight.clone()).norm.dtype == single
    assert cosine_graph(weight, cutoff=0.5).weights.dtype == single
    assert total_frame_potential(weight).dtype == summed
    assert contributions(weight).dtype == summed


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_frame_potential_of_many_alike_units_does_not_overflow(dtype):
    # The same for more units than inputs, where another product is squared.
    for shape in ((300, 64), (300, 400)):
        alike = torch.ones(*shape, dtype=dtype)
        assert total_frame_potential(alike).item() == pytest.approx(90_000, rel=1e-6)
        assert contributions(alike).tolist() == pytest.approx([300] * 300, rel=1e-6)


def test_lengths_of_the_largest_halves_and_of_tiny_numbers_are_right():
    largest = torch.full((2, 400), 65_504.0, dtype=torch.float16)
    moved = movement(largest, -largest)
    assert moved.norm.tolist() == pytest.approx([65_504 * 20] * 2)
    assert moved.distance.tolist() == pytest.approx([65_504 * 40] * 2)
    for scale in (1e-30, 1e30):  # in float32 their squares are 0 and infinite
        weight = torch.tensor([[3.0, 4.0]]) * scale
        moved = movement(weight, weight / 2)
        assert moved.norm.item() == pytest.approx(5 * scale, rel=1e-6)
        assert moved.norm_ratio.item() == pytest.approx(2)
        assert moved.distance.item() == pytest.approx(2.5 * scale, rel=1e-6)
    tiny = torch.tensor([[1e-30, 0.0]])
    assert not hardly_moved(tiny, -tiny)[0]


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in OF_ROWS])
def test_what_is_no_number_is_counted_and_other_kinds_are_refused(name):
    weight = weights(torch.float32, 5, 4)
    weight[1, 2], weight[3, 0] = math.nan, math.inf
    with pytest.raises(ValueError, match=r"weights must be finite, got 2 NaN or infinite.* of 20"):
        FUNCTIONS[name](weight)
    for kind in (torch.int64, torch.complex64, torch.bool):
        with pytest.raises(ValueError, match=f"must be floating-point numbers, got {kind}"):
            FUNCTIONS[name](torch.ones(5, 4).to(kind))


def test_weights_before_training_are_named_where_they_are_at_fault():
    weight = weights(torch.float32, 3, 4)
    with pytest.raises(ValueError, match="initial weights must be finite, got 12 NaN"):
        movement(weight, weight * math.nan)
    with pytest.raises(ValueError, match="initial weights must be floating-point"):
        movement(weight, torch.ones(3, 4, dtype=torch.int64))


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (1, 1)])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_one_unit_and_one_input_are_measured(shape, dtype):
    weight = torch.ones(shape, dtype=torch.float32).to(dtype)
    units = shape[0]
    assert total_frame_potential(weight).item() == pytest.approx(units**2)
    assert contributions(weight).tolist() == pytest.approx([units] * units)
    graph = cosine_graph(weight, inner_product=0.5)
    assert len(clusters(graph)) == (units > 1)
    assert len(isolated(graph)) == (units == 1)
    assert hardly_moved(weight, weight.clone()).all()
    assert strongest_links(weight, 100)[0].shape == (2, units * (units - 1) // 2)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_layer_of_zeros_has_no_directions(dtype):
    zeros = torch.zeros(3, 4).to(dtype)
    assert total_frame_potential(zeros) == 0
    assert contributions(zeros).tolist() == [0, 0, 0]
    assert not normalised(zeros).any()
    graph = cosine_graph(zeros, inner_product=-1.0)
    assert graph.edges.shape == (2, 0)
    assert isolated(graph).tolist() == [0, 1, 2]
    assert strongest_links(zeros, 3)[0].shape == (2, 0)
    assert nearest_neighbours(zeros, 1)[1].tolist() == [[0.0]] * 3
    assert hardly_moved(zeros, zeros.clone()).all()


@pytest.mark.parametrize("name", OF_ROWS)
def test_rows_that_are_no_numbers_are_counted(name):
    rows = normalised(weights(torch.float32, 5, 4))
    rows[1, 2] = math.nan
    with pytest.raises(ValueError, match=r"must be finite, got 1 NaN or infinite.* of 20"):
        FUNCTIONS[name](rows)
    with pytest.raises(ValueError, match=r"must be floating-point numbers, got torch\.int64"):
        FUNCTIONS[name](torch.ones(5, 4).long())
