"""Pruning while training: gradual, at a moment, by weight and by unit."""

import copy
import os

import pytest
import torch
from torch import nn

from surfeit.core import CollapseError, ProtocolError, Streams, digest, hinge, squared_error
from surfeit.models import Structure
from surfeit.prune import (
    alive_units,
    check_nested,
    densities,
    density,
    full_mask,
    global_mask,
    uniform_mask,
    unit_mask,
    unit_score_names,
)
from surfeit.prune.schedules import at_step, cubic
from surfeit.prune.scores import SCORES
from surfeit.store import Store
from surfeit.train import Origin, Pruning, Recipe, Snapshots, train
from surfeit.train.course import Course
from surfeit.train.masking import HeldMask
from surfeit.train.state import State

from ..oracles.removal import NETWORKS, built
from .conftest import content, interrupted_at, normalised, rows, small
from .kinds import curve, halves, made

RECIPE = Recipe(optimizer="adam", lr=0.01, weight_decay=0.1, epochs=5, batch_size=16)
GRADUAL = Pruning(moments=cubic(0.2, begin=4, end=16, every=3))
EVERY = Snapshots(per_decade=40)


@pytest.mark.parametrize("builder", [small, normalised])
def test_gradual_pruning_follows_its_schedule_and_never_gives_back(dataset, store, builder):
    run = train(builder, dataset, RECIPE, pruning=GRADUAL, store=store, snapshots=EVERY)
    before = full_mask(builder())
    for step in run.steps():
        mask = run.mask_at(step) or before
        check_nested(mask, before)
        wanted = min([d for s, d in GRADUAL.moments if s <= step], default=1.0)
        total = sum(kept.numel() for kept in mask.values())
        assert abs(density(mask) - wanted) * total <= 0.5 + 1e-9
        weights = run.tensors(step)
        assert all(not weights[name][~kept].any() for name, kept in mask.items())
        before = mask
    assert density(run.mask_at()) == pytest.approx(0.2, abs=0.01)
    found = {row["step"]: row["density"] for row in rows(run)}
    assert found[0] == 1.0
    assert found[20] == density(run.mask_at())
    assert run.verify() == []


def test_the_mask_of_a_moment_is_that_of_the_weights_as_they_were(dataset, store):
    moment = Pruning(moments=at_step(7, 0.3))
    plain = train(small, dataset, RECIPE, store=store, snapshots=EVERY)
    run = train(small, dataset, RECIPE, pruning=moment, store=store, snapshots=EVERY)
    assert run.key != plain.key
    assert digest(run.tensors(6)) == digest(plain.tensors(6))
    weights = plain.tensors(7)
    scores = {name: weights[name].abs() for name in full_mask(small())}
    assert digest(run.mask_at(7)) == digest(global_mask(scores, 0.3))
    assert run.mask_at(6) == {}


def test_whole_units_go_with_their_biases(dataset, store):
    units = Pruning(
        moments=cubic(0.5, begin=4, end=8, every=4), score="filter_norm", granularity="unit"
    )
    run = train(normalised, dataset, RECIPE, pruning=units, store=store)
    mask = run.mask_at()
    gone = ~mask["0.bias"]
    assert int(gone.sum()) == 2
    model = run.model(into=normalised())
    outputs = model[:3](dataset.test.images)
    assert not outputs[:, gone].any()
    assert outputs[:, ~gone].any()


@pytest.mark.parametrize("score", SCORES)
def test_every_score_of_weights_prunes(dataset, store, score):
    pruning = Pruning(moments=at_step(3, 0.5), score=score, images=20, allocation="uniform")
    run = train(small, dataset, Recipe(lr=0.1, steps=4), pruning=pruning, store=store)
    assert density(run.mask_at()) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("score", unit_score_names())
def test_every_score_of_units_prunes(dataset, store, score):
    pruning = Pruning(
        moments=at_step(0, 0.5), score=score, granularity="unit", images=20, allocation="uniform"
    )
    run = train(small, dataset, Recipe(lr=0.1, steps=4), pruning=pruning, store=store)
    mask = run.mask_at()
    kept = [int(mask[f"{name}.weight"].any(1).sum()) for name in ("fc1", "fc2", "fc3")]
    assert sum(kept[:2]) == 7
    assert kept[2] == 3


def test_an_interrupted_pruning_ends_the_same(dataset, tmp_path):
    random = Pruning(moments=GRADUAL.moments, score="random")
    whole = train(small, dataset, RECIPE, pruning=random, store=Store(tmp_path / "whole"))
    for step in (1, 8, 13):
        with interrupted_at(step):
            train(small, dataset, RECIPE, pruning=random, store=Store(tmp_path / "broken"))
    run = train(small, dataset, RECIPE, pruning=random, store=Store(tmp_path / "broken"))
    assert content(run) == content(whole)
    assert digest(run.mask_at()) == digest(whole.mask_at())
    assert run.done["files"].keys() == whole.done["files"].keys()


