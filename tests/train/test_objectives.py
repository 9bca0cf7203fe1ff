"""Trainings by any objective on any data against plain loops, and what does not go together."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from surfeit.core import (
    DivergedError,
    Streams,
    binary_cross_entropy,
    cross_entropy,
    evaluate,
    hinge,
    largest_output,
    own_objective,
    parameters,
    squared_error,
)
from surfeit.models import mlp
from surfeit.store import Store
from surfeit.train import Numerics, Pruning, Recipe, Snapshots, train
from surfeit.train.gradients import DenseGradient, gradient_of
from surfeit.train.job import Job

from . import kinds
from .conftest import content, interrupted_at, make_dataset, normalised, rows, small

RECIPE = Recipe(lr=0.1, epochs=3, batch_size=16)
DOUBLE = Numerics(dtype="float64")


def huber(outputs, targets):
    return F.huber_loss(outputs, targets, delta=0.5)


def smoothed(outputs, targets):
    return F.cross_entropy(outputs, targets, label_smoothing=0.1, reduction="none")


def squares(outputs, targets):
    return (outputs - targets).square().sum() / len(outputs)


def one_hot_squares(outputs, targets):
    return squares(outputs, F.one_hot(targets, outputs.shape[1]))


def nearest_rival(outputs, targets):
    rival = outputs.masked_fill(F.one_hot(targets, outputs.shape[1]).bool(), -math.inf).amax(1)
    right = outputs[torch.arange(len(outputs)), targets]
    return (1 - right + rival).clamp_min(0).mean()


def at_all_positions(outputs, targets):
    return F.cross_entropy(outputs.transpose(1, 2), targets)


def logistic(outputs, targets):
    return F.binary_cross_entropy_with_logits(outputs.flatten(), targets.double().flatten())


def one_sided(outputs, targets):
    return (1 - outputs.flatten() * (2 * targets - 1)).clamp_min(0).mean()


narrow = partial(mlp, (8, 6))


def single(*, input_shape, classes, generator):
    return mlp((6,), input_shape=input_shape, classes=1, generator=generator)


def saturating(*, input_shape, classes, generator):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(input_shape[0], 7), nn.Tanh(), nn.Linear(7, classes))


CASES = {
    "one-hot squares of images": (make_dataset, small, squared_error, one_hot_squares),
    "hinge of images": (make_dataset, small, hinge, nearest_rival),
    "squares of a curve": (kinds.curve, narrow, squared_error, squares),
    "squares of a curve by autograd": (kinds.curve, saturating, squared_error, squares),
    "squares of a teacher's outputs": (kinds.teacher, narrow, squared_error, squares),
    "one logit": (kinds.halves, single, binary_cross_entropy, logistic),
    "one logit without an axis": (
        kinds.halves,
        kinds.by(kinds.Scalar),
        binary_cross_entropy,
        logistic,
    ),
    "hinge of one output": (kinds.halves, single, hinge, one_sided),
    "several labels": (kinds.several, narrow, binary_cross_entropy, logistic),
    "classes of tokens": (kinds.tags, kinds.by(kinds.Tagger), cross_entropy, at_all_positions),
    "signals": (kinds.waves, kinds.by(kinds.Listener), cross_entropy, F.cross_entropy),
    "a loss of one's own": (kinds.teacher, narrow, own_objective(huber), huber),
    "losses of one's own an example": (
        make_dataset,
        small,
        own_objective(smoothed, largest_output),
        lambda outputs, targets: smoothed(outputs, targets).mean(),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_training_equals_a_plain_loop(store, case):
    data, builder, objective, loss = CASES[case]
    data = data()
    run = train(builder, data, RECIPE, objective=objective, numerics=DOUBLE, store=store)
    network = builder(
        input_shape=data.input_shape, classes=data.outputs, generator=Streams(0).get("init")
    )
    losses = plain_loop(network.double(), data, loss)
    for name, value in network.named_parameters():
        assert torch.allclose(run.tensors()[name], value.detach(), rtol=1e-8, atol=1e-10), name
    found = rows(run)
    assert [row["train_loss"] for row in found[1:]] == pytest.approx(losses, rel=1e-8)
    inputs = in_double(data.test.inputs)
    last = loss(network(inputs), in_double(data.test.targets)).item()
    assert found[-1]["test_loss"] == pytest.approx(last, rel=1e-8)
    assert run.verify() == []


def plain_loop(network, data, loss):
    """Trains in place by the recipe, and gives each epoch's mean loss of its batches."""
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    inputs, targets = in_double(data.train.inputs), in_double(data.train.targets)
    losses = []
    for epoch in range(3):
        order = torch.randperm(50, generator=Streams(0).get("order", epoch))
        losses.append(0.0)
        for index in order.split(16):
            value = loss(network(inputs[index]), targets[index])
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            losses[-1] += value.item() * len(index) / 50
    return losses


