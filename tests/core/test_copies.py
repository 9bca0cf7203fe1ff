"""Copies: their outputs, their ties, and the model untouched."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from surfeit.core import converted_, copied, digest, parameters, skeleton, ties

from .test_ties import TIED, chain, transposed


def pruned() -> nn.Module:
    model = chain()
    prune.l1_unstructured(model[0], "weight", 0.5)
    prune.random_structured(model[2], "weight", 1, dim=0)
    return model


def weight_normalised() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.Sequential(nn.utils.weight_norm(nn.Linear(4, 3)), nn.Tanh())


def spectral() -> nn.Module:
    return nn.Sequential(nn.utils.spectral_norm(nn.Linear(4, 3)), nn.Tanh())


def parametrised() -> nn.Module:
    return nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 3)))


class Remembering(nn.Module):
    """Keeps what it computed, in an attribute and in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.seen = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.last = self.fc(x)
        self.seen.append({"x": self.last})
        return self.last


COMPUTED = [pruned, weight_normalised, spectral, parametrised, Remembering]


@pytest.mark.parametrize("build", COMPUTED)
def test_a_copy_follows_its_own_parameters_behind_computed_weights(build):
    model = build().eval()
    x = torch.randn(5, 4)
    model(x)
    before = digest(dict(model.state_dict()))
    twin = copied(model)
    assert torch.equal(twin(x), model(x))
    with torch.no_grad():
        for value in twin.parameters():
            value.mul_(2)
    assert not torch.equal(twin(x), model(x))
    assert digest(dict(model.state_dict())) == before
    assert [name for name, _ in twin.named_parameters()] == [n for n, _ in model.named_parameters()]
    twin(x).sum().backward()
    assert all(value.grad is None for value in model.parameters())


@pytest.mark.parametrize("build", TIED)
@pytest.mark.parametrize("copy", [copied, skeleton])
def test_copies_are_tied_as_the_model_is(build, copy):
    model = build()
    twin = copy(model)
    assert ties(twin) == ties(model)
    assert not {v.data_ptr() for v in twin.parameters()} & {
        v.data_ptr() for v in model.parameters()
    }


@pytest.mark.parametrize("build", TIED)
def test_a_conversion_keeps_the_ties(build):
    model = build()
    found, before = ties(model), parameters(model)
    assert ties(converted_(model, torch.float64)) == found
    assert all(torch.equal(v.float(), before[n]) for n, v in parameters(model).items())


def test_a_module_at_two_places_stays_one():
    layer = nn.Linear(4, 4)
    model = nn.Sequential(layer, nn.Sequential(nn.ReLU(), layer))
    for twin in (copied(model), skeleton(model)):
        assert twin[0] is twin[1][1]


def test_the_skeleton_of_a_recurrent_network_is_one():
    assert skeleton(nn.LSTM(3, 4)).weight_ih_l0.is_meta


class Viewing(nn.Module):
    """Reads one weight twice, by a view that is no parameter."""

    def __init__(self, *, buffer: bool) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 3)
        if buffer:
            self.register_buffer("back", self.fc.weight.detach().T)
        else:
            self.back = self.fc.weight.T

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x) @ self.back.T


@pytest.mark.parametrize("buffer", [True, False])
def test_a_view_that_no_copy_can_follow_is_refused(buffer):
    model = nn.Sequential(Viewing(buffer=buffer))
    words = r"0\.back is a view of the parameter 0\.fc\.weight without being one"
    for copy in (copied, skeleton):
        with pytest.raises(ValueError, match=words):
            copy(model)


def test_copies_of_a_skeleton_know_their_ties():
    assert ties(copied(skeleton(transposed()))) == ties(transposed())
