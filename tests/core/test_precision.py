import math

import pytest
import torch
from torch import nn

from surfeit.core import check_finite, finite_matrix, full_precision, lift_

HALF = [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_full_precision_leaves_float32_and_float64_as_they_are(dtype):
    values = torch.ones(3, dtype=dtype)
    assert full_precision(values) is values


@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_is_lifted_to_float32_exactly(dtype):
    values = torch.linspace(-3, 3, 7).to(dtype)
    lifted = full_precision(values)
    assert lifted.dtype == torch.float32
    assert torch.equal(lifted.double(), values.to(torch.float64))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (torch.ones(2, dtype=torch.int8), r"w must be floating-point.*int8: convert it by .float"),
        (torch.ones(2, dtype=torch.bool), r"w must be floating-point.*got torch.bool"),
        (torch.ones(2, dtype=torch.complex64), "complex64: measure its real and imaginary parts"),
        ([1.0], r"w must be a torch tensor, got a list"),
    ],
)
def test_other_numbers_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        full_precision(values, "w")


@pytest.mark.parametrize(
    "bad", [[math.nan], [math.inf], [-math.inf], [math.inf, -math.inf], [math.nan, math.inf]]
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_entries_that_are_no_numbers_are_counted(bad, dtype):
    values = torch.ones(2, 3, dtype=dtype)
    values[1, : len(bad)] = torch.tensor(bad).to(dtype)
    with pytest.raises(ValueError, match=rf"w must be finite, got {len(bad)} NaN.*of 6: did the"):
        check_finite(values, "w")


def test_finite_numbers_whose_sum_overflows_are_finite():
    check_finite(torch.full((3,), 3e38))
    check_finite(torch.full((3,), 6e4, dtype=torch.float16))
    check_finite(torch.empty(0))


def test_a_finite_matrix_has_a_flat_row_a_unit_and_no_gradient():
    weight = torch.randn(4, 3, 2, 2, requires_grad=True)
    found = finite_matrix(weight)
    assert torch.equal(found, weight.detach().flatten(1))
    assert not found.requires_grad
    assert finite_matrix(weight.half()).dtype == torch.float32
    with pytest.raises(ValueError, match=r"must be \[units, inputs"):
        finite_matrix(torch.ones(3))
    with pytest.raises(ValueError, match="a layer's weights must be floating-point"):
        finite_matrix(torch.ones(3, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match="weights must be finite, got 1 NaN"):
        finite_matrix(torch.tensor([[1.0, math.nan]]))


def test_a_network_is_lifted_with_its_ties_and_buffers():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3)).half()
    model[2].weight = model[0].weight
    model[1].double()
    before = model[0].weight.detach().double()
    assert lift_(model) is model
    assert model[2].weight is model[0].weight
    assert torch.equal(model[0].weight.double(), before)
    assert {value.dtype for value in model[0].state_dict().values()} == {torch.float32}
    assert model[1].running_mean.dtype == torch.float64
    assert model[1].num_batches_tracked.dtype == torch.int64


def test_views_of_one_memory_are_lifted_together():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)).half()
    model[1].weight.data = model[0].weight.data.T
    lift_(model)
    model[0].weight.data[0, 1] = 7
    assert model[1].weight[1, 0] == 7
