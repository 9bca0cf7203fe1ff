"""Compiled and parallel networks are the networks within, by their plain names."""

import pytest
import torch
from torch import nn

from surfeit.core import (
    Split,
    buffers,
    copied,
    evaluate,
    load_,
    own_parameters,
    parameters,
    ties,
    unwrapped,
)
from surfeit.core.wrappers import without_prefixes


def compiled(model: nn.Module) -> nn.Module:
    wrapper = torch.compile(model, backend="eager")
    assert isinstance(wrapper, nn.Module)
    return wrapper


WRAPPERS = {
    "parallel": nn.DataParallel,
    "compiled": compiled,
    "parallel of compiled": lambda model: nn.DataParallel(compiled(model)),
    "compiled parallel": lambda model: compiled(nn.DataParallel(model)),
}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    tied = nn.Linear(4, 4)
    tied.weight = (first := nn.Linear(4, 4)).weight
    return nn.Sequential(first, nn.BatchNorm1d(4), nn.Tanh(), tied)


@pytest.fixture(params=WRAPPERS)
def wrap(request):
    return WRAPPERS[request.param]


def test_a_wrapped_network_is_what_is_within(wrap):
    model = network()
    wrapper = wrap(model)
    assert unwrapped(wrapper) is model
    own = own_parameters(wrapper)
    assert own.keys() == own_parameters(model).keys()
    assert all(own[name] is value for name, value in own_parameters(model).items())
    assert parameters(wrapper).keys() == parameters(model).keys()
    assert buffers(wrapper).keys() == buffers(model).keys()
    assert ties(wrapper) == ties(model) != {}
    assert type(copied(wrapper)) is nn.Sequential
    assert ties(copied(wrapper)) == ties(model)


def test_a_wrapped_network_is_scored_as_what_is_within(wrap):
    model, x = network(), torch.randn(30, 4)
    split = Split(x, torch.arange(30) % 4)
    tensors = parameters(model) | buffers(model)
    assert evaluate(wrap(model), tensors, split) == evaluate(model, tensors, split)


def test_weights_are_loaded_from_and_into_wrapped_networks(wrap):
    source, plain, wrapper = network(), network(), wrap(network())
    with torch.no_grad():
        source[0].weight.add_(1)
    for target in (plain, wrapper):
        for tensors in (source.state_dict(), wrap(source).state_dict()):
            with torch.no_grad():
                target.get_parameter(next(iter(dict(target.named_parameters())))).zero_()
            assert load_(target, tensors) is target
            assert torch.equal(parameters(target)["0.weight"], source[0].weight)


def test_a_network_with_a_part_called_module_keeps_its_names():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = nn.Linear(2, 2)

        def forward(self, x):
            return self.module(x)

    model = Own()
    assert list(parameters(model)) == ["module.weight", "module.bias"]
    assert list(parameters(nn.DataParallel(model))) == ["module.weight", "module.bias"]
    load_(Own(), nn.DataParallel(model).state_dict())
    with pytest.raises(
        ValueError, match=r"missing \['module.bias', 'module.weight'\], unknown \['"
    ):
        load_(model, nn.DataParallel(nn.Sequential(nn.Linear(2, 2))).state_dict())


def test_prefixes_are_taken_off_only_where_the_names_then_are_the_networks():
    weight = torch.zeros(1)
    for given in ({"module.b": weight}, {"module.a": weight, "b": weight}, {}):
        assert without_prefixes(given, ["a", "b.c"]) is given
    assert without_prefixes({"module._orig_mod.a": weight}, ["a"]) == {"a": weight}


def test_one_process_of_a_distributed_training_is_unwrapped(tmp_path):
    if not torch.distributed.is_available() or torch.distributed.is_initialized():
        pytest.skip("no process group can be made here")
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1
    )
    try:
        model = nn.Sequential(nn.Linear(2, 2))
        wrapper = nn.parallel.DistributedDataParallel(model)
        assert unwrapped(compiled(wrapper)) is unwrapped(wrapper) is model
        assert list(parameters(wrapper)) == ["0.weight", "0.bias"]
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "model must be a network, an nn.Module, got None"),
        (nn.Linear, r"got the class Linear: pass Linear\(\.\.\.\)"),
        ({"weight": torch.zeros(1)}, "got a dict: build the network and load the weights into it"),
    ],
)
def test_what_is_no_network_is_refused_everywhere(given, words):
    split = Split(torch.zeros(1, 2), torch.zeros(1, dtype=torch.int64))
    for function in (
        unwrapped,
        parameters,
        buffers,
        ties,
        copied,
        lambda model: load_(model, {}),
        lambda model: evaluate(model, {}, split),
    ):
        with pytest.raises(ValueError, match=words):
            function(given)


def test_a_split_that_is_none_is_refused():
    model = network()
    for given in (torch.utils.data.TensorDataset(torch.zeros(1, 4)), (torch.zeros(1, 4), 1), None):
        with pytest.raises(
            ValueError, match=r"split must be a Split such as data\.validation or data\.test, got"
        ):
            evaluate(model, parameters(model) | buffers(model), given)