def test_a_training_killed_after_a_mask_was_written_and_before_a_checkpoint_ends_the_same(
    dataset, tmp_path, monkeypatch
):
    random = Pruning(moments=GRADUAL.moments, score="random")
    whole = train(small, dataset, RECIPE, pruning=random, store=Store(tmp_path / "whole"))
    prune, restore = Course.prune, State.restore_

    def killed(self):
        prune(self)
        if self.state.step == 9:
            self._writer.checkpoint(*self.state.saved())
        if self.state.step == 13:
            assert (self._writer.folder / "masks" / "13.safetensors").exists()
            raise KeyboardInterrupt

    monkeypatch.setattr(Course, "prune", killed)
    with pytest.raises(KeyboardInterrupt):
        train(small, dataset, RECIPE, pruning=random, store=Store(tmp_path / "broken"))
    monkeypatch.setattr(Course, "prune", prune)
    began = []
    monkeypatch.setattr(
        State, "restore_", lambda self, *saved: (restore(self, *saved), began.append(self.step))
    )
    run = train(small, dataset, RECIPE, pruning=random, store=Store(tmp_path / "broken"))
    assert began == [9], "it did not go on from the checkpoint at step 9"
    assert content(run) == content(whole)
    assert run.done["files"].keys() == whole.done["files"].keys()
    for step in (8, 10, 13):
        assert digest(run.mask_at(step)) == digest(whole.mask_at(step))


def test_a_mask_that_is_missing_at_the_checkpoint_is_written_again(dataset, tmp_path):
    whole = train(small, dataset, RECIPE, pruning=GRADUAL, store=Store(tmp_path / "whole"))
    broken = Store(tmp_path / "broken")
    with interrupted_at(13):
        train(small, dataset, RECIPE, pruning=GRADUAL, store=broken)
    (broken.runs()[0].path / "masks" / "10.safetensors").unlink()
    run = train(small, dataset, RECIPE, pruning=GRADUAL, store=Store(tmp_path / "broken"))
    assert content(run) == content(whole)
    assert digest(run.mask_at(10)) == digest(whole.mask_at(10))


def test_each_moment_draws_anew(dataset, store, monkeypatch):
    seeds, choose = [], Pruning.choose

    def seen(self, *args, generator, **kwargs):
        seeds.append(generator.initial_seed())
        return choose(self, *args, generator=generator, **kwargs)

    monkeypatch.setattr(Pruning, "choose", seen)
    train(small, dataset, RECIPE, pruning=GRADUAL, store=store)
    assert len(set(seeds)) == len(GRADUAL.moments)


def test_a_score_has_one_key_however_its_name_is_written(dataset, store):
    dashes = Pruning(moments=at_step(3, 0.5), score="large-final")
    assert dashes == Pruning(moments=at_step(3, 0.5))
    recipe = Recipe(lr=0.1, steps=4)
    runs = [
        train(small, dataset, recipe, pruning=pruning, store=store)
        for pruning in (dashes, Pruning(moments=at_step(3, 0.5)))
    ]
    assert runs[0].key == runs[1].key


def test_pruning_stays_within_a_mask_and_begins_where_it_is_told(dataset, store):
    generator = Streams(0).get("mask")
    mask = {
        n: torch.rand(k.shape, generator=generator) < 0.6 for n, k in full_mask(small()).items()
    }
    later = Pruning(moments=at_step(10, 0.1))
    run = train(
        small, dataset, RECIPE, mask=mask, pruning=later, origin=Origin(step=9), store=store
    )
    check_nested(run.mask_at(), mask)
    assert digest(run.mask_at(9)) == digest(mask)
    assert density(run.mask_at()) == pytest.approx(0.1, abs=0.01)


def test_a_pruning_that_gives_back_is_an_error():
    params = {"w": torch.ones(4, 4)}
    held = HeldMask({"w": torch.eye(4) > 0}, params, ["w"])
    with pytest.raises(ProtocolError, match="12 weights of 'w' that were removed are kept again"):
        held.shrink_({"w": torch.ones(4, 4) > 0})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"moments": ()}, "at least one pair"),
        ({"moments": ((3, 1.5),)}, r"density must be in \(0, 1\], got 1.5"),
        ({"moments": ((-3, 0.5),)}, "a moment's step must be an integer >= 0, got -3"),
        ({"moments": ((3, 0.5), (3, 0.4))}, "rising steps and falling densities"),
        ({"moments": ((3, 0.5), (4, 0.6))}, "rising steps and falling densities"),
        ({"score": "large_fina"}, "did you mean 'large_final'"),
        ({"score": "large_final", "granularity": "unit"}, "no unit score 'large_final'"),
        ({"allocation": "globe"}, "did you mean 'global'"),
        ({"granularity": "filter"}, "no granularity 'filter'"),
        ({"images": 0}, "images must be an integer >= 1, got 0"),
    ],
)
def test_pruning_error_says_what_was_given(options, words):
    with pytest.raises(ValueError, match=words):
        Pruning(**({"moments": at_step(3, 0.5)} | options))


