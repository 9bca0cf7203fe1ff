"""Targeted dropout: what is targeted, against ranks by hand; how often it goes; within a step."""

import pytest
import torch
import torch.nn.functional as F
from tests.train.conftest import content, interrupted_at, normalised, small
from torch import nn

from surfeit.core import Streams, parameters
from surfeit.models import Structure, mlp
from surfeit.store import Store
from surfeit.train import Recipe, train
from surfeit.train.masking import TargetedDropout


def dropout(model, example, *, share, rate=1.0, granularity="weight", seed=0, trained=None):
    recipe = Recipe(
        targeted_dropout=rate, targeted_share=share, targeted_granularity=granularity, epochs=1
    )
    structure = Structure.of(model, example)
    names = [name for name, _ in model.named_parameters()] if trained is None else trained
    return TargetedDropout(recipe, structure, names, Streams(seed))


@pytest.fixture
def network():
    return mlp((6, 5), input_shape=(1, 3, 3), classes=4), torch.zeros(1, 1, 3, 3)


@pytest.mark.parametrize(("share", "per_unit"), [(0.5, 4), (0.34, 3), (0.1, 0), (0.99, 8)])
def test_the_smallest_weights_of_each_unit_are_targeted(network, share, per_unit):
    model, example = network
    kept = dropout(model, example, share=share).kept(parameters(model), 0)
    assert set(kept) == {"fc1.weight", "fc2.weight"}  # not the outputs', and no biases
    for row, kept_of_row in zip(
        model.fc1.weight.tolist(), kept["fc1.weight"].tolist(), strict=True
    ):
        ranked = sorted(range(9), key=lambda place, row=row: abs(row[place]))
        assert [not kept_of_row[place] for place in ranked] == [n < per_unit for n in range(9)]


def test_the_shortest_units_are_targeted_with_their_biases(network):
    model, example = network
    kept = dropout(model, example, share=0.5, granularity="unit").kept(parameters(model), 0)
    assert set(kept) == {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}
    lengths = model.fc1.weight.norm(dim=1)
    shortest = lengths.argsort()[:3]
    expected = torch.ones(6, dtype=torch.bool).index_fill(0, shortest, value=False)
    assert torch.equal(kept["fc1.bias"], expected)
    assert torch.equal(kept["fc1.weight"].expand(6, 9)[:, 0], expected)


def test_a_targeted_weight_goes_at_the_rate_and_no_other_ever(network):
    """Over 400 steps each targeted weight is dropped 120 times, within five deviations."""
    model, example = network
    layer = dropout(model, example, share=0.5, rate=0.3)
    targeted = ~dropout(model, example, share=0.5).kept(parameters(model), 0)["fc1.weight"]
    gone = torch.zeros(6, 9)
    for step in range(400):
        gone += ~layer.kept(parameters(model), step)["fc1.weight"]
    assert (gone[~targeted] == 0).all()
    assert ((gone[targeted] - 120).abs() < 5 * (400 * 0.3 * 0.7) ** 0.5).all()


def test_what_a_step_drops_depends_on_seed_and_step_alone(network):
    model, example = network

    def at(step, seed):
        found = dropout(model, example, share=0.5, rate=0.5, seed=seed)
        return found.kept(parameters(model), step)["fc1.weight"]

    assert torch.equal(at(3, 0), at(3, 0))
    assert not torch.equal(at(3, 0), at(4, 0))
    assert not torch.equal(at(3, 0), at(3, 1))


def test_frozen_and_shared_weights_are_left_alone(network):
    model, example = network
    found = dropout(model, example, share=0.5, trained=["fc2.weight", "fc3.weight"])
    assert set(found.kept(parameters(model), 0)) == {"fc2.weight"}
    tied = nn.Sequential(nn.Flatten(), nn.Linear(9, 9), nn.ReLU(), nn.Linear(9, 9), nn.Linear(9, 2))
    tied[3].weight = tied[1].weight
    with pytest.raises(ValueError, match="targeted dropout has no layer to drop from"):
        dropout(tied, example, share=0.5)


def test_a_network_of_outputs_alone_is_refused(dataset, store):
    recipe = Recipe(targeted_dropout=0.5, targeted_share=0.5, epochs=1)
    with pytest.raises(ValueError, match="no layer to drop from"):
        train(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), dataset, recipe, store=store)
    assert not list(store.root.rglob("run.json"))  # before anything is written


@pytest.mark.parametrize("granularity", ["weight", "unit"])
def test_a_step_is_that_of_a_network_without_what_was_dropped(granularity, dataset, store):
    recipe = Recipe(
        lr=0.1,
        steps=1,
        batch_size=len(dataset.train),
        targeted_dropout=0.7,
        targeted_share=0.5,
        targeted_granularity=granularity,
    )
    run = train(small, dataset, recipe, store=store)
    network = run.model(0)
    found = dropout(network, dataset.train.inputs[:1], share=0.5, rate=0.7, granularity=granularity)
    kept = found.kept(parameters(network), 0)
    before = run.tensors(0)
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.mul_(kept.get(name, torch.ones(())))
    order = torch.randperm(len(dataset.train), generator=Streams(0).get("order", 0))
    outputs = network(dataset.train.inputs[order])
    F.cross_entropy(outputs, dataset.train.labels[order]).backward()
    assert any(not mask.all() for mask in kept.values())
    for name, value in network.named_parameters():
        moved = value.grad * kept.get(name, torch.ones(()))
        assert torch.allclose(run.tensors()[name], before[name] - 0.1 * moved, atol=1e-6)


def test_transposed_convolutions_are_left_alone():
    model = nn.Sequential(
        nn.ConvTranspose2d(1, 3, 3), nn.Conv2d(3, 2, 3, groups=1), nn.Flatten(), nn.Linear(18, 2)
    )
    kept = dropout(model, torch.zeros(1, 1, 3, 3), share=0.5).kept(parameters(model), 0)
    assert set(kept) == {"1.weight"}
    assert (~kept["1.weight"]).flatten(1).sum(dim=1).tolist() == [13, 13]


def test_an_interrupted_training_ends_as_an_uninterrupted_one(dataset, tmp_path):
    recipe = Recipe(
        lr=0.1,
        steps=12,
        batch_size=16,
        targeted_dropout=0.5,
        targeted_share=0.5,
        critical_share=0.8,
    )
    whole = train(normalised, dataset, recipe, store=Store(tmp_path / "whole"))
    store = Store(tmp_path / "halves")
    with interrupted_at(7):
        train(normalised, dataset, recipe, store=store)
    assert content(train(normalised, dataset, recipe, store=store)) == content(whole)
