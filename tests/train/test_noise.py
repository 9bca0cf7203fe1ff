"""Noise on inputs, labels and weights, DropConnect: a step by hand, means, who is left alone."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from tests.train.conftest import content, half_of, interrupted_at, normalised, rows, small
from torch import nn

from surfeit.core import Streams, cross_entropy, squared_error
from surfeit.core.split import Split
from surfeit.data import from_tensors
from surfeit.models import initialise_
from surfeit.store import Store
from surfeit.train import Job, Numerics, Recipe, Snapshots, train
from surfeit.train.batches import Batches
from surfeit.train.noise import left_in, noisy, relabelled

EXACT = Numerics(dtype="float64")
EVERY = {
    "input_noise": 0.3,
    "weight_noise": 0.05,
    "label_noise": 0.2,
    "drop_connect": 0.3,
    "max_norm": 0.8,
}


def generator(name="test"):
    return Streams(0).get(name)


def one_step(dataset, **options):
    return Recipe(lr=0.1, steps=1, batch_size=len(dataset.train), **options)


def in_order(dataset):
    order = torch.randperm(len(dataset.train), generator=Streams(0).get("order", 0))
    return dataset.train.inputs[order].double(), dataset.train.targets[order]


def gradients(network, inputs, labels, **options):
    network.zero_grad()
    F.cross_entropy(network(inputs), labels, **options).backward()
    own = network.named_parameters()
    return {name: value.grad.clone() for name, value in own if value.requires_grad}


def moved(run):
    before, after = run.tensors(0), run.tensors()
    return {name: (before[name] - after[name]) / 0.1 for name in before}


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.allclose(found[name], value, atol=1e-9), name


def test_noise_has_its_mean_and_deviation():
    found = noisy(torch.full((200, 100), 3.0, dtype=torch.float64), 0.5, generator())
    assert found.dtype == torch.float64
    assert abs(found.mean() - 3) < 5 * 0.5 / 20_000**0.5
    assert abs(found.std() - 0.5) < 5 * 0.5 / 40_000**0.5


def test_noise_on_inputs_of_a_linear_model_is_on_average_l2():
    """`E ‖y − W (x + e)‖² = ‖y − W x‖² + σ² ‖W‖²`, within five standard errors."""
    weight, x, y = (torch.randn(*s, generator=generator()).double() for s in ((2, 5), (5,), (2,)))
    inputs = noisy(x.expand(40_000, 5), 0.7, generator())
    errors = (y - inputs @ weight.T).square().sum(1)
    expected = (y - weight @ x).square().sum() + 0.49 * weight.square().sum()
    assert abs(errors.mean() - expected) < 5 * errors.std() / 200


@pytest.mark.parametrize("shape", [(6_000,), (3_000, 2)])
def test_labels_are_replaced_at_the_share_by_all_classes_alike(shape):
    labels = torch.full(shape, 2)
    found = relabelled(labels, 0.4, 4, generator())
    assert found.shape == labels.shape
    assert found.dtype == labels.dtype
    counts = found.flatten().bincount(minlength=4) / 6_000
    for label, expected in enumerate((0.1, 0.1, 0.7, 0.1)):
        assert abs(counts[label] - expected) < 5 * (expected * (1 - expected) / 6_000) ** 0.5
    assert (labels == 2).all()


@pytest.mark.parametrize("objective", [cross_entropy, squared_error])
def test_the_mean_gradient_over_label_noise_is_that_of_smoothed_labels(objective):
    """Over all labels, each by its probability: exact."""
    share, classes, label = 0.3, 4, 1
    outputs = torch.randn(1, classes, generator=generator(), dtype=torch.float64)
    outputs.requires_grad_()
    chance = torch.full((classes,), share / classes, dtype=torch.float64)
    chance[label] += 1 - share
    mean = sum(
        chance[k]
        * torch.autograd.grad(objective.loss(outputs, torch.tensor([k])), outputs, retain_graph=1)[
            0
        ]
        for k in range(classes)
    )
    if objective is cross_entropy:
        smoothed = F.cross_entropy(outputs, torch.tensor([label]), label_smoothing=share)
    else:
        smoothed = (outputs - chance).square().sum()
    assert torch.allclose(mean, torch.autograd.grad(smoothed, outputs)[0], atol=1e-12)


def test_drawn_labels_give_the_smoothed_gradient_on_average(dataset):
    """The update's own batches: over 2,000 steps, within five standard errors."""
    inputs, labels = dataset.train.inputs[:10].double(), dataset.train.targets[:10]
    split = Split(inputs, labels)
    batches = Batches(split, None, Recipe(label_noise=0.3, batch_size=10), Streams(0), classes=3)
    network = small().double()
    slopes = []
    for step in range(2_000):
        _, shown, targets = batches.at(step)
        outputs = network(shown).detach().requires_grad_()
        slope = torch.autograd.grad(F.cross_entropy(outputs, targets), outputs)[0]
        order = torch.randperm(10, generator=Streams(0).get("order", step))
        slopes.append(torch.empty_like(slope).index_copy_(0, order, slope))
    found = torch.stack(slopes)
    outputs = network(inputs).detach().requires_grad_()
    smoothed = F.cross_entropy(outputs, labels, label_smoothing=0.3)
    expected = torch.autograd.grad(smoothed, outputs)[0]
    errors = found.std(0) / 2_000**0.5
    assert ((found.mean(0) - expected).abs() < 5 * errors).all()


