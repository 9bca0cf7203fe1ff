"""The graph that the page draws, against all pairs of units."""

import math

import numpy as np
import pytest
import torch

from surfeit.core import Streams
from surfeit.similarity import movement, normalised, pairwise_products
from surfeit.viewer.frames.graph import default_links, graph_frame
from surfeit.viewer.frames.quantised import STEPS, apart_of, inner_product_of
from surfeit.viewer.frames.units import note_of, units_of
from surfeit.viewer.wire import decode


def draw(*shape, name="weights"):
    return torch.randn(*shape, generator=Streams(0).get(name))


def products_of(weight):
    rows = normalised(weight.double())
    return (rows @ rows.T).numpy()


def test_links_are_all_pairs_nearest_first():
    weight = draw(20, 7)
    frame = graph_frame(units_of(weight))
    products = products_of(weight)
    assert len(frame.apart) == 190
    assert frame.floor == -1
    assert (np.diff(frame.apart.astype(int)) >= 0).all()
    assert (frame.source < frame.target).all()
    read = inner_product_of(frame.apart)
    np.testing.assert_allclose(read, products[frame.source, frame.target], atol=1.01 / STEPS)


def test_links_are_complete_from_the_floor_on():
    weight = draw(30, 7)
    frame = graph_frame(units_of(weight), links=100)
    products = products_of(weight)[np.triu_indices(30, 1)]
    carried = inner_product_of(frame.apart)
    assert len(carried) == 100
    assert (inner_product_of(apart_of(products)) >= frame.floor).sum() == (
        carried >= frame.floor
    ).sum()
    assert carried.min() == pytest.approx(frame.floor - 2 / STEPS)


def test_floor_is_above_one_where_nothing_is_complete():
    assert graph_frame(units_of(torch.ones(50, 3)), links=10).floor > 1


def test_neighbours_are_the_nearest_ten_with_their_distances():
    weight = draw(20, 7)
    frame = graph_frame(units_of(weight), links=3)
    products = products_of(weight)
    np.fill_diagonal(products, -np.inf)
    np.testing.assert_array_equal(frame.near_units, np.argsort(-products, axis=1)[:, :10])
    assert frame.near == 10
    best = np.take_along_axis(products, frame.near_units.astype(int), 1)
    np.testing.assert_allclose(inner_product_of(frame.near_apart), best, atol=1.01 / STEPS)


def test_units_without_a_direction_have_no_links_and_are_nobodys_neighbours():
    weight = draw(9, 4)
    weight[[2, 5, 7]] = 0
    units = units_of(weight, origin=normalised(weight))
    frame = graph_frame(units, note=note_of(units, "weights"))
    gone = {2, 5, 7}
    assert not gone & set(frame.source.tolist() + frame.target.tolist())
    assert frame.floor == -1
    assert frame.near_units[2].tolist() == [2] * 8
    for unit in set(range(9)) - gone:
        assert not gone & set(frame.near_units[unit].tolist())
    assert frame.note == "3 units have no direction: all weights are zero"
    assert np.isnan(frame.angle[[2, 5, 7]]).all()


