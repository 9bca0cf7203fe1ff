"""Units compared by what training added: directions, activity, and the trap of silent units."""

import math

import pytest
import torch

from surfeit.core import Streams
from surfeit.similarity import (
    LEAST_ACTIVITY,
    activity,
    chance_level,
    cosine_graph,
    movement,
    normalised,
    start_left,
    update_directions,
    updates,
)


def draw(*shape, name="weights", dtype=torch.float32):
    return torch.randn(*shape, generator=Streams(0).get("updates", name), dtype=dtype)


def links(rows, level):
    return cosine_graph(rows, inner_product=level).edges.shape[1]


def test_rows_are_the_directions_of_what_was_added():
    weight, initial = draw(6, 3, 2, 2), draw(6, 3, 2, 2, name="initial")
    rows = update_directions(weight, initial)
    for unit in range(6):
        added = (weight - initial)[unit].flatten()
        torch.testing.assert_close(rows[unit], added / added.norm())
    lengths = updates(weight, initial).norm(dim=1)
    torch.testing.assert_close(lengths, movement(weight, initial).distance)


def test_units_that_nothing_was_added_to_have_no_direction():
    initial = draw(20, 5)
    weight = initial.clone()
    weight[4:] += draw(16, 5, name="added")
    rows = update_directions(weight, initial)
    assert not rows[:4].any()
    assert rows[4:].norm(dim=1).tolist() == pytest.approx([1] * 16)
    assert not update_directions(initial.clone(), initial).any()


def test_what_a_mask_took_away_is_no_update():
    initial = draw(20, 6, name="initial")
    added = draw(20, 6, name="added")
    mask = draw(20, 6, name="mask") > 0
    mask[3] = False
    rows = update_directions((initial + added) * mask, initial, mask=mask)
    torch.testing.assert_close(rows, normalised(added * mask))
    assert not rows[3].any()


def test_units_that_are_not_active_have_no_direction():
    weight, initial = draw(5, 4), draw(5, 4, name="initial")
    active = torch.tensor([True, False, True, True, False])
    rows = update_directions(weight, initial, active=active)
    assert rows.norm(dim=1).tolist() == pytest.approx([1, 0, 1, 1, 0])


def test_silent_units_would_be_linked_by_the_hundred():
    """71 of 256 units fall silent after the first batches, in a layer that goes on learning."""
    initial = draw(256, 60, name="initial")
    first = draw(1, 60, name="first")  # what the first batches add
    added = draw(256, 60, name="rest")
    # Of silent units only the lengths differ, and some are longer than those that learn.
    added[:71] = first[0] * (2 + 2 * torch.rand(71, 1, generator=Streams(0).get("long")))
    added[:71] += 0.3 * draw(71, 60, name="noise")
    outputs = draw(256, 400, name="outputs").relu()
    outputs[:71] = 0
    outputs[0, :3] = 1.0  # of 400: below 1 %
    active = activity(outputs) >= LEAST_ACTIVITY
    assert active.tolist() == [False] * 71 + [True] * 185
    weight = initial + added
    everyone = update_directions(weight, initial)
    rows = update_directions(weight, initial, active=active)
    assert links(everyone, chance_level(everyone).value) > 500
    assert links(rows, chance_level(rows).value) < 20
    assert (
        updates(weight, initial)[:71].norm(dim=1).max()
        > updates(weight, initial)[71:].norm(dim=1).max()
    )


def test_activity_is_the_share_of_examples_on_which_a_unit_is_not_at_rest():
    outputs = torch.zeros(5, 200)
    outputs[1, :3] = 2.0  # a ReLU unit above 0 on 1.5 %
    outputs[2, :150] = draw(150).abs() + 0.1  # on most
    outputs[3] = -1.0  # saturated
    outputs[3, :4] = 0.5
    outputs[4] = draw(200, name="linear")
    found = activity(outputs)
    assert found[:2].tolist() == pytest.approx([0, 0.015])
    assert found[2] > 0.9
    assert found[3].item() == pytest.approx(0.02)
    assert found[4] > 0.9


def test_activity_does_not_depend_on_the_layers_scale_and_passes_over_what_is_next_to_nothing():
    outputs = draw(6, 300).relu()
    outputs[0] *= 1e-5
    for scale in (1e-20, 1.0, 1e15):
        found = activity(outputs * scale)
        assert found[0] == 0
        assert (found[1:] > 0.4).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_compared_in_float32(dtype):
    initial = draw(8, 40, name="initial").to(dtype)
    weight = (initial.float() + 0.5 * draw(8, 40)).to(dtype)
    rows = update_directions(weight, initial)
    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows, normalised(weight.float() - initial.float()))
    assert activity(draw(4, 50).to(dtype)).dtype == torch.float32


