"""Trainings of a stack: as alone up to rounding, and the same bits whoever trains beside them."""

import multiprocessing
import random
import time
from dataclasses import replace
from functools import partial

import pytest
import torch

from surfeit.core import (
    DivergedError,
    ProtocolError,
    Streams,
    digest,
    hinge,
    squared_error,
)
from surfeit.data import from_tensors, with_label_noise
from surfeit.models import mlp
from surfeit.prune.schedules import cubic
from surfeit.store import Store
from surfeit.train import (
    Conduct,
    Job,
    Numerics,
    Origin,
    Pruning,
    Recipe,
    Snapshots,
    train_job,
    train_together,
)
from surfeit.train.stack.loop import StackLoop
from surfeit.train.stack.update import StackUpdate

from ..conftest import all_of, half_of, make_dataset, normalised, small

FOUR = Numerics(stack=4)
EXACT = Numerics(dtype="float64")
RECIPE = Recipe(lr=0.05, momentum=0.9, steps=50, batch_size=12)


CASES = {
    "sgd": (small, RECIPE, {}),
    "plain sgd, decay": (small, replace(RECIPE, momentum=0.0, weight_decay=0.01), {}),
    "nesterov, cosine, warm-up": (
        small,
        replace(RECIPE, nesterov=True, schedule="cosine", warmup_steps=7),
        {},
    ),
    "adam, L1": (small, Recipe(optimizer="adam", lr=0.01, l1=0.001, steps=50, batch_size=16), {}),
    "adamw, steps": (
        small,
        Recipe(
            optimizer="adamw",
            lr=0.01,
            weight_decay=0.1,
            steps=50,
            batch_size=16,
            schedule="steps",
            milestones=(20, 40),
        ),
        {},
    ),
    "adagrad, inverse": (
        small,
        Recipe(
            optimizer="adagrad",
            lr=0.05,
            steps=50,
            batch_size=16,
            schedule="inverse",
            decay_steps=30,
        ),
        {},
    ),
    "rmsprop, clipped": (
        small,
        Recipe(optimizer="rmsprop", lr=0.003, momentum=0.5, clip_norm=0.3, steps=50, batch_size=16),
        {},
    ),
    "mask, clipped": (small, replace(RECIPE, clip_norm=0.2), {"mask": half_of(small)}),
    "squared error": (small, replace(RECIPE, lr=0.02), {"objective": squared_error}),
    "hinge": (small, RECIPE, {"objective": hinge}),
    "augmented": (small, replace(RECIPE, augmentation="crop-flip"), {}),
    "targeted dropout": (small, replace(RECIPE, targeted_dropout=0.5, targeted_share=0.5), {}),
    "critical weights": (small, replace(RECIPE, critical_share=0.6), {}),
    "noise on inputs and labels": (
        small,
        replace(RECIPE, input_noise=0.3, label_noise=0.3),
        {},
    ),
    "noise on weights, DropConnect, mask": (
        small,
        replace(RECIPE, weight_noise=0.1, drop_connect=0.3),
        {"mask": half_of(small)},
    ),
    "max-norm": (small, replace(RECIPE, max_norm=0.6), {}),
    "max-norm, mask, convolution": (
        normalised,
        replace(RECIPE, max_norm=0.6, batch_size=16),
        {"mask": half_of(normalised)},
    ),
    "pruned by and by": (
        small,
        RECIPE,
        {"pruning": Pruning(moments=cubic(0.2, begin=4, end=24, every=4))},
    ),
    "measured in between, stopping": (
        small,
        replace(RECIPE, evaluate_every=3, patience=2, lr=0.1),
        {},
    ),
    "rewound": (small, RECIPE, {"origin": Origin(step=7)}),
    "convolution, batch normalisation, dropout": (
        normalised,
        replace(RECIPE, batch_size=16),
        {},
    ),
    "convolution, mask": (normalised, RECIPE, {"mask": half_of(normalised)}),
}


