"""Options of a pruning's score: what they do, when they are refused, what stands in keys."""

import pytest
import torch
from torch import nn

from surfeit.core import Streams, digest, squared_error
from surfeit.prune import global_mask
from surfeit.prune.schedules import at_step
from surfeit.prune.scores import Evidence, grasp, score_named, snip, taylor
from surfeit.train import Numerics, Pruning, Recipe, Snapshots, train
from surfeit.train.job import Job

from .conftest import normalised, small
from .kinds import curve

RECIPE = Recipe(optimizer="adam", lr=0.01, epochs=2, batch_size=16)


def job(dataset, pruning, model=small):
    return Job(model, dataset, RECIPE, 0, None, Numerics(), pruning=pruning)


def in_key(dataset, model=small, **settings):
    pruning = Pruning(moments=at_step(2, 0.5), **settings)
    return job(dataset, pruning, model).identity["config"]["pruning"]


PLAIN = {
    "allocation": "global",
    "granularity": "weight",
    "images": 1000,
    "moments": [[2, 0.5]],
    "score": "large_final",
}


@pytest.mark.parametrize("model", [small, normalised])
def test_keys_of_scores_that_mean_what_they_did_stay_as_they_were(dataset, model):
    assert in_key(dataset, model) == PLAIN
    for score in ("obd", "obs", "movement", "random", "synflow"):
        assert in_key(dataset, model, score=score) == PLAIN | {"score": score}


def test_keys_say_which_scores_mean_something_else_than_before(dataset):
    assert in_key(dataset, score="taylor") == PLAIN | {"score": "taylor", "semantics": 2}
    units = {"granularity": "unit", "score": "taylor_unit"}
    assert in_key(dataset, **units) == PLAIN | units | {"semantics": 2}
    for score in ("snip", "grasp"):
        assert in_key(dataset, score=score) == PLAIN | {"score": score}
        changed = PLAIN | {"score": score, "semantics": 2}
        assert in_key(dataset, normalised, score=score) == changed


def test_keys_hold_the_options_that_are_not_as_by_default(dataset):
    hot = in_key(dataset, score="grasp", options={"temperature": 200})
    assert hot == PLAIN | {"score": "grasp", "options": {"temperature": 200.0}}
    plain = PLAIN | {"score": "grasp"}
    assert in_key(dataset, score="grasp", options={"temperature": 1}) == plain
    assert in_key(dataset, score="grasp", options={"mode": "training"}) == plain
    evaluated = in_key(dataset, score="grasp", options={"mode": "evaluation"})
    assert evaluated == plain | {"options": {"mode": "evaluation"}}
    a, b = ({"temperature": 2, "mode": "evaluation"}, {"mode": "evaluation", "temperature": 2.0})
    moments = at_step(2, 0.5)
    first, second = (Pruning(moments=moments, score="grasp", options=one) for one in (a, b))
    assert first == second
    assert hash(first) == hash(second)


def masked_by(run, score, step, dataset, images, model):
    before = run.model(step, into=model())
    drawn = torch.randperm(len(dataset.train), generator=Streams(0).get("pruning", step))[:images]
    evidence = Evidence(before, split=dataset.train[drawn])
    return global_mask(score(evidence), 0.5)


@pytest.mark.parametrize("step", [0, 3])
@pytest.mark.parametrize(
    ("name", "options", "score"),
    [
        ("snip", {}, lambda e: snip(e, mode="training")),
        ("snip", {"mode": "evaluation"}, lambda e: snip(e, mode="evaluation")),
        (
            "grasp",
            {"temperature": 200},
            lambda e: grasp(e, temperature=200.0, mode="training"),
        ),
        ("taylor", {"minibatch": 3}, lambda e: taylor(e, minibatch=3)),
    ],
)
def test_trainings_prune_by_the_score_with_its_options(dataset, store, step, name, options, score):
    pruning = Pruning(moments=at_step(step, 0.5), score=name, images=20, options=options)
    every = Snapshots(per_decade=40)
    plain = train(normalised, dataset, RECIPE, store=store, snapshots=every)
    run = train(normalised, dataset, RECIPE, store=store, snapshots=every, pruning=pruning)
    expected = masked_by(plain, score, step, dataset, 20, normalised)
    assert digest(run.mask_at(step)) == digest(expected)


@pytest.mark.parametrize(
    ("score", "options", "words"),
    [
        ("grasp", {"temprature": 2}, r"no option of grasp 'temprature': did you mean 'temper"),
        ("large_final", {"mode": "training"}, r"the score large_final has no options, got mode="),
        ("grasp", {"temperature": 0}, "temperature must be finite and > 0, got 0"),
        ("grasp", {"temperature": "hot"}, "temperature must be finite and > 0, got 'hot'"),
        ("snip", {"mode": "train"}, "no mode 'train'"),
        ("snip", {"mode": None}, "no mode 'None'"),
        ("taylor", {"minibatch": 0}, "minibatch must be an integer >= 1"),
        ("obs", {"damping": 0}, "damping must be > 0, got 0"),
    ],
)
def test_options_that_a_score_does_not_take_are_refused_before_a_training(score, options, words):
    with pytest.raises(ValueError, match=words):
        Pruning(moments=at_step(2, 0.5), score=score, options=options)
    with pytest.raises(ValueError, match=words):
        score_named(score, **options)


def test_what_a_loss_or_a_network_does_not_allow_is_refused_before_a_training(dataset):
    hot = Pruning(moments=at_step(2, 0.5), score="grasp", options={"temperature": 200})
    model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    with pytest.raises(ValueError, match="divides the logits"):
        Job(model, curve(), RECIPE, 0, None, Numerics(), pruning=hot, objective=squared_error)
    single = Pruning(moments=at_step(2, 0.5), score="snip", images=1)
    with pytest.raises(ValueError, match=r"snip normalises by the statistics.*raise images"):
        job(dataset, single, normalised)
    job(dataset, single)
    job(
        dataset,
        Pruning(moments=at_step(2, 0.5), score="snip", images=1, options={"mode": "evaluation"}),
        normalised,
    )