def test_dropconnect_leaves_out_at_the_rate_and_keeps_the_mean():
    params = {"weight": torch.ones(200, 100, dtype=torch.float64), "bias": torch.ones(200)}
    factors = left_in(params, 0.3, generator())
    assert set(factors) == {"weight"}  # biases stay
    assert set(factors["weight"].unique().tolist()) == {0.0, 1 / 0.7}
    gone = (factors["weight"] == 0).double().mean()
    assert abs(gone - 0.3) < 5 * (0.3 * 0.7 / 20_000) ** 0.5


def test_a_step_with_noisy_inputs_and_labels_is_one_on_those(dataset, store):
    recipe = one_step(dataset, input_noise=0.5, label_noise=0.4)
    run = train(small, dataset, recipe, store=store, numerics=EXACT)
    inputs, labels = in_order(dataset)
    inputs = noisy(inputs, 0.5, Streams(0).get("input noise", 0))
    labels = relabelled(labels, 0.4, 3, Streams(0).get("label noise", 0))
    assert_close(moved(run), gradients(run.model(0), inputs, labels))


def test_a_step_with_noisy_weights_takes_the_gradient_there_and_moves_the_weights(dataset, store):
    run = train(small, dataset, one_step(dataset, weight_noise=0.2), store=store, numerics=EXACT)
    network, drawn = run.model(0), Streams(0).get("weight noise", 0)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("weight"):
                value.copy_(noisy(value, 0.2, drawn))
    assert_close(moved(run), gradients(network, *in_order(dataset)))


def test_a_step_with_dropconnect_is_that_of_the_network_that_is_left(dataset, store):
    run = train(small, dataset, one_step(dataset, drop_connect=0.4), store=store, numerics=EXACT)
    network = run.model(0)
    factors = left_in(run.tensors(0), 0.4, Streams(0).get("drop connect", 0))
    with torch.no_grad():
        for name, factor in factors.items():
            network.get_parameter(name).mul_(factor)
    expected = gradients(network, *in_order(dataset))
    for name, factor in factors.items():
        expected[name] = expected[name] * factor
        assert (moved(run)[name][factor == 0] == 0).all()
    assert_close(moved(run), expected)


def test_what_targeted_dropout_and_dropconnect_leave_is_what_both_leave(dataset, store):
    options = {"targeted_dropout": 0.9, "targeted_share": 0.5, "drop_connect": 0.4}
    run = train(small, dataset, one_step(dataset, **options), store=store)
    factors = left_in(run.tensors(0), 0.4, Streams(0).get("drop connect", 0))
    change = moved(run)["fc1.weight"]
    assert (change[factors["fc1.weight"] == 0] == 0).all()
    dropped_further = (change == 0) & (factors["fc1.weight"] != 0)
    assert 0.2 < dropped_further.double().mean() < 0.7


@pytest.mark.parametrize("builder", [small, normalised])
def test_masked_weights_stay_zero_and_out_of_the_gradient(builder, dataset, store):
    """By Adam, whose moments would move them, and with everything at once."""
    mask = half_of(builder)
    recipe = Recipe(optimizer="adam", lr=0.01, steps=8, batch_size=16, **EVERY)
    run = train(builder, dataset, recipe, mask=mask, store=store)
    for name, kept in mask.items():
        assert (run.tensors()[name][~kept] == 0).all()
        assert (run.tensors()[name][kept] != run.tensors(0)[name][kept]).any()


