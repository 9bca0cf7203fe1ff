"""Taylor scores beside what the loss of a trained network gains when a unit or a weight goes.

Bounds lie between what these scores reach and what the squared slope of the mean loss does, which
is about zero wherever a network was trained to.
"""

import os
from dataclasses import replace

import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from surfeit.core import Split
from surfeit.data import load
from surfeit.models import lenet_300_100
from surfeit.prune import CRITERIA, taylor_unit
from surfeit.prune.scores import Evidence, snip, taylor
from surfeit.store import Store
from surfeit.train import Recipe, train

ROOT = os.environ.get("SURFEIT_TEST_DATA")


def rank_correlation(a, b):
    return float(spearmanr(a, b).statistic)


@torch.no_grad()
def losses_of_removal(front: nn.Module, rest: nn.Module, split: Split):
    """How much the mean loss rises when each of the units that `front` ends with is zero."""
    outputs = front(split.inputs)

    def loss(hidden):
        return nn.functional.cross_entropy(rest(hidden).double(), split.targets)

    every = range(outputs.shape[1])
    kept = ((torch.arange(outputs.shape[1]) != unit).float() for unit in every)
    return torch.stack([loss(outputs * mask) for mask in kept]) - loss(outputs)


def lenet_parts(run):
    model = run.model().eval()
    front = nn.Sequential(nn.Flatten(), model.fc1, nn.ReLU())
    return front, nn.Sequential(model.fc2, nn.ReLU(), model.fc3)


def ranks(run, split):
    """Of taylor_unit, of the squared slope of the mean loss, and of the norm alone."""
    evidence = Evidence(run.model(), split=split)
    losses = losses_of_removal(*lenet_parts(run), split)
    found = (
        taylor_unit(evidence),
        taylor_unit(evidence, minibatch=len(split)),
        CRITERIA["magnitude"].scores(evidence),
    )
    return [rank_correlation(scores["fc1"], losses) for scores in found]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    data = load("digits")
    recipe = Recipe(lr=0.1, batch_size=64, epochs=80)
    store = Store(tmp_path_factory.mktemp("digits"))
    return train(lenet_300_100, data, recipe, store=store), data.train


def test_taylor_unit_ranks_a_lenet_s_units_as_their_removal_does(trained):
    found, of_the_mean, norm = ranks(*trained)
    assert found > 0.95
    assert max(of_the_mean, norm) < 0.9


@torch.no_grad()
def losses_of_weights(run, split, chosen):
    """How much the mean loss rises when each of some weights of the last layer is zero."""
    model = run.model().double().eval()
    weight, inputs = model.fc3.weight, split.inputs.double()
    before = nn.functional.cross_entropy(model(inputs), split.targets)
    found = []
    for place in chosen.tolist():
        value = weight.view(-1)[place].item()
        weight.view(-1)[place] = 0.0
        found.append(nn.functional.cross_entropy(model(inputs), split.targets) - before)
        weight.view(-1)[place] = value
    return torch.stack(found)


def test_taylor_ranks_weights_as_their_removal_does_and_not_as_snip(trained):
    run, split = trained
    evidence = Evidence(run.model(), split=split)
    chosen = torch.arange(0, 1000, 4)
    losses = losses_of_weights(run, split, chosen)
    squares, slopes = (score(evidence)["fc3.weight"].flatten() for score in (taylor, snip))
    assert rank_correlation(squares[chosen], losses) > rank_correlation(slopes[chosen], losses)
    assert rank_correlation(squares, slopes) < 0.95


def test_the_gate_stands_behind_batch_normalisation(tmp_path):
    data = load("digits")
    torch.manual_seed(0)
    parts = [nn.Flatten(), nn.Linear(64, 100), nn.BatchNorm1d(100), nn.ReLU(), nn.Linear(100, 10)]
    network = nn.Sequential(*parts)
    recipe = Recipe(lr=0.1, batch_size=64, epochs=60)
    run = train(network, data, recipe, store=Store(tmp_path))
    model = run.model(into=network).eval()
    evidence = Evidence(model, split=data.train)
    found = taylor_unit(evidence)["1"]
    # In front of the normalisation: the unit's weights and bias times their slopes.
    change = {
        name: g.double() * evidence.parameters[name]
        for name, g in evidence.parameter_gradients.items()
    }
    in_front = evidence.of_units("1", change, biases=True).square()
    losses = losses_of_removal(model[:4], model[4:], data.train)
    assert rank_correlation(found, losses) > 0.8 > rank_correlation(in_front, losses)


@pytest.mark.skipif(not ROOT, reason="needs MNIST: set SURFEIT_TEST_DATA to a data root with it")
def test_taylor_unit_ranks_a_lenet_s_units_on_mnist(tmp_path):
    data = load("mnist", ROOT)
    few = replace(
        data, train=data.train[:10_000], validation=data.validation[:500], test=data.test[:500]
    )
    recipe = Recipe(lr=0.1, batch_size=128, epochs=40)
    run = train(lenet_300_100, few, recipe, store=Store(tmp_path))
    found, of_the_mean, norm = ranks(run, data.train[:5_000])
    assert found > 0.9
    assert max(of_the_mean, norm) < found - 0.15