def in_double(values):
    return values.double() if values.is_floating_point() else values


def columns(*names):
    return [f"{split}_{name}" for split in ("train", "validation", "test") for name in names]


@pytest.mark.parametrize(
    ("case", "names"),
    [
        ("one-hot squares of images", ("loss", "accuracy")),
        ("squares of a curve", ("loss", "r2")),
        ("one logit without an axis", ("loss", "accuracy")),
        ("several labels", ("loss", "accuracy")),
        ("classes of tokens", ("loss", "accuracy")),
        ("a loss of one's own", ("loss", "r2")),
        ("losses of one's own an example", ("loss", "accuracy")),
    ],
)
def test_metrics_are_those_that_the_targets_have(store, case, names):
    data, builder, objective, _ = CASES[case]
    run = train(builder, data(), RECIPE, objective=objective, store=store)
    assert run.metrics().column_names[3:] == columns(*names)
    expected = {f"{split}_{name}" for split in ("validation", "test") for name in names}
    assert set(run.done["best"]) == expected | {"step"}
    assert None not in run.done["best"].values()


def test_metrics_of_a_loss_of_ones_own_without_accuracy_are_losses_alone(dataset, store):
    run = train(small, dataset, RECIPE, objective=own_objective(smoothed), store=store)
    assert run.metrics().column_names[3:] == columns("loss")


def test_accuracy_of_tokens_counts_positions(store):
    data = kinds.tags()
    run = train(kinds.by(kinds.Tagger), data, RECIPE, store=store)
    model = run.model(into=kinds.Tagger())
    right = model(data.test.inputs).argmax(2) == data.test.targets
    assert right.shape == (19, 6)
    assert rows(run)[-1]["test_accuracy"] == right.double().mean().item()


def test_a_curve_is_learnt(store):
    recipe = Recipe(optimizer="adam", lr=0.02, epochs=60, batch_size=16)
    wide = partial(mlp, (24,))
    run = train(wide, kinds.curve(), recipe, objective=squared_error, store=store)
    assert rows(run)[0]["test_r2"] < 0.5 < 0.9 < rows(run)[-1]["test_r2"]
    assert run.model()(torch.tensor([[0.3]])).item() == pytest.approx(math.sin(0.9), abs=0.2)


def test_early_stopping_and_the_best_step_work_for_a_regression(store):
    recipe = Recipe(lr=0.3, momentum=0.9, epochs=80, batch_size=8, patience=3, evaluate_every=3)
    run = train(narrow, kinds.teacher(), recipe, objective=squared_error, store=store)
    assert run.done["stopped_early"]
    best = run.done["best"]
    judged = {row["step"]: row["validation_loss"] for row in rows(run)}
    assert judged[best["step"]] == min(judged.values())
    assert set(best) == {"step", *columns("loss", "r2")[2:]}


def test_the_test_score_of_a_best_step_within_an_epoch_is_measured(store):
    data = kinds.teacher()
    recipe = replace(RECIPE, lr=0.3, momentum=0.9, evaluate_every=1)
    kept = Snapshots(per_decade=40)
    run = train(narrow, data, recipe, objective=squared_error, store=store, snapshots=kept)
    best = run.done["best"]
    assert best["step"] % 4, "an epoch's end is measured anyhow"
    tensors = run.tensors(best["step"])
    expected = evaluate(run.model(), tensors, data.test, squared_error)
    assert best["test_loss"] == pytest.approx(expected.loss, rel=1e-6)
    assert best["test_r2"] == pytest.approx(expected.r2, rel=1e-6)


