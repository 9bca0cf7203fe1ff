"""Units are removed alike in networks of every kind: hand-written networks are the oracle."""

import copy

import pytest
import torch

from surfeit.core import Split, squared_error
from surfeit.models import Structure
from surfeit.prune import outputs_without, removal_curve

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
