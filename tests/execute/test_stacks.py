"""Many trainings of one small network are trained as stacks, and nobody has to ask for it."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from surfeit.core import SurfeitError, digest
from surfeit.data import load
from surfeit.execute import Derived, InProcess, Local, Together, in_stacks, train_many
from surfeit.execute.stacks import STACK, stack_tasks
from surfeit.execute.task import Task
from surfeit.lab import Lab
from surfeit.lab.cost import planned
from surfeit.models import conv_2, mlp
from surfeit.store import Objects, Store
from surfeit.train import Conduct, Job, Numerics, Recipe, Snapshots, train_together

RECIPE = Recipe(epochs=2, batch_size=500)
ENDS = Snapshots(every_epochs=0)


def job(seed, width=8, **others):
    given = {"recipe": RECIPE, "snapshots": ENDS} | others
    builder = partial(mlp, (width,))
    return Job(builder, load("digits"), given.pop("recipe"), seed=seed, **given)


def named(count, **others):
    return {f"seed {seed}": job(seed, **others) for seed in range(count)}


def stacks_of(jobs):
    return {name: one.numerics.stack for name, one in in_stacks(jobs).items()}


def test_sixteen_of_one_shape_are_a_stack_and_fifteen_are_not():
    other = {f"wider, seed {seed}": job(seed, width=9) for seed in range(STACK - 1)}
    found = stacks_of(named(STACK) | other)
    assert found == dict.fromkeys(named(STACK), STACK) | dict.fromkeys(other, 1)
    assert stacks_of(named(STACK - 1)) == dict.fromkeys(named(STACK - 1), 1)


def test_seeds_rates_and_decay_are_each_ones_own():
    jobs = {
        str(seed): job(seed, recipe=replace(RECIPE, lr=0.1 / (seed + 1), weight_decay=1e-4 * seed))
        for seed in range(STACK)
    }
    assert set(stacks_of(jobs).values()) == {STACK}


def test_what_gains_nothing_from_a_stack_stays_as_it_is():
    big = named(STACK, width=1_000)
    convolutional = {
        str(seed): Job(conv_2, load("digits"), RECIPE, seed=seed) for seed in range(STACK)
    }
    own = named(STACK, numerics=Numerics(stack=4))
    assert in_stacks(big) == big
    assert in_stacks(convolutional) == convolutional
    assert in_stacks(own) == own


def test_what_others_are_derived_from_stays_as_it_is():
    jobs = named(STACK + 1) | {"next": Derived(derive=job, parents=("seed 3",))}
    found = in_stacks(jobs)
    assert found["seed 3"] is jobs["seed 3"]
    assert found["next"] is jobs["next"]
    assert sum(one.numerics.stack == STACK for one in found.values() if isinstance(one, Job)) == 16


def test_the_rest_of_a_group_is_a_stack_too_and_one_alone_is_none():
    tasks = stack_tasks(in_stacks(named(2 * STACK + 3)), Conduct())
    sizes = {task.name: len(task.work.jobs) for task in tasks.values()}
    assert sizes == {
        "16 networks together, seed 0 to seed 15": 16,
        "16 networks together, seed 16 to seed 31": 16,
        "3 networks together, seed 32 to seed 34": 3,
    }
    assert "seed 16" not in stack_tasks(in_stacks(named(STACK + 1)), Conduct())


def test_two_names_of_one_training_are_trained_once(tmp_path):
    jobs = named(STACK) | {"again": job(3)}
    runs = train_many(jobs, store=Store(tmp_path), engine=InProcess())
    assert runs["again"].key == runs["seed 3"].key
    assert len({run.key for run in runs.values()}) == STACK


@pytest.mark.parametrize("engine", [InProcess(), Local(2)], ids=["here", "side by side"])
def test_runs_are_those_of_a_stack_under_their_own_keys(engine, tmp_path):
    jobs, seen = named(STACK), []
    runs = train_many(jobs, store=Store(tmp_path / "many"), engine=engine, progress=seen.append)
    stacked = list(in_stacks(jobs).values())
    together = train_together(stacked, store=Store(tmp_path / "together"))
    for run, other, one in zip(runs.values(), together, jobs.values(), strict=True):
        assert run.key == other.key != one.key
        assert run.identity["numerics"]["stacked"] == STACK
        assert digest(run.tensors()) == digest(other.tensors())
    assert {status.total for status in seen} == {STACK}
    assert (seen[-1].done, seen[-1].failed, seen[-1].active) == (STACK, 0, ())
    assert sorted(one.name for status in seen for one in status.ended) == sorted(jobs)


def test_without_stacks_each_is_trained_alone_and_agrees_to_rounding(tmp_path):
    jobs, store = named(STACK), Store(tmp_path)
    together = train_many(jobs, store=store, engine=InProcess())
    alone = train_many(jobs, store=store, engine=InProcess(), stacks=False)
    assert [run.key for run in alone.values()] == [one.key for one in jobs.values()]
    for name, run in alone.items():
        for tensor, value in run.tensors().items():
            torch.testing.assert_close(together[name].tensors()[tensor], value, atol=1e-5, rtol=0)


def test_one_that_diverges_fails_alone_with_its_sentence(tmp_path):
    wild = {"wild": job(99, recipe=replace(RECIPE, lr=1e30))}
    with pytest.raises(SurfeitError, match=r"a training failed:\n  wild: .*step") as caught:
        train_many(named(STACK) | wild, store=Store(tmp_path), engine=InProcess())
    assert "seed" not in str(caught.value)
    stored = [one for one in in_stacks(named(STACK) | wild).items() if one[0] != "wild"]
    assert all(
        Store(tmp_path).path_of(one.key).joinpath("DONE.json").is_file() for _, one in stored
    )


def test_what_the_store_has_is_not_trained_again(tmp_path):
    jobs, store, seen = named(2 * STACK), Store(tmp_path), []
    few = dict(list(jobs.items())[:STACK])
    train_many(few, store=store, engine=InProcess())
    runs = train_many(jobs, store=store, engine=InProcess(), progress=seen.append)
    assert seen[0].done == STACK
    again = train_many(jobs, store=store, engine=InProcess(), progress=seen.append)
    assert [run.key for run in again.values()] == [run.key for run in runs.values()]
    assert seen[-1].done == 2 * STACK


def test_a_plan_lists_the_runs_that_will_be_trained(tmp_path):
    jobs = named(STACK)
    lab = Lab(Store(tmp_path), engine=InProcess())
    runs = lab.train(jobs)
    plan = planned(in_stacks(jobs), lab.store)
    assert [one.key for one in plan] == [run.key for run in runs.values()]
    assert {one.state for one in plan} == {"done"}
    alone = Lab(Store(tmp_path), engine=InProcess(), stacks=False).train(jobs)
    assert [run.key for run in alone.values()] == [one.key for one in jobs.values()]


def test_a_stack_is_sent_as_its_trainings(tmp_path):
    from surfeit.execute.messages import as_json, from_json

    objects = Objects(tmp_path)
    task = Task(name="both", work=Together(jobs=(job(1), job(2))))
    received = from_json(as_json(task, objects), objects)
    assert [one.key for one in received.work.jobs] == [one.key for one in task.work.jobs]
