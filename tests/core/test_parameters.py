"""Parameters as plain dicts: copies, loading, layers, digests."""

import pytest
import torch
from torch import nn

from surfeit.core import (
    buffers,
    check_mask_fits,
    digest,
    load_,
    parameters,
    weight_matrix,
)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))


def test_parameters_and_buffers_are_copies():
    model = network()
    params, statistics = parameters(model), buffers(model)
    assert list(params) == [name for name, _ in model.named_parameters()]
    assert set(statistics) == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    for value in [*params.values(), *statistics.values()]:
        assert not value.requires_grad
        value.zero_()
    assert parameters(model)["0.weight"].abs().sum() > 0
    assert buffers(model)["1.running_var"].sum() == 2


def test_load_takes_parameters_and_buffers_exactly():
    model, other = network(), network()
    tensors = {n: torch.full_like(v, 3) for n, v in (parameters(model) | buffers(model)).items()}
    assert load_(other, tensors) is other
    assert digest(parameters(other) | buffers(other)) == digest(tensors)


def test_load_names_what_is_missing_and_unknown():
    model = network()
    tensors = parameters(model) | buffers(model)
    tensors["4.weight"] = tensors.pop("3.weight")
    with pytest.raises(ValueError, match=r"missing \['3.weight'\], unknown \['4.weight'\]"):
        load_(model, tensors)


def test_load_names_a_wrong_shape_and_changes_nothing():
    model = network()
    before = digest(parameters(model))
    tensors = {n: torch.zeros_like(v) for n, v in (parameters(model) | buffers(model)).items()}
    tensors["3.bias"] = torch.zeros(4)
    with pytest.raises(ValueError, match=r"3.bias is \[3\] in the model, \[4\] in the weights"):
        load_(model, tensors)
    assert digest(parameters(model)) == before


@pytest.mark.parametrize("mask", [[torch.ones(3, 8) > 0], torch.ones(3, 8) > 0, 0.5])
def test_a_mask_that_is_no_mapping_is_told_what_it_must_be(mask):
    words = f"by parameter name, True = kept, got a {type(mask).__name__}: pass"
    with pytest.raises(ValueError, match=words):
        check_mask_fits(network(), mask)


def test_weight_matrix_flattens_each_unit():
    weight = torch.arange(24.0).reshape(2, 3, 2, 2)
    rows = weight_matrix(weight)
    assert torch.equal(rows, torch.stack([weight[0].flatten(), weight[1].flatten()]))
    assert rows.data_ptr() == weight.data_ptr()


@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 0)])
def test_weight_matrix_refuses_what_is_no_weight(shape):
    with pytest.raises(ValueError, match=r"must be \[units, inputs, ...\] with entries, got \["):
        weight_matrix(torch.zeros(shape))


def test_digest_is_the_same_however_the_tensor_lies():
    value = torch.arange(12.0).reshape(3, 4)
    assert digest({"a": value}) == digest({"a": value.T.contiguous().T})
    assert digest({"a": value, "b": value}) == digest({"b": value, "a": value})


def test_digest_golden_value_never_changes():
    tensors = {"w": torch.tensor([[1.0, -2.0]]), "n": torch.tensor(3)}
    assert digest(tensors) == "e376b823b61cf8208ff19e983b4a3e8395a8aa6652425d69019eead4c8a3f5ed"


@pytest.mark.parametrize(
    "other",
    [
        {"b": torch.zeros(4)},
        {"a": torch.zeros(4, dtype=torch.int32)},
        {"a": torch.zeros(2, 2)},
        {"a": torch.tensor([0.0, 0.0, 0.0, -0.0])},
        {"a": torch.tensor([0.0, 0.0, 0.0, 1e-45])},
        {"a": torch.zeros(4), "c": torch.zeros(0)},
    ],
)
def test_digest_changes_with_name_dtype_shape_and_one_bit(other):
    assert digest({"a": torch.zeros(4)}) != digest(other)


@pytest.mark.parametrize("dtype", [torch.bool, torch.bfloat16, torch.float64, torch.uint8])
def test_digest_takes_every_dtype_and_no_dimensions(dtype):
    assert len(digest({"a": torch.zeros((), dtype=dtype), "b": torch.zeros(0, 3)})) == 64