def test_noise_on_masked_weights_is_held_at_zero(dataset, store):
    """The step is that of the masked network: nothing is drawn in place of what is removed."""
    mask = half_of(small)
    run = train(
        small,
        dataset,
        one_step(dataset, weight_noise=0.3),
        mask=mask,
        store=store,
        numerics=EXACT,
    )
    network, drawn = run.model(0), Streams(0).get("weight noise", 0)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name in mask:
                value.copy_(noisy(value, 0.3, drawn) * mask[name])
    expected = gradients(network, *in_order(dataset))
    assert_close(moved(run), {n: g * mask.get(n, torch.ones(())) for n, g in expected.items()})


def test_frozen_weights_are_neither_noisy_nor_left_out(dataset, store):
    def frozen(**options):
        network = small(**options)
        network.fc1.weight.requires_grad_(False)
        return network

    recipe = one_step(dataset, weight_noise=0.3, drop_connect=0.3, max_norm=0.01)
    run = train(frozen, dataset, recipe, store=store, numerics=EXACT)
    assert torch.equal(run.tensors()["fc1.weight"], run.tensors(0)["fc1.weight"])
    network, trained = run.model(0), {}
    drawn = Streams(0).get("weight noise", 0)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("weight") and name != "fc1.weight":
                value.copy_(noisy(value, 0.3, drawn))
                trained[name] = value
        factors = left_in(trained, 0.3, Streams(0).get("drop connect", 0))
        for name, factor in factors.items():
            trained[name].mul_(factor)
    expected = gradients(network, *in_order(dataset))["fc1.bias"]
    assert torch.allclose(moved(run)["fc1.bias"], expected, atol=1e-9)


def test_tied_weights_have_one_noise(dataset, store):
    def tied(*, input_shape=(1, 4, 4), classes=3, generator=None):
        network = nn.Sequential(
            nn.Flatten(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16), nn.Linear(16, classes)
        )
        initialise_(network, generator or Streams(0).get("init"))
        network[3].weight = network[1].weight
        return network

    run = train(tied, dataset, one_step(dataset, weight_noise=0.3), store=store, numerics=EXACT)
    network, drawn = run.model(0), Streams(0).get("weight noise", 0)
    with torch.no_grad():
        for name, value in network.named_parameters():  # each once
            if name.endswith("weight"):
                value.copy_(noisy(value, 0.3, drawn))
    found, expected = moved(run), gradients(network, *in_order(dataset))
    assert torch.allclose(found["1.weight"], expected["1.weight"], atol=1e-9)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(1, 4, 3, groups=1),
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 2, groups=2)),
        nn.Sequential(nn.ConvTranspose2d(1, 4, 2), nn.ConvTranspose2d(4, 6, 2, groups=2)),
    ],
)
def test_convolutions_of_all_kinds_train_with_everything_at_once(layer, dataset, store):
    network = nn.Sequential(layer, nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))
    network(dataset.train.inputs[:1])
    recipe = Recipe(lr=0.05, steps=6, batch_size=16, **EVERY)
    run = train(network, dataset, recipe, store=store)
    assert all(value.isfinite().all() for value in run.tensors().values())


def test_labels_of_every_position_are_drawn_by_themselves(store):
    def pair(count):
        inputs = torch.randn(count, 5, 4, generator=generator())
        return inputs, (inputs.sum(-1) > 0).long()

    data = from_tensors("tags", train=pair(40), validation=pair(9), test=pair(9))
    network = nn.Sequential(nn.Linear(4, 2))
    recipe = Recipe(lr=0.1, steps=4, batch_size=10, label_noise=0.5, input_noise=0.1)
    run = train(network, data, recipe, store=store)
    assert run.done["steps"] == 4
    batches = Batches(data.train, None, recipe, Streams(0), classes=2)
    _, _, labels = batches.at(0)
    assert 0 < (labels != batches.targets_seen(0)).double().mean() < 0.5


def test_metrics_of_the_training_set_are_of_its_own_labels(dataset, store):
    """With all labels drawn anew a network that knows the right ones is still said to."""
    sure = train(small, dataset, Recipe(lr=0.3, epochs=30, batch_size=16), store=store)
    recipe = Recipe(lr=1e-9, epochs=1, batch_size=16, label_noise=1.0)
    run = train(sure.model(), dataset, recipe, store=store)
    assert rows(run)[-1]["train_accuracy"] > 0.9
    outputs = sure.model()(dataset.train.inputs)
    loss = F.cross_entropy(outputs, dataset.train.targets).item()
    assert rows(run)[-1]["train_loss"] == pytest.approx(loss, rel=1e-3)