def job_of(case, *, seed=0, numerics=FOUR, **changes):
    builder, recipe, options = CASES[case]
    options = {"snapshots": Snapshots(every_epochs=5, at=(1, 3)), **options, **changes}
    recipe = options.pop("recipe", recipe)
    dataset = options.pop("dataset", None) or make_dataset()
    return Job(builder, dataset, recipe, seed, numerics=numerics, **options)


@pytest.mark.parametrize("case", CASES)
def test_stacked_and_alone_agree_to_rounding_after_fifty_steps(case, tmp_path):
    alone = train_job(job_of(case, numerics=EXACT), store=Store(tmp_path / "alone"))
    job = job_of(case, numerics=replace(EXACT, stack=2))
    (run,) = train_together([job], store=Store(tmp_path / "stack"))
    assert not isinstance(run, Exception), run
    assert run.key != alone.key
    assert run.steps() == alone.steps()
    for step in alone.steps():
        first, second = alone.tensors(step), run.tensors(step)
        for name, value in first.items():
            torch.testing.assert_close(second[name], value, rtol=0, atol=1e-10)
    assert run.done["stopped_early"] == alone.done["stopped_early"]
    assert digest(dict(run.mask_at())) == digest(dict(alone.mask_at()))
    before, after = alone.metrics().to_pylist(), run.metrics().to_pylist()
    for row, other in zip(before, after, strict=True):
        assert other == pytest.approx(row, abs=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_neighbours_and_place_change_no_bit(case, tmp_path):
    jobs = [job_of(case, seed=seed) for seed in range(4)]
    expected = [all_of(train_job(job, store=Store(tmp_path / "alone"))) for job in jobs]
    assert len({repr(one) for one in expected}) == 4
    together = train_together(jobs, store=Store(tmp_path / "together"))
    assert [all_of(run) for run in together] == expected
    turned = train_together([jobs[2], jobs[0], jobs[3]], store=Store(tmp_path / "turned"))
    assert [all_of(run) for run in turned] == [expected[2], expected[0], expected[3]]


@pytest.mark.parametrize(
    ("side", "widths", "batch_size", "stack", "optimizer"),
    [
        (3, (7, 5), 7, 8, "adam"),
        (5, (13,), 11, 16, "sgd"),
        (7, (31, 17), 33, 4, "adam"),
        (14, (100, 30), 60, 8, "sgd"),
        (11, (65,), 1, 8, "adamw"),
        (3, (1,), 5, 2, "rmsprop"),
    ],
)
def test_places_of_odd_sizes_are_computed_alike(
    tmp_path, side, widths, batch_size, stack, optimizer
):
    draw = Streams(0).get("odd")

    def pair(count):
        labels = torch.randint(0, 3, (count,), generator=draw)
        return torch.randn(count, 1, side, side, generator=draw), labels

    splits = {"train": pair(101), "validation": pair(37), "test": pair(41)}
    data = from_tensors("odd", **splits, class_names=["a", "b", "c"], mean=[0.0], std=[1.0])
    recipe = Recipe(optimizer=optimizer, lr=0.01, epochs=2, batch_size=batch_size)
    numerics = Numerics(stack=stack)
    builder = partial(mlp, widths)
    jobs = [Job(builder, data, recipe, seed, numerics=numerics) for seed in range(min(stack, 5))]
    alone = [all_of(train_job(job, store=Store(tmp_path / "alone"))) for job in jobs]
    runs = train_together(jobs[::-1], store=Store(tmp_path / "turned"))
    assert [all_of(run) for run in runs[::-1]] == alone


def test_each_keeps_its_own_mask_rate_schedule_decay_labels_and_end(tmp_path):
    recipes = [
        RECIPE,
        replace(RECIPE, lr=0.3, patience=2),
        replace(RECIPE, weight_decay=0.05, schedule="cosine"),
        replace(RECIPE, l1=0.01, schedule="steps", milestones=(30,)),
    ]
    noisy = with_label_noise(make_dataset(), 0.4, Streams(0).get("noise"))
    jobs = [
        Job(
            small,
            noisy if place == 2 else make_dataset(),
            recipe,
            place,
            mask=half_of(small, place),
            numerics=FOUR,
            snapshots=Snapshots(every_epochs=place),
        )
        for place, recipe in enumerate(recipes)
    ]
    alone = [all_of(train_job(job, store=Store(tmp_path / "alone"))) for job in jobs]
    runs = train_together(jobs, store=Store(tmp_path / "stack"))
    assert [all_of(run) for run in runs] == alone
    assert len({len(run.steps()) for run in runs}) > 2
    assert runs[1].done["steps"] < runs[0].done["steps"] == 50
    for job, run in zip(jobs, runs, strict=True):
        for name, kept in job.mask.items():
            assert not run.tensors()[name][~kept].any()


def test_a_training_that_diverges_ends_alone_and_in_words(tmp_path):
    wild = job_of("sgd", recipe=replace(RECIPE, lr=1e9), seed=1)
    sound = [job_of("sgd", seed=seed) for seed in (0, 2)]
    runs = train_together([sound[0], wild, sound[1]], store=Store(tmp_path / "stack"))
    assert isinstance(runs[1], DivergedError)
    assert "the training diverged: at step" in str(runs[1])
    for job, run in zip(sound, runs[::2], strict=True):
        assert all_of(run) == all_of(train_job(job, store=Store(tmp_path / "alone")))
    with pytest.raises(DivergedError, match="diverged"):
        train_job(wild, store=Store(tmp_path / "alone"))


def test_a_masked_weight_that_comes_back_to_life_is_found(tmp_path, monkeypatch):
    jobs = [job_of("sgd", seed=seed, mask=half_of(small, seed)) for seed in range(2)]
    step = StackUpdate._step

    def revived(self, at):
        step(self, at)
        if at == 20:
            name = "fc2.weight"
            factor = self._memory.of(f"factor/{name}")[1]
            self._memory.of(name)[1] += 0.5
            factor.fill_(1)  # nothing holds them any more

    monkeypatch.setattr(StackUpdate, "_step", revived)
    runs = train_together(jobs, store=Store(tmp_path))
    assert isinstance(runs[1], ProtocolError)
    assert "masked weights of fc2.weight came back to life" in str(runs[1])
    assert not isinstance(runs[0], Exception)


CONTEXT = multiprocessing.get_context("fork")
KILLED = ["mask, clipped", "pruned by and by", "measured in between, stopping"]


def go(root, case):
    conduct = Conduct(checkpoint_seconds=0.0)
    return train_together(
        [job_of(case, seed=seed) for seed in range(3)], store=Store(root), conduct=conduct
    )


def go_slowly(root, case, updates, pipe):
    """Trains, and says so over the pipe after so many updates of this sitting."""
    real, left = StackUpdate.__call__, [updates]

    def update(self, places):
        if left[0] == 0:
            pipe.send_bytes(b"there")
        left[0] -= 1
        return real(self, places)

    StackUpdate.__call__ = update  # this process is a fork of its own
    go(root, case)


@pytest.mark.parametrize("case", KILLED)
def test_killed_at_random_moments_all_end_as_if_uninterrupted(tmp_path, case):
    whole = [all_of(run) for run in go(tmp_path / "whole", case)]
    moments, hits, folder = random.Random(case), 0, tmp_path / "broken"
    for _ in range(60):
        theirs, ours = CONTEXT.Pipe(duplex=False)[::-1]
        updates = moments.randint(0, 12)
        process = CONTEXT.Process(target=go_slowly, args=(folder, case, updates, theirs))
        process.start()
        theirs.close()
        ours.poll(None)
        time.sleep(moments.uniform(0, 0.02))
        process.kill()
        process.join(120)
        hits += process.exitcode != 0
        if hits == 6 or process.exitcode == 0:
            break
    assert hits >= 3
    assert [all_of(run) for run in go(folder, case)] == whole


def test_those_that_stand_at_an_earlier_step_catch_up(tmp_path, monkeypatch):
    jobs = [job_of("sgd", seed=seed) for seed in range(3)]
    whole = [all_of(run) for run in train_together(jobs, store=Store(tmp_path / "whole"))]
    store, real = Store(tmp_path / "broken"), StackUpdate.__call__

    def stopped_at(step):
        def update(self, places):
            revived = real(self, places)
            if next(iter(self._courses.values())).state.step == step:
                raise KeyboardInterrupt
            return revived

        return update

    at_once = Conduct(checkpoint_seconds=0.0)
    for place, step in ((0, 22), (1, 9)):
        monkeypatch.setattr(StackUpdate, "__call__", stopped_at(step))
        with pytest.raises(KeyboardInterrupt):
            train_together([jobs[place]], store=store, conduct=at_once)
    seen = []

    def noted(self, places):
        seen.append(tuple(places))
        return real(self, places)

    monkeypatch.setattr(StackUpdate, "__call__", noted)
    assert [all_of(run) for run in train_together(jobs, store=store)] == whole
    assert list(dict.fromkeys(seen)) == [(2,), (1, 2), (0, 1, 2)]


def test_ctrl_c_saves_all_and_a_finished_run_is_not_trained_again(tmp_path, monkeypatch):
    jobs = [job_of("sgd", seed=seed) for seed in range(3)]
    store = Store(tmp_path)
    first = train_job(jobs[1], store=store)
    monkeypatch.setattr(StackLoop, "__init__", _counting(StackLoop.__init__, entries := []))
    train_together(jobs, store=store)
    assert entries == [2]
    train_together(jobs, store=store)
    assert entries == [2]
    assert first.path.exists()


def _counting(init, seen):
    def counted(self, entries, conduct):
        seen.append(len(entries))
        init(self, entries, conduct)

    return counted


def test_the_key_says_the_stack():
    keys = {job_of("sgd", numerics=Numerics(stack=stack)).key for stack in (1, 2, 4)}
    assert len(keys) == 3
    assert job_of("sgd", numerics=Numerics()).identity["numerics"]["stacked"] is False
    assert job_of("sgd").identity["numerics"]["stacked"] == 4


@pytest.mark.parametrize("stack", [0, -2, 3, 2048, True, 2.0])
def test_a_stack_is_a_power_of_two(stack):
    with pytest.raises(ValueError, match="stack must be a power of two in"):
        Numerics(stack=stack)


def test_what_cannot_be_stacked_is_refused_in_a_sentence(tmp_path):
    store, job = Store(tmp_path), job_of("sgd")
    with pytest.raises(ValueError, match="at least one training, got none"):
        train_together([], store=store)
    with pytest.raises(ValueError, match="5 trainings do not fit into a stack of 4"):
        train_together([job_of("sgd", seed=seed) for seed in range(5)], store=store)
    with pytest.raises(ValueError, match="two of the trainings are the same"):
        train_together([job, job_of("sgd")], store=store)
    others = [
        job_of("sgd", seed=1, recipe=replace(RECIPE, batch_size=13)),
        job_of("sgd", seed=1, objective=squared_error),
        job_of("sgd", seed=1, mask=half_of(small)),
        job_of("convolution, mask", seed=1, mask=None),
        job_of("sgd", seed=1, dataset=make_dataset(count=51)),
    ]
    for other in others:
        with pytest.raises(ValueError, match="a stack needs one network"):
            train_together([job, other], store=store)


def test_a_stack_of_one_is_the_training_alone(tmp_path):
    jobs = [job_of("sgd", numerics=Numerics())]
    (run,) = train_together(jobs, store=Store(tmp_path / "together"))
    assert all_of(run) == all_of(train_job(jobs[0], store=Store(tmp_path / "alone")))


def test_a_check_is_made_of_each(tmp_path):
    jobs = [job_of("sgd", seed=seed, check=_refuse_seed_one) for seed in range(2)]
    runs = train_together(jobs, store=Store(tmp_path))
    assert not isinstance(runs[0], Exception)
    assert isinstance(runs[1], ProtocolError)


def _refuse_seed_one(job, run):
    del run
    if job.seed == 1:
        raise ProtocolError("seed 1")
