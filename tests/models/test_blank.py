"""Layers without values, against PyTorch's own way to make them."""

import pytest
import torch
from torch import nn
from torch.nn.utils import skip_init

from surfeit.models import blank

CPU = torch.device("cpu")
LAYERS = [
    (nn.Linear, (3, 4), {}),
    (nn.Linear, (3, 4), {"bias": False, "dtype": torch.float64}),
    (nn.Conv2d, (4, 6, 3), {"groups": 2, "padding": 1, "dtype": torch.bfloat16}),
    (nn.ConvTranspose1d, (4, 6, 3), {}),
]


@pytest.mark.parametrize(("kind", "arguments", "options"), LAYERS)
def test_blank_layers_are_those_of_torch(kind, arguments, options):
    made, expected = blank(kind, *arguments, **options), skip_init(kind, *arguments, **options)
    assert (type(made), repr(made)) == (kind, repr(expected))
    of = dict(expected.named_parameters())
    assert [name for name, _ in made.named_parameters()] == list(of)
    for name, value in made.named_parameters():
        assert (value.shape, value.dtype, value.device) == (of[name].shape, of[name].dtype, CPU)
        assert value.stride() == of[name].stride()
        assert value.requires_grad
    assert made.state_dict().keys() == expected.state_dict().keys()


@pytest.mark.parametrize("units", [10**16, 10**20])
def test_layers_that_no_machine_holds_are_refused(units):
    with pytest.raises(MemoryError, match=f"a Linear of 64 x {units} weights"):
        blank(nn.Linear, 64, units)


def test_blank_layers_draw_nothing():
    before = torch.get_rng_state()
    blank(nn.Linear, 100, 100)
    assert torch.equal(torch.get_rng_state(), before)
