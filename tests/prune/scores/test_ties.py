"""Scores of tied weights and of modules at two places, against autograd on the network itself."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from surfeit.core import Split, Streams, ties
from surfeit.prune.scores import SCORES, Evidence, snip, synflow

GENERATOR = Streams(0).get("ties")
SPLIT = Split(
    torch.randn(12, 1, 2, 3, generator=GENERATOR, dtype=torch.float64), torch.arange(12) % 6
)


def base() -> nn.Sequential:
    torch.manual_seed(0)
    parts = [nn.Flatten(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 6)]
    return nn.Sequential(*parts).double()


def transposed() -> nn.Sequential:
    model = base()
    model[3].weight.data = model[1].weight.data.T
    return model


def one_object() -> nn.Sequential:
    model = nn.Sequential(*base(), nn.ReLU(), nn.Linear(6, 6).double())
    model[7].weight = model[5].weight
    return model


def one_storage() -> nn.Sequential:
    model = one_object()
    model[7].weight = nn.Parameter(model[5].weight.data)
    return model


def twice() -> nn.Sequential:
    model = base()
    return nn.Sequential(*model, model[4], model[5])


@pytest.mark.parametrize("build", [transposed, one_object, one_storage, twice])
def test_gradients_and_sensitivities_are_those_of_all_places(build):
    model = build()
    found = Evidence(model, split=SPLIT, batch_size=5)
    every = dict(model.named_parameters())
    loss = F.cross_entropy(model(SPLIT.images), SPLIT.labels)
    grads = dict(zip(every, torch.autograd.grad(loss, list(every.values())), strict=True))
    for name, tie in ties(model).items():
        if name in grads:
            grads[tie.to] = grads[tie.to] + tie.inverse(grads.pop(name), every[tie.to].shape)
    assert not set(found.names) & ties(model).keys()
    for name in found.names:
        assert torch.allclose(found.gradients[name], grads[name], atol=1e-12)
        assert torch.allclose(snip(found)[name], (grads[name] * every[name]).abs())


def test_flow_through_both_places_of_a_tied_weight():
    model = transposed()
    own = copy.deepcopy(model)  # loosens the tie
    for value in own.parameters():
        value.data = value.data.abs()
    for layer in (own[1], own[3], own[5]):
        layer.bias.data.zero_()
    flow = own[5](own[3](own[1](torch.ones(1, 6).double()))).sum()
    first, second = torch.autograd.grad(flow, [own[1].weight, own[3].weight])
    found = synflow(Evidence(model, split=SPLIT))["1.weight"]
    assert torch.allclose(found, (first + second.T) * own[1].weight)


@pytest.mark.parametrize("name", ["obd", "obs"])
@pytest.mark.parametrize("build", [transposed, one_object, one_storage])
def test_scores_of_one_layers_inputs_refuse_tied_weights(build, name):
    with pytest.raises(ValueError, match=rf"{name} looks at the inputs of one layer .* is \S+ too"):
        SCORES[name](Evidence(build(), split=SPLIT))
