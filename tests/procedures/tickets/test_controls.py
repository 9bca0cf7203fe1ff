"""Controls: each made as its source says, and never its ticket."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surfeit.core import Streams, tensors_of
from surfeit.models import initialise_, mlp
from surfeit.procedures.tickets.catalog import CONTROLS
from surfeit.procedures.tickets.controls import Ticket
from surfeit.procedures.tickets.protocol import check_control
from surfeit.prune.masks import check_alive
from surfeit.prune.units import unit_mask

MODEL = mlp((12, 8), input_shape=(1, 5, 5), classes=4, generator=Streams(0).get("init"))
WEIGHTS = tensors_of(MODEL)


def _draw(generator):
    return tensors_of(initialise_(mlp((12, 8), input_shape=(1, 5, 5), classes=4), generator))


def _ticket(density=0.4) -> Ticket:
    generator = Streams(0).get("mask")
    kept = {
        name: torch.rand(value.shape, generator=generator) < density
        for name, value in WEIGHTS.items()
        if value.dim() > 1
    }
    # Begun a little away from the initial weights, as after rewinding to a later step.
    moved = {name: value + 0.01 for name, value in WEIGHTS.items()}
    return Ticket(weights=moved, initial=WEIGHTS, kept=kept, draw=_draw)


def _structured() -> Ticket:
    kept = {"fc1": torch.arange(12) < 5, "fc2": torch.arange(8) % 2 == 0}

    def to_mask(places):
        return unit_mask(MODEL, {name: ~units for name, units in places.items()})

    return Ticket(weights=WEIGHTS, initial=WEIGHTS, kept=kept, draw=_draw, to_mask=to_mask)


def _made(name, ticket, seed=0):
    return CONTROLS[name].change(ticket, Streams(seed).get("control"))


@pytest.mark.parametrize("ticket", [_ticket(), _structured()], ids=["weights", "units"])
@pytest.mark.parametrize("name", CONTROLS)
def test_every_control_differs_from_its_ticket_at_its_density(name, ticket):
    weights, mask = _made(name, ticket)
    own = (ticket.weights, ticket.mask)
    check_control(name, (weights, mask), own, moves=CONTROLS[name].moves)
    for parameter, kept in ticket.mask.items():
        assert mask[parameter].sum() == kept.sum()
    assert weights.keys() == ticket.weights.keys()
    effective, plain = ({n: w[n] * m[n] for n in m} for w, m in ((weights, mask), own))
    assert any(not torch.equal(effective[n], plain[n]) for n in plain)


@pytest.mark.parametrize("name", CONTROLS)
def test_controls_change_nothing_of_the_ticket_and_draw_alike_from_one_seed(name):
    ticket = _ticket()
    before = {n: value.clone() for n, value in ticket.weights.items()}
    masks = {n: value.clone() for n, value in ticket.kept.items()}
    first, again = _made(name, ticket), _made(name, ticket)
    for one, other in zip(first, again, strict=True):
        assert all(torch.equal(one[n], other[n]) for n in one)
    assert all(torch.equal(before[n], value) for n, value in ticket.weights.items())
    assert all(torch.equal(masks[n], value) for n, value in ticket.kept.items())


@pytest.mark.parametrize("name", sorted(CONTROLS.keys() - {"sign"}))
def test_another_seed_draws_another_control(name):
    one, other = (_made(name, _ticket(), seed) for seed in (0, 1))
    assert any(not torch.equal(a[n], b[n]) for a, b in zip(one, other, strict=True) for n in b)


def test_reinit_is_a_new_draw_under_the_tickets_mask():
    ticket = _ticket()
    weights, mask = _made("reinit", ticket)
    assert all(torch.equal(mask[n], ticket.mask[n]) for n in mask)
    expected = _draw(Streams(0).get("control"))
    assert all(torch.equal(weights[n], expected[n]) for n in expected)


def test_shuffle_moves_the_mask_over_the_tickets_own_weights():
    ticket = _ticket()
    weights, mask = _made("shuffle", ticket)
    assert weights is ticket.weights
    assert all(not torch.equal(mask[n], ticket.mask[n]) for n in mask)


def test_random_shares_neither_weights_nor_places_with_the_ticket():
    ticket = _ticket()
    weights, mask = _made("random", ticket)
    assert all(not torch.equal(mask[n], ticket.mask[n]) for n in mask)
    assert all(not torch.equal(weights[n], ticket.weights[n]) for n in mask)


def test_scratch_is_wider_by_the_root_of_what_a_layer_lost():
    ticket = _ticket()
    weights, _ = _made("scratch-e", ticket)
    plain = _draw(Streams(0).get("control"))
    for name, kept in ticket.mask.items():
        factor = math.sqrt(kept.numel() / int(kept.sum()))
        torch.testing.assert_close(weights[name], plain[name] * factor)


def test_sign_keeps_signs_alone_and_constant_not_even_those():
    ticket = _ticket()
    signs, _ = _made("sign", ticket)
    constants, _ = _made("constant", ticket)
    for name in ticket.mask:
        spread = ticket.initial[name].double().std(correction=0).item()
        for weights in (signs, constants):
            torch.testing.assert_close(weights[name].abs(), torch.full_like(weights[name], spread))
        assert torch.equal(signs[name].sign(), ticket.weights[name].sign())
        agreeing = (constants[name].sign() == ticket.weights[name].sign()).double().mean()
        assert 0.2 < agreeing < 0.8
    assert torch.equal(signs["fc1.bias"], ticket.weights["fc1.bias"])


@pytest.mark.parametrize("density", [0.2, 0.5, 0.8])
def test_invert_keeps_removed_places_first(density):
    ticket = _ticket(density)
    _, mask = _made("invert", ticket)
    for name, kept in ticket.mask.items():
        removed = int((~kept).sum())
        assert int((mask[name] & ~kept).sum()) == min(removed, int(kept.sum()))


def test_structured_controls_move_whole_units():
    ticket = _structured()
    for name in ("shuffle", "random", "invert"):
        _, mask = _made(name, ticket)
        for layer, units in (("fc1", 5), ("fc2", 4)):
            rows = mask[f"{layer}.weight"]
            assert torch.equal(rows.any(1), rows.all(1))
            assert torch.equal(rows.any(1), mask[f"{layer}.bias"])
            assert int(rows.any(1).sum()) == units
        assert bool(mask["fc3.weight"].all())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(0, 5))
def test_moved_masks_keep_counts_and_differ_wherever_they_can(places, seed):
    kept = {"fc.weight": torch.tensor(places)[None]}
    weights = {"fc.weight": torch.arange(len(places), dtype=torch.float32)[None]}
    ticket = Ticket(weights=weights, initial=weights, kept=kept, draw=lambda _: weights)
    for name in ("shuffle", "random", "invert"):
        _, mask = _made(name, ticket, seed)
        assert int(mask["fc.weight"].sum()) == sum(places)
        same = torch.equal(mask["fc.weight"], kept["fc.weight"])
        assert same == (all(places) or not any(places))
        if any(places):
            check_alive(mask)
