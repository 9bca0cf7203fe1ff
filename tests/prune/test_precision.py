"""Criteria and orders of weights in each floating type."""

import math

import pytest
import torch

from surfeit.core import Streams
from surfeit.prune import removal_order
from surfeit.prune.criteria import CRITERIA

HALF = [torch.float16, torch.bfloat16, torch.float8_e5m2]


OF_WEIGHTS = [name for name, criterion in CRITERIA.items() if not criterion.needs_examples]


def draws():
    return Streams(0).get("removal")


@pytest.mark.parametrize("dtype", [torch.float32, *HALF])
@pytest.mark.parametrize("name", OF_WEIGHTS)
def test_each_type_gives_what_float64_of_its_numbers_gives(name, dtype):
    weight = torch.randn(20, 7, generator=Streams(3).get("weights")).to(dtype)
    found = CRITERIA[name](weight, draws())
    assert found.dtype == torch.float64
    assert torch.equal(found, CRITERIA[name](weight.double(), draws()))
    for remove in ("least", "most"):
        order = removal_order(weight, CRITERIA[name], remove, draws())
        assert torch.equal(order, removal_order(weight.double(), CRITERIA[name], remove, draws()))


def test_a_criterion_of_ones_own_is_given_full_precision():
    seen = []

    def own(weight, generator):
        seen.append(weight.dtype)
        return weight.sum(dim=1)

    removal_order(torch.ones(3, 2, dtype=torch.float16), own)
    assert seen == [torch.float32]


@pytest.mark.parametrize("name", [name for name in OF_WEIGHTS if name != "random"])
def test_what_is_no_number_is_counted_and_other_kinds_are_refused(name):
    weight = torch.ones(4, 5)
    weight[2, 1] = math.nan
    for call in (lambda w: CRITERIA[name](w, None), lambda w: removal_order(w, CRITERIA[name])):
        with pytest.raises(ValueError, match=r"weights must be finite, got 1 NaN or inf.* of 20"):
            call(weight)
        with pytest.raises(ValueError, match=r"must be floating-point numbers, got torch\.int64"):
            call(torch.ones(4, 5, dtype=torch.int64))
        with pytest.raises(ValueError, match=r"must be floating-point numbers, got torch\.complex"):
            call(torch.ones(4, 5, dtype=torch.complex64))