def test_a_moment_outside_the_training_is_refused_before_anything_is_written(dataset, store):
    late = Pruning(moments=at_step(21, 0.5))
    with pytest.raises(ValueError, match="from step 0 to 20 cannot prune at step 21"):
        train(small, dataset, RECIPE, pruning=late, store=store)
    assert not os.listdir(store.root)


@pytest.mark.parametrize("allocation", ["global", "uniform", "erk"])
@pytest.mark.parametrize("granularity", ["weight", "unit"])
def test_keeping_more_than_the_mask_does_is_refused_before_anything_is_written(
    dataset, store, allocation, granularity
):
    first = full_mask(small())
    if granularity == "weight":
        generator, score = Streams(0).get("mask"), "large_final"
        mask = {n: torch.rand(k.shape, generator=generator) < 0.4 for n, k in first.items()}
    else:
        mask, score = unit_mask(small(), {"fc1": range(5), "fc2": range(4)}), "filter_norm"
    greedy = Pruning(
        moments=at_step(15, 0.9), allocation=allocation, granularity=granularity, score=score
    )
    with pytest.raises(ValueError, match="but the mask keeps only"):
        train(small, dataset, RECIPE, mask=mask, pruning=greedy, store=store)
    assert not os.listdir(store.root)


def test_units_that_cannot_be_removed_are_refused_before_anything_is_written(dataset, store):
    model = nn.Sequential(
        *(nn.Flatten(), nn.Linear(16, 8), nn.Sigmoid(), nn.LayerNorm(8), nn.Linear(8, 3))
    )
    units = Pruning(moments=at_step(15, 0.5), score="filter_norm", granularity="unit")
    with pytest.raises(ValueError, match="a mask of weights cannot remove units of layer '1'"):
        train(model, dataset, RECIPE, pruning=units, store=store)
    assert not os.listdir(store.root)


def test_a_pruning_that_would_empty_a_layer_names_it(dataset, store):
    with pytest.raises(CollapseError, match=r"fc\d"):
        train(
            small,
            dataset,
            RECIPE,
            pruning=Pruning(moments=at_step(1, 0.004), score="small_final"),
            store=store,
        )


def test_the_mask_of_a_moment_has_the_parameters_that_the_training_was_masked_in(dataset, store):
    mask = {**full_mask(small()), "fc1.bias": torch.arange(8) < 5}
    run = train(small, dataset, RECIPE, mask=mask, pruning=GRADUAL, store=store)
    assert digest({"fc1.bias": run.mask_at()["fc1.bias"]}) == digest({"fc1.bias": mask["fc1.bias"]})
    assert run.mask_at().keys() == mask.keys()


def test_a_training_that_prunes_is_judged_from_its_last_pruning_on(dataset, store):
    overfits = Recipe(lr=1.0, epochs=20, batch_size=16, patience=2)
    late = Pruning(moments=((4, 0.9), (60, 0.1)))
    plain = train(small, dataset, overfits, store=store)
    assert plain.done["steps"] < 60, "the test would not see a training that stops too early"
    run = train(small, dataset, overfits, pruning=late, store=store)
    losses = {row["step"]: row["validation_loss"] for row in rows(run)}
    judged = {step: loss for step, loss in losses.items() if step >= 60}
    assert min(losses, key=losses.__getitem__) < 60, "nor one that reports a denser network"
    assert run.done["best"]["step"] == min(judged, key=judged.__getitem__)
    assert run.done["steps"] == run.done["best"]["step"] + 8


ANYWHERE = [
    *("HeadFirst", "GatedUnits", "TwoHeads", "Residual", "PreActivation"),
    *("Concatenating", "SqueezeExcitation", "DepthwiseSeparable", "Grouped", "Lstm", "Gru"),
]


