"""SNIP and GraSP of networks with batch normalisation: whose statistics count."""

import copy

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, digest, squared_error
from surfeit.prune.scores import Evidence, grasp, snip, taylor


def new(kind=nn.BatchNorm2d):
    """A new network: its statistics are those of no data."""
    torch.manual_seed(1)
    parts = [
        *(nn.Conv2d(1, 4, 3), kind(4), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(16, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.ReLU(), nn.Linear(5, 3)),
    ]
    return nn.Sequential(*parts).double()


def some_split(count=12):
    generator = Streams(0).get("images")
    images = 3 + 2 * torch.randn(count, 1, 4, 4, generator=generator, dtype=torch.float64)
    return Split(images, torch.randint(0, 3, (count,), generator=generator))


NAMES = ["0.weight", "4.weight", "8.weight"]


def slopes(model, split, *, training, temperature=1.0, order=1):
    """`|g w|` or `w Hg` by autograd alone, dropout off."""
    model = copy.deepcopy(model).train(training)
    model[6].eval()
    loss = nn.functional.cross_entropy(model(split.inputs) / temperature, split.targets)
    own = [model.get_parameter(name) for name in NAMES]
    grads = torch.autograd.grad(loss, own, create_graph=True)
    if order == 1:
        return [(g * w).abs().detach() for g, w in zip(grads, own, strict=True)]
    flow = sum((g * g.detach()).sum() for g in grads)
    return [(h * w).detach() for h, w in zip(torch.autograd.grad(flow, own), own, strict=True)]


def agree(found, expected):
    pairs = zip(found.values(), expected, strict=True)
    return all(torch.allclose(a, b, rtol=1e-8, atol=1e-12) for a, b in pairs)


@pytest.mark.parametrize(("score", "order"), [(snip, 1), (grasp, 2)])
@pytest.mark.parametrize("kind", [nn.BatchNorm2d, lambda n: nn.InstanceNorm2d(n, affine=True)])
def test_new_networks_are_scored_in_training_mode(score, order, kind):
    model, split = new(kind), some_split()
    found = score(Evidence(model, split=split))
    assert agree(found, slopes(model, split, training=True, order=order))
    evaluated = score(Evidence(model, split=split), mode="evaluation")
    assert agree(evaluated, slopes(model, split, training=False, order=order))
    assert not agree(found, evaluated.values())


@pytest.mark.parametrize(("score", "order"), [(snip, 1), (grasp, 2)])
def test_trained_networks_are_scored_in_evaluation_mode_unless_told(score, order):
    model, split = new(), some_split()
    model.train()(some_split(30).inputs)  # a step's forward pass: the statistics have seen a batch
    found = score(Evidence(model, split=split))
    assert agree(found, slopes(model, split, training=False, order=order))
    trained = score(Evidence(model, split=split), mode="training")
    assert agree(trained, slopes(model, split, training=True, order=order))


def test_a_new_normalisation_behind_trained_ones_goes_by_the_batch_alone():
    model, split = new(), some_split()
    model.train()(some_split(30).inputs)
    model[5].reset_running_stats()
    mixed = copy.deepcopy(model).eval()
    mixed[5].train()
    loss = nn.functional.cross_entropy(mixed(split.inputs), split.targets)
    own = [mixed.get_parameter(name) for name in NAMES]
    expected = [(g * w).abs() for g, w in zip(torch.autograd.grad(loss, own), own, strict=True)]
    assert agree(snip(Evidence(model, split=split)), [e.detach() for e in expected])


def test_statistics_that_were_set_are_used():
    model, split = new(), some_split()
    for one in (model[1], model[5]):
        one.running_mean.fill_(0.5)
    found = snip(Evidence(model, split=split))
    assert agree(found, slopes(model, split, training=False))


def test_training_mode_changes_no_statistics_and_no_other_score():
    model, split = new(), some_split()
    before = digest(model.state_dict())
    evidence = Evidence(model, split=split)
    alone = taylor(Evidence(model, split=split))
    snip(evidence, mode="training")
    grasp(evidence, mode="training", temperature=200)
    assert digest(model.state_dict()) == before
    assert digest(evidence.network.state_dict()) == before
    assert not evidence.network.training
    assert not any(module.training for module in evidence.network.modules())
    assert evidence.network[1].track_running_stats
    assert digest(taylor(evidence)) == digest(alone)


def test_each_batch_has_statistics_of_its_own():
    model, split = new(), some_split(11)
    found = snip(Evidence(model, split=split, batch_size=4), mode="training")
    total = None  # as even as can be: 3, 4 and 4
    for part in (split[0:3], split[3:7], split[7:11]):
        own = copy.deepcopy(model).train()
        own[6].eval()
        loss = nn.functional.cross_entropy(own(part.inputs), part.targets, reduction="sum")
        grads = torch.autograd.grad(loss, [own.get_parameter(name) for name in NAMES])
        total = grads if total is None else [a + b for a, b in zip(total, grads, strict=True)]
    weights = [model.get_parameter(name).detach() for name in NAMES]
    assert agree(found, [(g / 11 * w).abs() for g, w in zip(total, weights, strict=True)])


@pytest.mark.parametrize("temperature", [1.0, 200.0, 0.5])
@pytest.mark.parametrize("mode", ["training", "evaluation"])
def test_grasp_divides_the_logits_by_its_temperature(temperature, mode):
    model, split = new(), some_split()
    found = grasp(Evidence(model, split=split), temperature=temperature, mode=mode)
    training = mode == "training"
    expected = slopes(model, split, training=training, temperature=temperature, order=2)
    assert agree(found, expected)


def test_normalisations_without_statistics_can_be_scored_in_training_mode():
    model, split = new(lambda n: nn.BatchNorm2d(n, track_running_stats=False)), some_split()
    with pytest.raises(ValueError, match="'1' keeps no running statistics"):
        snip(Evidence(model, split=split))
    found = snip(Evidence(model, split=split), mode="training")
    assert agree(found, slopes(model, split, training=True))


def test_a_batch_of_one_example_has_no_statistics():
    words = r"'1' normalises by the statistics of a batch.*one example has none.*mode=\"evaluation"
    with pytest.raises(ValueError, match=words):
        snip(Evidence(new(), split=some_split(1)))
    with pytest.raises(ValueError, match=words):
        grasp(Evidence(new(), split=some_split(), batch_size=1))
    assert snip(Evidence(new(), split=some_split(1)), mode="evaluation").keys() == {*NAMES}


def test_modes_and_temperatures_that_are_none_are_refused():
    evidence = Evidence(new(), split=some_split())
    with pytest.raises(ValueError, match=r"no mode 'trainig': did you mean 'training'"):
        snip(evidence, mode="trainig")
    for temperature in (0, -1.0, float("nan"), float("inf"), True):
        with pytest.raises(ValueError, match="temperature must be finite and > 0, got"):
            grasp(evidence, temperature=temperature)
    targets = torch.zeros(12, 3, dtype=torch.float64)
    squared = Evidence(new(), split=Split(some_split().inputs, targets), objective=squared_error)
    with pytest.raises(ValueError, match=r"divides the logits.*squared_error judges none"):
        grasp(squared, temperature=200)
    assert grasp(squared).keys() == {*NAMES}
