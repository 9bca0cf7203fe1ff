"""Signs and constants of Zhou et al.: one formula behind supermasks and tickets' controls."""

import pytest
import torch

from surfeit.core import Streams, parameters
from surfeit.models import mlp
from surfeit.procedures.signs import deviation, randomly_signed, signed
from surfeit.procedures.supermasks import KEPT, Weights, signed_constants
from surfeit.procedures.tickets.catalog import CONTROLS
from surfeit.procedures.tickets.controls import Ticket

MODEL = mlp((12, 8), input_shape=(1, 5, 5), classes=4, generator=Streams(0).get("init"))
INITIAL = parameters(MODEL)
NAMES = [name for name, value in INITIAL.items() if value.dim() > 1]


def draws() -> torch.Generator:
    return Streams(3).get("draws")


def actions_of(name: str) -> Weights:
    weight = INITIAL[name]
    kept = torch.ones_like(weight, dtype=torch.bool)
    return Weights(initial=weight, trained=weight + 1, kept=kept, generator=draws())


def ticket() -> Ticket:
    kept = {name: torch.ones_like(INITIAL[name], dtype=torch.bool) for name in NAMES}
    return Ticket(weights=INITIAL, initial=INITIAL, kept=kept, draw=lambda generator: INITIAL)


@pytest.mark.parametrize("scale", [1e-5, 1.0, 1e4])
def test_the_deviation_is_that_of_all_weights_about_their_mean(scale):
    weight = scale * torch.randn(30, 40, generator=draws())
    exact = weight.double()
    assert deviation(weight) == pytest.approx(float((exact - exact.mean()).square().mean().sqrt()))
    assert deviation(weight) == pytest.approx(float(weight.std(correction=0)), rel=1e-6)


def test_signs_of_zero_stay_zero_and_all_others_have_one_size():
    assert signed(torch.tensor([-2.0, 0.0, 3.0]), 0.5).tolist() == [-0.5, 0.0, 0.5]


def test_random_signs_are_even_and_of_the_type_of_the_weights():
    drawn = randomly_signed(torch.zeros(100, 100, dtype=torch.float64), 0.25, draws())
    assert drawn.dtype == torch.float64
    assert set(drawn.unique().tolist()) == {-0.25, 0.25}
    assert abs(float((drawn > 0).double().mean()) - 0.5) < 4 * 0.005


# Bit for bit what runs were trained from before actions and controls shared a formula.
def test_constants_are_those_that_stored_runs_began_with():
    signs, constants = (
        CONTROLS[name].change(ticket(), draws())[0] for name in ("sign", "constant")
    )
    coin = draws()
    for name in NAMES:
        weight = INITIAL[name]
        in_its_type, in_float64 = weight.std(correction=0), weight.double().std(correction=0).item()
        assert torch.equal(signs[name], weight.sign() * in_float64)
        assert torch.equal(KEPT["signed_constant"](actions_of(name)), weight.sign() * in_its_type)
        heads = torch.randint(0, 2, weight.shape, generator=coin)
        assert torch.equal(constants[name], (2 * heads - 1).to(weight) * in_float64)
        heads = torch.randint(0, 2, weight.shape, generator=draws()) * 2 - 1
        expected = heads.to(weight.dtype) * in_its_type
        assert torch.equal(KEPT["random_constant"](actions_of(name)), expected)
        normal = torch.randn(weight.shape, generator=draws()) * in_its_type
        assert torch.equal(KEPT["reinit"](actions_of(name)), normal)


def test_signed_constants_of_a_network_are_the_action_s_of_each_layer():
    made = dict(signed_constants(MODEL).named_parameters())
    for name in NAMES:
        assert torch.equal(made[name], KEPT["signed_constant"](actions_of(name)))
