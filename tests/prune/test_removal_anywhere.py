"""Units are removed alike in networks of every kind: hand-written networks are the oracle."""

import copy

import pytest
import torch

from surfeit.core import Split, squared_error
from surfeit.models import Structure
from surfeit.prune import outputs_without, removal_curve
from surfeit.prune.removal import Removal

from ..oracles.removal import cases

CASES = list(cases())
# The oracle removes one factor of a product; here both factors go together.
FACTORS = {"excite", "gate"}


def order_of(case):
    return torch.randperm(case.count, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_outputs_without_units_are_those_of_the_hand_written_network(case):
    structure = Structure.of(case.model, case.inputs[:1])
    members = set(structure.members(case.layer))
    if members != set(case.group):
        pytest.skip(f"goes together with {members}, of which the oracle removes one")
    before = copy.deepcopy(case.model.state_dict())
    for units in case.units:
        order = torch.tensor(units, dtype=torch.int64)
        found = outputs_without(case.model, case.layer, order, case.inputs)
        torch.testing.assert_close(found, case.outputs_without(units), rtol=1e-10, atol=1e-10)
    assert all(torch.equal(before[n], value) for n, value in case.model.state_dict().items())


def test_few_cases_are_left_out():
    apart = [
        case
        for case in CASES
        if set(Structure.of(case.model, case.inputs[:1]).members(case.layer)) != set(case.group)
    ]
    assert len(apart) <= 4, [str(case) for case in apart]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_curves_hold_the_loss_of_each_removal(case):
    structure = Structure.of(case.model, case.inputs[:1])
    if set(structure.members(case.layer)) != set(case.group):
        pytest.skip("goes together with others")
    with torch.no_grad():
        outputs = case.model(case.inputs)
    if outputs.dim() != 2:
        pytest.skip("its outputs are no vectors")
    targets = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(1)).double()
    order = order_of(case)
    split = Split(case.inputs, targets)
    curve = removal_curve(case.model, case.layer, order, split, objective=squared_error)
    for k in range(len(order) + 1):
        expected = squared_error.loss(case.outputs_without(order[:k].tolist()), targets)
        torch.testing.assert_close(curve[k], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_chunks_of_any_size_give_the_same_curve(case):
    # Recurrent units are silenced in the copy's own weights, which the next chunk must find whole.
    with torch.no_grad():
        outputs = case.model(case.inputs)
    if outputs.dim() != 2:
        pytest.skip("its outputs are no vectors")
    targets = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(2)).double()
    structure = Structure.of(case.model, case.inputs[:1])
    order = torch.arange(Removal.of(structure, case.layer).units)
    curves = [
        removal_curve(
            case.model,
            case.layer,
            order,
            Split(case.inputs, targets),
            objective=squared_error,
            memory=memory,
            keep_bias=keep_bias,
        )
        for memory in (1, 2**29)
        for keep_bias in (False, True)
    ]
    torch.testing.assert_close(curves[0], curves[2], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(curves[1], curves[3], rtol=1e-10, atol=1e-12)


def test_a_network_that_works_in_place_on_its_inputs_gets_them_anew():
    class Doubling(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = torch.nn.Linear(4, 6), torch.nn.Linear(6, 2)

        def forward(self, x):
            x *= 2
            return self.b(self.a(x).relu()) + x[:, :2]

    model, x = Doubling(), torch.randn(5, 4)
    kept = x.clone()
    for units in ([], [1], [0, 3, 5]):
        silenced = copy.deepcopy(model).double()
        with torch.no_grad():
            silenced.b.weight[:, units] = 0
            expected = silenced(kept.double())
        found = outputs_without(model, "a", torch.tensor(units, dtype=torch.int64), x)
        torch.testing.assert_close(found, expected)
    assert torch.equal(x, kept)
    targets = torch.randn(5, 2)
    curve = removal_curve(model, "a", torch.arange(6), Split(x, targets), objective=squared_error)
    assert curve[0] == pytest.approx(squared_error.loss(model(kept.clone()), targets).item())


@pytest.mark.parametrize("kind", [torch.nn.utils.parametrizations.weight_norm, None])
def test_computed_and_tied_weights_are_removed_from(kind):
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 4), torch.nn.Tanh(), torch.nn.Linear(4, 4), torch.nn.Linear(4, 3)
    )
    if kind is None:
        model[2].weight = model[0].weight
    else:
        kind(model[0])
    x = torch.randn(6, 4)
    with torch.no_grad():
        hidden = model[:2](x)
        hidden[:, [1, 3]] = 0
        expected = model[2:](hidden)
    found = outputs_without(model, "0", torch.tensor([1, 3]), x)
    torch.testing.assert_close(found.float(), expected)