@pytest.mark.parametrize("units", [1, 2])
def test_one_and_two_units_have_updates_but_no_links(units):
    rows = update_directions(draw(units, 5), draw(units, 5, name="initial"))
    assert rows.norm(dim=1).tolist() == pytest.approx([1] * units)
    assert chance_level(rows).value == 1.0


def test_units_of_a_grouped_layer_keep_their_zeros():
    weight, initial = torch.zeros(4, 6), torch.zeros(4, 6)
    weight[:2, :3], weight[2:, 3:] = draw(2, 3), draw(2, 3, name="second")
    rows = update_directions(weight, initial)
    assert not rows[:2, 3:].any()
    assert not rows[2:, :3].any()


def test_what_cannot_be_compared_is_refused():
    weight, initial = draw(4, 3), draw(4, 3, name="initial")
    with pytest.raises(ValueError, match=r"weight and initial must have one shape, got \[4, 3\]"):
        update_directions(weight, draw(4, 2))
    with pytest.raises(ValueError, match="weight and mask must have one shape"):
        update_directions(weight, initial, mask=torch.ones(4, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"active must be bool \[4\], one entry a unit"):
        update_directions(weight, initial, active=torch.ones(3, dtype=torch.bool))
    with pytest.raises(ValueError, match="must be two snapshots, got one tensor"):
        update_directions(weight, weight)
    broken = weight.clone()
    broken[0, 0] = math.nan
    with pytest.raises(ValueError, match="initial weights must be finite, got 1 NaN"):
        update_directions(weight, broken)
    with pytest.raises(ValueError, match="weights must be finite, got 1 NaN"):
        update_directions(broken, initial)
    with pytest.raises(ValueError, match="outputs must be finite"):
        activity(torch.full((2, 3), math.inf))


def decayed(share, *, rank=12, units=60, inputs=80, size=1.0, seed="decayed"):
    """A start of which a share is left, and what was added: of few dimensions, as training is."""
    initial = draw(units, inputs, name=f"{seed} start")
    added = draw(units, rank, name=f"{seed} units") @ draw(rank, inputs, name=f"{seed} inputs")
    added *= size * initial.norm() / added.norm()
    return share * initial + added, initial, added


@pytest.mark.parametrize("share", [0.05, 0.24, 0.6, 0.9])
def test_what_is_left_of_a_decayed_start_is_found_and_its_directions_with_it(share):
    weight, initial, added = decayed(share)
    left = start_left(weight, initial)
    assert left == pytest.approx(share, abs=4 / math.sqrt(initial.numel()))
    true = normalised(added)
    found = (update_directions(weight, left * initial) * true).sum(dim=1)
    assert found.min() > 0.99
    if share < 0.5:  # what is missing of the start hides what was added
        assert (update_directions(weight, initial) * true).sum(dim=1).median() < 0.9


def test_without_decay_the_start_is_whole():
    for trial in range(200):
        weight, initial, _ = decayed(1.0, seed=f"whole {trial}")
        assert start_left(weight, initial) == 1.0


def test_units_and_inputs_that_stand_show_that_nothing_decays():
    weight, initial, _ = decayed(0.5)
    assert start_left(weight, initial) < 0.6
    for stands in ((3, slice(None)), (slice(None), 7)):
        other = weight.clone()
        other[stands] = initial[stands]
        assert start_left(other, initial) == 1.0
    zero = initial.clone()
    zero[3], weight[3] = 0, 0  # a unit that began at zero says nothing
    assert start_left(weight, zero) < 0.6


def test_what_is_left_is_counted_within_a_mask():
    weight, initial, _ = decayed(0.3)
    mask = draw(60, 80, name="mask") > 0
    assert start_left(weight * mask, initial, mask=mask) == pytest.approx(0.3, abs=0.1)
    assert start_left(weight * mask, initial) < 0.2


def test_a_start_of_zeros_and_one_that_is_reversed_stay_within_bounds():
    weight, initial, _ = decayed(0.3)
    assert start_left(weight, torch.zeros(60, 80)) == 1.0
    assert start_left(-initial, initial) == 0.0
    assert start_left(torch.zeros(60, 80), initial) == 0.0
    with pytest.raises(ValueError, match="mask must be bool"):
        start_left(weight, initial, mask=torch.ones(60, 80))