@pytest.mark.parametrize("case", ["squares of a curve", "classes of tokens", "one logit"])
@pytest.mark.parametrize("step", [3, 6])
def test_an_interrupted_training_ends_bit_for_bit_as_if_it_had_not_been(tmp_path, case, step):
    data, builder, objective, _ = CASES[case]
    recipe = Recipe(optimizer="adam", lr=0.02, epochs=3, batch_size=16, patience=2)
    go = partial(train, builder, data(), recipe, objective=objective)
    whole = go(store=Store(tmp_path / "whole"))
    with interrupted_at(step):
        go(store=Store(tmp_path / "broken"))
    run = go(store=Store(tmp_path / "broken"))
    assert content(run) == content(whole)
    assert run.done["best"] == whole.done["best"]


def test_a_regression_that_diverges_says_so(store):
    with pytest.raises(DivergedError, match=r"the loss is nan. Lower the learning rate"):
        train(
            narrow,
            kinds.curve(),
            replace(RECIPE, lr=1e30),
            objective=squared_error,
            store=store,
        )


GOLDEN = [
    (small, {}, "25787e9153899f77c7acaaf46e9ac8ec284ae76736d9f683fd5e684fef0ded9e"),
    (
        normalised,
        {"recipe": replace(RECIPE, optimizer="adam", lr=0.01)},
        "8b004ebdc85aaca8585bfb5047fe0803802c85b7f5a9af1de7a31c35e9fd4faf",
    ),
]


@pytest.mark.parametrize(("builder", "options", "key"), GOLDEN)
def test_keys_of_trainings_by_cross_entropy_never_change(dataset, builder, options, key):
    recipe = options.get("recipe", RECIPE)
    job = Job(builder, dataset, recipe, 3, None, Numerics())
    assert job.key == key
    assert replace(job, objective=cross_entropy).key == key


def test_each_objective_has_a_key_of_its_own(dataset):
    job = Job(small, dataset, RECIPE, 0, None, Numerics())
    others = [squared_error, hinge, own_objective(smoothed)]
    keys = {replace(job, objective=one).key for one in (cross_entropy, *others)}
    assert len(keys) == 4
    config = replace(job, objective=squared_error).identity["config"]
    assert config["objective"] == "squared_error"
    mine = replace(job, objective=own_objective(smoothed)).identity["config"]["objective"]
    assert mine["function"].endswith("test_objectives.smoothed")
    assert len(mine["source"]) == 64


@pytest.mark.parametrize("widths", [(), (5,), (6, 5)])
@pytest.mark.parametrize("real", [True, False])
def test_the_closed_form_of_the_squared_error_equals_autograd(widths, real):
    model = mlp(widths, input_shape=(9,), classes=4).double()
    room = torch.empty(16, 4, dtype=torch.float64)
    gradient = gradient_of(model, squared_error, parameters(model), room)
    assert isinstance(gradient, DenseGradient)
    for count in (16, 3, 16, 1):
        generator = Streams(count).get("batch")
        inputs = torch.randn(count, 9, generator=generator).double()
        targets = torch.randn(count, 4, generator=generator).double()
        targets = targets if real else targets.argmax(1)
        found = gradient(parameters(model), {}, inputs, targets, room[:count])
        model.zero_grad()
        squared_error.loss(model(inputs), targets).backward()
        for grad, value in zip(found, model.parameters(), strict=True):
            assert torch.allclose(grad, value.grad, rtol=1e-12, atol=1e-14)


def test_objectives_without_a_closed_form_and_layers_along_an_axis_go_by_autograd():
    model = mlp((5,), input_shape=(9,), classes=4)
    one, positions = torch.empty(16, 4), torch.empty(16, 6, 4)
    assert not isinstance(gradient_of(model, hinge, parameters(model), one), DenseGradient)
    along = nn.Sequential(nn.Linear(9, 4))
    found = gradient_of(along, cross_entropy, parameters(along), positions)
    assert not isinstance(found, DenseGradient)


def test_a_layer_along_positions_is_trained_at_each_of_them(store):
    def pair(n, source):
        return torch.randn(n, 6, 4, generator=source), torch.randint(0, 3, (n, 6), generator=source)

    data = kinds.made("places", pair)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    run = train(model, data, RECIPE, store=store, numerics=DOUBLE)
    plain_loop(model.double(), data, at_all_positions)
    for name, value in model.named_parameters():
        assert torch.allclose(run.tensors()[name], value.detach(), rtol=1e-8, atol=1e-10)