def test_metrics_of_the_training_set_are_of_the_disturbed_network(dataset, store):
    recipe = Recipe(lr=1e-9, epochs=1, batch_size=16)
    plain = train(small, dataset, recipe, store=store)
    loud = train(small, dataset, replace(recipe, weight_noise=5.0), store=store)
    assert rows(loud)[-1]["train_loss"] > 5 * rows(plain)[-1]["train_loss"]
    assert rows(loud)[-1]["validation_loss"] == pytest.approx(rows(plain)[-1]["validation_loss"])


@pytest.mark.parametrize("option", EVERY)
def test_an_option_alone_changes_the_training(option, dataset, store):
    recipe = Recipe(lr=0.1, steps=4, batch_size=16)
    plain = train(small, dataset, recipe, store=store)
    other = train(small, dataset, replace(recipe, **{option: EVERY[option]}), store=store)
    assert plain.key != other.key
    assert content(plain) != content(other)


def two_gradients(dataset, store, seed=0, **options):
    """Those of the first two steps on the whole training set, at weights that hardly move."""
    recipe = Recipe(lr=1e-6, steps=2, batch_size=len(dataset.train), **options)
    kept = Snapshots(at=(1,))
    run = train(small, dataset, recipe, seed=seed, store=store, snapshots=kept, numerics=EXACT)
    weights = [torch.cat([v.flatten() for v in run.tensors(at).values()]) for at in (0, 1, 2)]
    return (weights[0] - weights[1]) * 1e6, (weights[1] - weights[2]) * 1e6


@pytest.mark.parametrize("option", ["input_noise", "weight_noise", "label_noise", "drop_connect"])
def test_what_is_drawn_depends_on_seed_and_step(option, dataset, store):
    first, second = two_gradients(dataset, store)
    assert torch.allclose(first, second, atol=1e-4)  # without noise they are the same
    options = {option: EVERY[option]}
    first, second = two_gradients(dataset, store, **options)
    assert not torch.allclose(first, second, atol=1e-2)
    again = two_gradients(dataset, Store(store.root / "again"), **options)
    assert torch.equal(torch.stack(again), torch.stack([first, second]))


@pytest.mark.parametrize("builder", [small, normalised])
def test_an_interrupted_training_ends_as_an_uninterrupted_one(builder, dataset, tmp_path):
    recipe = Recipe(lr=0.1, momentum=0.9, steps=12, batch_size=16, augmentation="shift", **EVERY)
    options = {"mask": half_of(builder)}
    whole = train(builder, dataset, recipe, store=Store(tmp_path / "whole"), **options)
    store = Store(tmp_path / "halves")
    with interrupted_at(7):
        train(builder, dataset, recipe, store=store, **options)
    assert content(train(builder, dataset, recipe, store=store, **options)) == content(whole)


def test_label_noise_of_real_targets_is_refused(store):
    def pair(count):
        inputs = torch.randn(count, 4, generator=generator())
        return inputs, inputs[:, :1]

    data = from_tensors("slope", train=pair(20), validation=pair(5), test=pair(5))
    with pytest.raises(ValueError, match="label_noise draws labels anew, and the targets of slope"):
        Job(
            nn.Linear(4, 1),
            data,
            Recipe(label_noise=0.1, epochs=1),
            objective=squared_error,
        )
    job = Job(
        nn.Linear(4, 1),
        data,
        Recipe(input_noise=0.1, weight_noise=0.1, drop_connect=0.1, max_norm=1.0, steps=2),
        objective=squared_error,
    )
    assert job.key


def test_input_noise_on_tokens_is_refused():
    def pair(count):
        tokens = torch.randint(0, 7, (count, 3), generator=generator())
        return tokens, tokens[:, 0] % 2

    data = from_tensors("words", train=pair(20), validation=pair(5), test=pair(5))
    network = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(12, 2))
    words = "input_noise adds real numbers to inputs, and those of words are of int64"
    with pytest.raises(ValueError, match=words):
        Job(network, data, Recipe(input_noise=0.1, epochs=1))


@pytest.mark.parametrize("option", ["weight_noise", "drop_connect"])
def test_a_network_that_trains_no_weights_is_refused(option, dataset):
    network = small()
    for name, value in network.named_parameters():
        value.requires_grad_(name.endswith("bias"))
    with pytest.raises(ValueError, match=f"{option} changes weights, .* the network trains none"):
        Job(network, dataset, Recipe(epochs=1, **{option: 0.1}))
