"""The oracle against itself: what must hold of outputs without some units."""

import pytest
import torch
from torch import nn

from .removal import Case, cases

CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_network_without_any_removal_is_the_network(case):
    torch.testing.assert_close(case.outputs_without([]), case.outputs(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_unit_makes_a_difference(case):
    for unit in range(case.count):
        change = (case.outputs_without([unit]) - case.outputs()).abs().max()
        assert change > 1e-3, unit


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_removed_may_have_any_weights(case):
    units = case.units[2]
    expected = case.outputs_without(units)
    state = {name: value.clone() for name, value in case.model.state_dict().items()}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        for layer in case.group:
            for value in incoming(case.model.get_submodule(layer), units):
                value.copy_(torch.randn_like(value))
    try:
        assert not torch.equal(case.outputs_without([]), expected)
        torch.testing.assert_close(case.outputs_without(units), expected, rtol=0, atol=0)
    finally:
        case.model.load_state_dict(state)


def incoming(module, units):
    """Views of the parameters that only these units have, a unit at a time."""
    if isinstance(module, nn.RNNBase):
        rows = module.hidden_size
        for value in module.parameters():
            for gate in value.split(rows):
                yield from (gate[unit] for unit in units)
    elif isinstance(module, nn.ConvTranspose2d):
        each = module.out_channels // module.groups
        for unit in units:
            group = unit // each
            read = module.in_channels // module.groups
            yield module.weight[group * read : (group + 1) * read, unit % each]
            yield module.bias[unit]
    elif isinstance(module, nn.Embedding):
        yield from (module.weight[:, unit] for unit in units)
    else:
        for value in module.parameters():
            yield from (value[unit] for unit in units)


# What reads a layer's units with a weight whose second axis they are, one column a unit.
READERS = {
    "Chain:fc1": ["fc2"],
    "Chain:fc2": ["fc3"],
    "HeadFirst:second": ["head"],
    "Normalised:conv1": ["conv2"],
    "ActivatedFirst:conv1": ["conv2"],
    "Gate:fc1": ["fc2"],
    "TwoHeads:trunk1": ["trunk2", "side"],
    "DepthwiseSeparable:depth": ["point2"],
    "Residual:stem": ["conv1", "conv3", "down"],
    "Residual:conv1": ["conv2"],
    "Residual:conv4": ["fc"],
    "PreActivation:stem": ["conv1", "conv3", "fc"],
    "PreActivation:conv1": ["conv2"],
    "Encoder:linear1": ["linear2"],
    "EncoderLayer:block.linear1": ["block.linear2"],
    "SqueezeExcitation:excite": ["conv2"],
    "SqueezeExcitation:squeeze": ["excite"],
}


@pytest.mark.parametrize("case", [c for c in CASES if str(c) in READERS], ids=str)
def test_a_removal_is_a_zero_in_every_readers_weights(case):
    units = case.units[2]
    expected = case.outputs_without(units)
    state = {name: value.clone() for name, value in case.model.state_dict().items()}
    with torch.no_grad():
        for reader in READERS[str(case)]:
            case.model.get_submodule(reader).weight[:, units] = 0
    try:
        torch.testing.assert_close(case.outputs(), expected, rtol=1e-12, atol=1e-12)
    finally:
        case.model.load_state_dict(state)


def test_networks_are_the_same_each_time_and_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    first, second = list(cases()), list(cases())
    assert torch.equal(torch.get_rng_state(), before)
    for one, other in zip(first, second, strict=True):
        assert isinstance(one, Case)
        assert str(one) == str(other)
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.outputs(), other.outputs())