class Backbone(nn.Module):
    """A convolution with batch normalisation below a head."""

    def __init__(self, generator=None):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(64, 3)
        kinds._draw(self, generator)

    def forward(self, images):
        return self.head(self.norm(self.conv(images)).relu().flatten(1))


def frozen_below(*, input_shape=None, classes=None, generator=None):
    model = Backbone(generator)
    model.conv.requires_grad_(False)
    model.norm.requires_grad_(False)
    return model


BELOW = ["conv.weight", "conv.bias", "norm.weight", "norm.bias"]
PENALISED = [
    Recipe(lr=0.1, momentum=0.9, weight_decay=0.1, l1=0.1, clip_norm=0.5, epochs=3, batch_size=16),
    Recipe(optimizer="adamw", lr=0.1, weight_decay=0.1, epochs=3, batch_size=16),
]


@pytest.mark.parametrize("recipe", PENALISED, ids=lambda recipe: recipe.optimizer)
def test_frozen_parameters_stay_what_they_were_to_the_last_bit(dataset, store, recipe):
    run = train(frozen_below, dataset, recipe, store=store)
    first, last = run.tensors(0), run.tensors()
    for name in BELOW:
        assert torch.equal(first[name], last[name])
    assert not torch.equal(first["head.weight"], last["head.weight"])
    # As in PyTorch's training mode.
    assert not torch.equal(first["norm.running_mean"], last["norm.running_mean"])


def test_a_frozen_backbone_trains_its_head_as_a_plain_loop_does(dataset, store):
    recipe = Recipe(lr=0.1, momentum=0.9, weight_decay=0.1, clip_norm=0.5, epochs=3, batch_size=16)
    run = train(frozen_below, dataset, recipe, store=store, numerics=DOUBLE)
    model = frozen_below(generator=Streams(0).get("init")).double()
    head = list(model.head.parameters())
    optimiser = torch.optim.SGD(head, lr=0.1, momentum=0.9, weight_decay=0.1)
    for epoch in range(3):
        for index in torch.randperm(50, generator=Streams(0).get("order", epoch)).split(16):
            outputs = model(dataset.train.images[index].double())
            optimiser.zero_grad()
            F.cross_entropy(outputs, dataset.train.labels[index]).backward()
            nn.utils.clip_grad_norm_(head, 0.5)
            optimiser.step()
    assert torch.allclose(run.tensors()["head.weight"], model.head.weight.detach(), atol=1e-9)
    assert torch.allclose(run.tensors()["norm.running_var"], model.norm.running_var, atol=1e-9)


def test_what_is_frozen_is_named_in_the_run_and_its_key(dataset, store):
    run = train(frozen_below, dataset, RECIPE, store=store)
    assert run.about["frozen"] == BELOW
    assert run.config["frozen"] == sorted(BELOW)
    free = train(
        lambda *, input_shape, classes, generator: Backbone(generator), dataset, RECIPE, store=store
    )
    assert "frozen" not in free.about
    assert "frozen" not in free.config
    assert free.key != run.key

    def less(*, input_shape, classes, generator):
        model = frozen_below(generator=generator)
        model.norm.requires_grad_(True)
        return model

    assert Job(less, dataset, RECIPE, 0, None, Numerics()).key not in (run.key, free.key)


def test_a_masked_frozen_weight_is_exactly_zero_and_the_rest_stays(dataset, store):
    generator = Streams(0).get("mask")
    mask = {
        "conv.weight": torch.rand(4, 1, 3, 3, generator=generator) > 0.5,
        "head.weight": torch.rand(3, 64, generator=generator) > 0.5,
    }
    run = train(frozen_below, dataset, PENALISED[0], mask=mask, store=store)
    first = frozen_below(generator=Streams(0).get("init"))
    for step in run.steps():
        tensors = run.tensors(step)
        for name, kept in mask.items():
            assert not tensors[name][~kept].any()
        expected = first.conv.weight.detach() * mask["conv.weight"]
        assert torch.equal(tensors["conv.weight"], expected)
    assert run.tensors()["head.weight"][mask["head.weight"]].all()


