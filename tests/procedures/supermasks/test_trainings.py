"""The trainings of supermasks: their names, where they are done, and what is told of failures."""

from dataclasses import replace

import pytest

from surfeit.core import CollapseError, SurfeitError
from surfeit.execute import Derived, InProcess, Local, Status
from surfeit.procedures.supermasks import SupermaskConfig, supermask_jobs, supermask_table
from surfeit.procedures.supermasks.trainings import learned_masks
from surfeit.train import Job, Recipe

from .conftest import small

RECIPE = Recipe(optimizer="adam", lr=0.1, batch_size=20, epochs=2, schedule="cosine")
CONFIG = SupermaskConfig(
    trained=replace(RECIPE, lr=0.01),
    learned=RECIPE,
    rescaled=RECIPE,
    popup=replace(RECIPE, lr=0.01),
    densities=(0.5, 0.3),
    levels=(1, 2, 3),
    samples=2,
)
NAMES = [
    "trained",
    "learned-initial",
    "learned-constant",
    "rescaled-initial",
    "rescaled-constant",
    "edge-popup 0.5",
    "edge-popup 0.3",
]


def test_trainings_are_named_after_replicate_and_method(dataset):
    jobs = supermask_jobs(small, dataset, CONFIG, seeds=(0, 7))
    assert list(jobs) == [f"replicate {seed}, {name}" for seed in (0, 7) for name in NAMES]
    assert [mask.name for mask in learned_masks(CONFIG)] == NAMES[1:]


@pytest.mark.parametrize("engine", [InProcess(), Local(2)], ids=["here", "workers"])
def test_the_table_is_of_the_trainings_of_the_replicates(dataset, store, engine):
    told: list[Status] = []
    options = {"seeds": (0, 7), "store": store, "engine": engine, "progress": told.append}
    table = supermask_table(small, dataset, CONFIG, **options)
    keys = {run.key for run in store.runs()}
    assert set(table["run"].to_pylist()) == keys
    assert len(keys) == 14
    trainings = [status for status in told if status.total == 14]
    assert (trainings[-1].done, trainings[-1].failed) == (14, 0)


def test_trainings_leave_the_network_as_it_was(dataset):
    network = small()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    jobs = supermask_jobs(lambda **shape: network, dataset, CONFIG, seeds=(0,))
    for job in jobs.values():
        made = job.derive() if isinstance(job, Derived) else job
        assert isinstance(made, Job)
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())


def test_what_failed_is_told_once_the_others_have_ended(dataset, store):
    hot = replace(CONFIG, trained=Recipe(lr=1e30, batch_size=20, epochs=2))
    with pytest.raises(SurfeitError, match=r"a training failed.*\n.*trained: .*diverged"):
        supermask_table(small, dataset, hot, seeds=(0,), store=store, engine=InProcess())
    assert sum(run.status == "done" for run in store.runs()) == 6


def test_bad_input_is_refused_before_any_training(dataset, store):
    with pytest.raises(ValueError, match="seeds must be different"):
        supermask_table(small, dataset, CONFIG, seeds=(1, 1), store=store)
    with pytest.raises(CollapseError):
        supermask_table(small, dataset, replace(CONFIG, levels=(1, 99)), seeds=(0,), store=store)
    assert store.runs() == []
