"""Tied parameters against what torch's autograd and plain memory say."""

import numpy as np
import pytest
import torch
from torch import nn

from surfeit.core import (
    Tie,
    buffers,
    check_mask_fits,
    load_,
    own_parameters,
    parameters,
    tie_,
    ties,
)


def chain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 6))


def one_object() -> nn.Sequential:
    model = chain()
    model[4].weight = model[0].weight
    return model


def one_storage() -> nn.Sequential:
    model = chain()
    model[4].weight = nn.Parameter(model[0].weight.data)
    return model


def transposed() -> nn.Sequential:
    model = chain()
    model[2].weight = nn.Parameter(model[0].weight.data.T)
    return model


def reshaped() -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 3, 1), nn.Linear(3, 2))
    model[1].weight.data = model[0].weight.data.flatten(1).T[..., None, None]
    model[2].weight.data = model[0].weight.data.view(2, 3)
    return model


def biases() -> nn.Sequential:
    model = chain()
    model[4].bias = nn.Parameter(model[0].bias.data)
    return model


TIED = {
    one_object: {"4.weight": "0.weight"},
    one_storage: {"4.weight": "0.weight"},
    transposed: {"2.weight": "0.weight"},
    reshaped: {"1.weight": "0.weight", "2.weight": "0.weight"},
    biases: {"4.bias": "0.bias"},
}


@pytest.mark.parametrize("build", TIED)
def test_ties_name_the_parameter_and_read_it_as_the_other_lies(build):
    model = build()
    found = ties(model)
    assert {name: tie.to for name, tie in found.items()} == TIED[build]
    for name, tie in found.items():
        whole, reader = model.get_parameter(tie.to), model.get_parameter(name)
        assert torch.equal(tie.of(whole), reader)
        assert tie.of(whole).data_ptr() == whole.data_ptr()
        assert torch.equal(tie.inverse(reader.detach().clone(), whole.shape), whole)
        fresh = torch.randn_like(whole)  # nothing of it may depend on where the numbers lie
        whole.data.copy_(fresh)
        assert torch.equal(tie.of(fresh), model.get_parameter(name))
        assert Tie.recorded(tie.record()) == tie


@pytest.mark.parametrize("build", TIED)
def test_tied_parameters_are_copied_loaded_and_digested_as_one(build):
    model, other = build(), build()
    assert parameters(model).keys() == own_parameters(model).keys()
    assert not parameters(model).keys() & ties(model).keys()
    tensors = {name: torch.randn_like(value) for name, value in parameters(model).items()}
    load_(other, tensors)
    for name, tie in ties(other).items():
        assert torch.equal(other.get_parameter(name), tie.of(tensors[tie.to]))
    everything = {name: value.detach().clone() for name, value in other.named_parameters()}
    load_(model, everything)  # both names, where both hold the same
    assert all(torch.equal(tensors[name], value) for name, value in parameters(model).items())


def test_load_refuses_two_values_for_one_parameter():
    model = transposed()
    tensors = {name: value.detach().clone() for name, value in model.named_parameters()}
    tensors["2.weight"] += 1
    with pytest.raises(ValueError, match=r"2.weight and 0.weight are one parameter in the model"):
        load_(model, tensors)


def test_the_name_is_the_first_whose_tensor_is_contiguous():
    model = chain()
    model[0].weight.data = model[2].weight.data.T
    assert ties(model) == {"0.weight": Tie("2.weight", (0, 1), (4, 6), (1, 0))}
    assert list(own_parameters(model)) == ["0.bias", "2.weight", "2.bias", "4.weight", "4.bias"]