def test_frozen_dense_layers_are_trained_around(dataset, store):
    model = small(generator=Streams(0).get("init"))
    model.fc2.requires_grad_(False)
    run = train(model, dataset, RECIPE, store=store, numerics=DOUBLE)
    assert torch.equal(run.tensors()["fc2.weight"], model.fc2.weight.detach().double())
    plain = model.double()
    optimiser = torch.optim.SGD([p for p in plain.parameters() if p.requires_grad], lr=0.1)
    for epoch in range(3):
        for index in torch.randperm(50, generator=Streams(0).get("order", epoch)).split(16):
            optimiser.zero_grad()
            outputs = plain(dataset.train.images[index].double())
            F.cross_entropy(outputs, dataset.train.labels[index]).backward()
            optimiser.step()
    assert torch.allclose(run.tensors()["fc1.weight"], plain.fc1.weight.detach(), atol=1e-9)


def test_a_frozen_training_is_pruned_and_resumed_bit_for_bit(dataset, tmp_path):
    pruning = Pruning(moments=((4, 0.5), (8, 0.25)))
    go = partial(train, frozen_below, dataset, PENALISED[0], pruning=pruning)
    whole = go(store=Store(tmp_path / "whole"))
    with interrupted_at(6):
        go(store=Store(tmp_path / "broken"))
    assert content(go(store=Store(tmp_path / "broken"))) == content(whole)
    kept = whole.mask_at()["conv.weight"]
    assert not whole.tensors()["conv.weight"][~kept].any()
    assert torch.equal(whole.tensors()["conv.weight"][kept], whole.tensors(0)["conv.weight"][kept])


class Shifty(nn.Module):
    """Gives other outputs in training than in evaluation."""

    def __init__(self, training_outputs):
        super().__init__()
        self.fc = nn.Linear(16, 3)
        self.given = training_outputs

    def forward(self, images):
        outputs = self.fc(images.flatten(1))
        return self.given(outputs) if self.training else outputs


def broken(*, input_shape, classes, generator):
    model = small(generator=generator)
    with torch.no_grad():
        model.fc3.bias.fill_(float("nan"))
    return model


def two_outputs(*, input_shape, classes, generator):
    return mlp((6,), input_shape=input_shape, classes=2, generator=generator)


@pytest.mark.parametrize(
    ("model", "data", "options", "words"),
    [
        (small, make_dataset, {"objective": "squared_error"}, "must be an Objective, got 'squared"),
        (
            small,
            make_dataset,
            {"objective": replace(cross_entropy, judge=lambda outputs, targets: targets > 0)},
            "'cross_entropy' is none of the library's, and no key can stand for its functions",
        ),
        (small, make_dataset, {"objective": huber}, r"pass .* or own_objective\(function\)"),
        (narrow, kinds.curve, {}, "needs labels, int64, .*: use squared_error for real numbers"),
        (
            two_outputs,
            kinds.curve,
            {"objective": squared_error},
            r"of shape \[1, 1\] .*curve has 1 outputs, the network gives .* \[1, 2\] for one exam",
        ),
        (single, kinds.halves, {}, "one output cannot tell classes apart"),
        (small, make_dataset, {"objective": binary_cross_entropy}, r"of shape \[1, 1\] or \[1\]"),
        (
            kinds.by(kinds.Tagger),
            kinds.waves,
            {},
            r"does not take examples of shape \[2, 16\] as waves has them",
        ),
        (broken, make_dataset, {}, "outputs must be finite, but 1 of 1 hold NaN"),
        (
            Shifty(lambda outputs: outputs[:, :1]),
            make_dataset,
            {},
            r"outputs of shape \[16, 1\] in training mode and \[16, 3\] in evaluation mode",
        ),
        (Shifty(lambda outputs: (outputs, None)), make_dataset, {}, "got a tuple of 2: wrap it"),
        (
            narrow,
            kinds.curve,
            {"recipe": replace(RECIPE, augmentation="shift"), "objective": squared_error},
            "augmentation 'shift' moves images, .* curve holds examples of 1: leave it None",
        ),
        (
            small,
            make_dataset,
            {"objective": hinge, "pruning": Pruning(moments=((4, 0.5),), score="obd")},
            "obd knows the curvature of cross_entropy and squared_error, the training minimises hi",
        ),
    ],
)
def test_what_does_not_go_together_is_told_in_words(store, model, data, options, words):
    with pytest.raises(ValueError, match=words):
        train(model, data(), store=store, **{"recipe": RECIPE, **options})