def test_outputs_are_compared_by_their_correlation():
    signs = draw(6, 4000)
    outputs = (signs + 1).relu()  # independent: a cosine of 0.61
    outputs[1] = 3 * outputs[0] + 5
    outputs[2] = 7 - outputs[0]
    rows = units_of(torch.ones(6, 2), outputs=outputs).rows
    np.testing.assert_allclose(rows @ rows.T, np.corrcoef(outputs.numpy()), atol=1e-5)
    apart = rows @ rows.T - torch.eye(6)
    assert apart[3:, 3:].abs().max() < 0.05
    assert apart[0, 1].item() == pytest.approx(1)
    assert apart[0, 2].item() == pytest.approx(-1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_outputs_that_never_change_have_no_correlation_and_are_named(dtype):
    outputs = draw(5, 50).to(dtype)
    outputs[1] = 0
    outputs[3] = 0.1
    outputs[3, ::2] *= 1 + torch.finfo(dtype).eps  # the same but for rounding
    units = units_of(torch.ones(5, 2), outputs=outputs)
    assert not units.rows[[1, 3]].any()
    note = note_of(units, "outputs")
    assert note == (
        "2 units have no correlation with others: outputs are the same for all examples"
    )
    frame = graph_frame(units, note=note)
    assert not {1, 3} & {*frame.source.tolist(), *frame.target.tolist()}
    single = units_of(torch.ones(5, 2), outputs=outputs[:, :1])
    assert not single.rows.any()


def test_where_too_few_have_a_direction_a_unit_stands_for_no_neighbour():
    weight = torch.zeros(8, 3)
    weight[1], weight[4] = 1, -1
    frame = graph_frame(units_of(weight))
    assert frame.near_units[1].tolist() == [4, *[1] * 6]
    assert frame.near_apart[1].tolist() == [STEPS] * 7
    assert (frame.source.tolist(), frame.target.tolist()) == ([1], [4])


@pytest.mark.parametrize("weight", [torch.ones(1, 4), torch.zeros(1, 4), torch.zeros(3, 4)])
def test_layers_without_pairs_have_no_links(weight):
    header, arrays = decode(graph_frame(units_of(weight)).packed())
    assert header["floor"] == -1
    assert len(arrays["apart"]) == 0
    assert header["near"] == len(weight) - 1


def test_what_is_known_of_units_is_that_of_the_measurements():
    weight, initial = draw(6, 5), draw(6, 5, name="initial")
    kept = (torch.arange(30).reshape(6, 5) % 3 > 0).float().mean(dim=1)
    frame = graph_frame(units_of(weight, origin=normalised(initial), kept=kept))
    found = movement(weight, initial)
    np.testing.assert_allclose(frame.norm, found.norm, rtol=1e-6)
    np.testing.assert_allclose(frame.angle, found.angle, rtol=1e-5)
    np.testing.assert_allclose(frame.kept, kept)
    alone = graph_frame(units_of(weight))
    assert np.isnan(alone.angle).all()
    assert (alone.kept == 1).all()


def test_merged_units_come_after_the_first_runs():
    first, second = draw(5, 4), draw(5, 4, name="other")
    one, other = (units_of(weight, origin=normalised(weight + 1)) for weight in (first, second))
    both = one.beside(other)
    assert torch.equal(both.angle, torch.cat([one.angle, other.angle]))
    frame = graph_frame(both, own=5)
    whole = graph_frame(units_of(torch.cat([first, second])))
    assert (frame.units, frame.own) == (10, 5)
    np.testing.assert_array_equal(frame.source, whole.source)
    np.testing.assert_allclose(frame.norm, whole.norm)


def test_layers_of_other_inputs_cannot_be_merged():
    with pytest.raises(ValueError, match="cannot be merged: their units have 4 and 6 inputs"):
        units_of(draw(3, 4)).beside(units_of(draw(3, 6)))


def test_the_pack_holds_what_the_page_reads():
    frame = graph_frame(units_of(draw(8, 3), level=0.5), own=4, note="a note")
    header, arrays = decode(frame.packed())
    links = {"level": 0.5, "level_apart": 16384, "floor": -1, "near": 7}
    mean = header.pop("mean")
    assert mean == pytest.approx(float(pairwise_products(normalised(draw(8, 3))).mean()), abs=1e-6)
    assert header == {"units": 8, "own": 4, **links, "note": "a note"}
    assert decode(graph_frame(units_of(draw(8, 3))).packed())[0]["level"] is None
    assert {name: str(values.dtype) for name, values in arrays.items()} == {
        "norm": "float32",
        "moved": "float32",
        "angle": "float32",
        "kept": "float32",
        "source": "uint16",
        "target": "uint16",
        "apart": "uint16",
        "near_units": "uint16",
        "near_apart": "uint16",
    }
    np.testing.assert_array_equal(arrays["near_units"], frame.near_units.reshape(-1))


@pytest.mark.parametrize(
    ("units", "links"),
    [(1, 20_000), (512, 20_000), (2304, 60_000), (4096, 100_000), (9000, 100_000)],
)
def test_links_grow_with_the_units_up_to_a_cap(units, links):
    assert default_links(units) == links


def test_quantised_distances_are_those_of_the_page():
    assert apart_of(np.array([1.0, 0.0, -1.0, 1.1, -1.1])).tolist() == [0, 32768, 65535, 0, 65535]
    products = np.linspace(-1, 1, 1001)
    assert np.abs(inner_product_of(apart_of(products)) - products).max() < 1.01 / STEPS


def test_weights_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="weights must be finite"):
        units_of(torch.tensor([[1.0, math.nan]]))
    with pytest.raises(ValueError, match="count must be at least 0, got -1"):
        graph_frame(units_of(draw(4, 3)), links=-1)


def test_the_mean_inner_product_is_of_all_pairs_with_a_direction():
    weight = torch.randn(20, 7, generator=torch.manual_seed(4))
    weight[3] = 0
    header, _ = decode(graph_frame(units_of(weight)).packed())
    rows = normalised(weight[torch.arange(20) != 3].double())
    products = (rows @ rows.T)[torch.triu_indices(19, 19, 1).unbind()]
    assert header["mean"] == pytest.approx(float(products.mean()), abs=1e-7)
    assert decode(graph_frame(units_of(weight[:1])).packed())[0]["mean"] is None