@pytest.mark.parametrize("name", ANYWHERE)
def test_units_go_whole_in_any_network(name, store):
    data, model = made_for(name)
    units = Pruning(
        moments=((1, 0.8), (2, 0.6)), score="filter_norm", granularity="unit", allocation="uniform"
    )
    run = train(model, data, Recipe(lr=0.05, steps=4, batch_size=8), pruning=units, store=store)
    mask, weights = run.mask_at(), run.tensors(4)
    assert all(not weights[one][~kept].any() for one, kept in mask.items())
    trained = run.model(into=copy.deepcopy(model)).eval()
    alive = alive_units(trained, mask)
    structure = Structure.of(trained, data.train.inputs[:1])
    for output in structure.outputs:
        assert alive[output].all()
    keep = {layer: alive[layer].float() for layer in model.removable}
    for layer, others in model.removable.items():
        assert 0 < int(keep[layer].sum()) < len(keep[layer]), layer
        assert all(torch.equal(alive[other], alive[layer]) for other in others)
    with torch.no_grad():
        expected = trained.without(data.test.inputs, keep)
        torch.testing.assert_close(trained(data.test.inputs), expected, rtol=1e-4, atol=1e-5)


def test_units_that_a_layer_reads_of_itself_behind_a_sigmoid_are_refused(store):
    data, model = made_for("UsedTwice")
    units = Pruning(moments=at_step(1, 0.5), score="filter_norm", granularity="unit")
    with pytest.raises(ValueError, match="a mask of weights cannot remove units of layer 'shared'"):
        train(model, data, Recipe(lr=0.05, steps=4), pruning=units, store=store)


def made_for(name):
    """Drawn inputs and labels that fit a network of the oracles, and that network."""
    model, examples = built(NETWORKS[name])
    model = model.float().train()
    outputs = model(examples.float())

    def pair(n, source):
        inputs = torch.randn((n, *examples.shape[1:]), generator=source)
        return inputs, torch.randint(
            0, outputs.shape[-1], (n, *outputs.shape[1:-1]), generator=source
        )

    return made(name, pair), model


@pytest.mark.parametrize("score", ["snip", "grasp", "taylor", "obd", "obs", "taylor_unit"])
def test_scores_of_a_regression_are_of_its_loss(score, store):
    granularity = "unit" if score == "taylor_unit" else "weight"
    model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    pruning = Pruning(
        moments=at_step(3, 0.5), score=score, granularity=granularity, allocation="uniform"
    )
    run = train(
        model,
        curve(),
        Recipe(lr=0.05, steps=5),
        pruning=pruning,
        objective=squared_error,
        store=store,
    )
    weights = {n: k for n, k in run.mask_at(3).items() if k.dim() > 1}
    assert densities(weights)["0.weight"] == 0.5
    if score == "snip":
        before = train(
            model,
            curve(),
            Recipe(lr=0.05, steps=5),
            objective=squared_error,
            store=store,
            snapshots=EVERY,
        ).model(3, into=copy.deepcopy(model))
        split = curve().train
        loss = squared_error.loss(before(split.inputs), split.targets)
        own = [before[0].weight, before[2].weight]
        grads = torch.autograd.grad(loss, own)
        scores = {n: (g * w).abs() for n, g, w in zip(weights, grads, own, strict=True)}
        expected = uniform_mask({n: s.detach() for n, s in scores.items()}, 0.5)
        assert digest(expected) == digest(weights)


def test_curvature_of_another_loss_is_refused_before_anything_is_written(store):
    model = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1))
    pruning = Pruning(moments=at_step(3, 0.5), score="obd")
    with pytest.raises(ValueError, match="the training minimises hinge: choose another score"):
        train(
            model, halves(), Recipe(lr=0.1, steps=4), pruning=pruning, objective=hinge, store=store
        )
    assert not os.listdir(store.root)


def test_units_of_a_network_that_cannot_be_followed_are_refused_with_the_reason(dataset, store):
    class Drawn(nn.Sequential):
        def forward(self, x):
            x = nn.functional.dropout(self[1](self[0](x)))
            return self[2](x)

    model = Drawn(nn.Flatten(), nn.Linear(16, 8), nn.Linear(8, 3))
    recipe, by_weight = Recipe(lr=0.1, steps=4), Pruning(moments=at_step(3, 0.5))
    run = train(model, dataset, recipe, pruning=by_weight, store=store)
    assert density(run.mask_at()) == pytest.approx(0.5, abs=0.01)
    units = Pruning(moments=at_step(3, 0.5), score="filter_norm", granularity="unit")
    with pytest.raises(ValueError, match="gives other numbers when it is run again"):
        train(model, dataset, recipe, pruning=units, store=store)


def test_frozen_layers_are_pruned_and_not_trained(dataset, store):
    model = small()
    model.fc1.requires_grad_(False)
    run = train(model, dataset, RECIPE, pruning=GRADUAL, store=store)
    first, last = run.tensors(0), run.tensors(20)
    kept = run.mask_at()["fc1.weight"]
    assert torch.equal(last["fc1.weight"], torch.where(kept, first["fc1.weight"], 0.0))
    assert not kept.all()