def test_ties_between_tensors_that_are_all_laid_out_otherwise():
    table = torch.randn(6, 8)
    model = chain()
    model[0].weight.data = table[:, ::2]
    model[2].weight.data = table[:, ::2].T
    model[4].weight.data = table[:, ::2]
    found = ties(model)
    assert {name: tie.to for name, tie in found.items()} == dict.fromkeys(
        ["2.weight", "4.weight"], "0.weight"
    )
    assert found["4.weight"] == Tie("0.weight")
    assert torch.equal(found["2.weight"].of(model[0].weight), model[2].weight)


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 0, 1), (0, 2, 1), (2, 1, 0)])
def test_ties_permute_any_axes(order):
    kernels = torch.randn(4, 3, 2)
    model = nn.ModuleList([nn.Conv1d(1, 1, 1), nn.Conv1d(1, 1, 1)])
    model[0].weight.data, model[1].weight.data = kernels, kernels.permute(order)
    (tie,) = ties(model).values()
    fresh = torch.randn(4, 3, 2)
    assert torch.equal(tie.of(fresh), fresh.permute(order))
    assert torch.equal(tie.inverse(fresh.permute(order), fresh.shape), fresh)
    model[0].weight.data, model[1].weight.data = kernels.permute(order), kernels.permute(1, 0, 2)
    (tie,) = ties(model).values()  # none of them contiguous
    assert torch.equal(tie.of(model[0].weight), model[1].weight)
    assert torch.equal(tie.inverse(model[1].weight, model[0].weight.shape), model[0].weight)


def test_networks_whose_parameters_are_their_own_have_no_ties():
    table = torch.randn(6, 8)
    side_by_side = nn.Sequential(nn.Linear(4, 6), nn.Linear(4, 6))
    side_by_side[0].weight.data, side_by_side[1].weight.data = table[:, :4], table[:, 4:]
    twice = nn.Linear(4, 4)
    for model in (
        chain(),
        side_by_side,
        nn.Sequential(twice, nn.ReLU(), twice),
        nn.LSTM(3, 4, 2),
        nn.Sequential(nn.LazyLinear(3), nn.LazyLinear(3)),
        nn.Sequential(nn.PReLU(0), nn.PReLU(0)),
        nn.Linear(3, 2),
        nn.ReLU(),
        chain().to("meta"),
    ):
        assert ties(model) == {}


def test_memory_shared_through_numpy_is_found():
    numbers, model = np.ones((4, 4), dtype=np.float32), chain()
    model[2] = nn.Linear(4, 4)
    model[4] = nn.Linear(4, 4)
    model[2].weight.data, model[4].weight.data = (
        torch.from_numpy(numbers),
        torch.from_numpy(numbers),
    )
    assert ties(model) == {"4.weight": Tie("2.weight")}


def test_a_buffer_of_two_modules_is_one():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3))
    model[1].running_mean = model[0].running_mean
    assert ties(model) == {"1.running_mean": Tie("0.running_mean")}
    assert "1.running_mean" not in buffers(model)
    assert len(buffers(model)) == 5


@pytest.mark.parametrize("part", [slice(0, 3), slice(2, 6)])
def test_parameters_that_share_a_part_are_refused(part):
    model = chain()
    model[2].weight.data = model[0].weight.data[part]
    with pytest.raises(ValueError, match=r"0.weight and 2.weight share a part of their memory: "):
        ties(model)
    with pytest.raises(ValueError, match=r"give one of them a copy"):
        parameters(model)


def test_parameters_of_which_one_is_frozen_are_refused():
    model = transposed()
    model[2].weight.requires_grad_(False)
    with pytest.raises(
        ValueError, match=r"2.weight is over the same memory as 0.weight, but it is"
    ):
        ties(model)
    assert ties(model.requires_grad_(False)).keys() == {"2.weight"}


@pytest.mark.parametrize("build", [one_storage, transposed])
def test_a_mask_names_a_tied_parameter_by_its_own_name(build):
    model = build()
    (name, to), *_ = TIED[build].items()
    check_mask_fits(model, {to: torch.ones(6, 4, dtype=torch.bool)})
    with pytest.raises(ValueError, match=f"'{name}' is one parameter with '{to}'"):
        check_mask_fits(model, {name: torch.ones(4, 6, dtype=torch.bool)})


@pytest.mark.parametrize("build", TIED)
def test_tie_ties_a_loose_network(build):
    model, loose = build(), build().to("meta").to_empty(device="cpu")
    assert ties(tie_(loose, ties(model))) == ties(model)
