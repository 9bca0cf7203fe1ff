"""Supermasks trained side by side: the runs that the table would train, and no others."""

from dataclasses import replace

import pytest

from surfeit.core import CollapseError, SurfeitError
from surfeit.execute import InProcess, Local, Status
from surfeit.procedures.supermasks import SupermaskConfig, supermask_table, train_supermasks
from surfeit.procedures.supermasks.subjects import subjects
from surfeit.train import Recipe
from surfeit.train.loop import Loop

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


@pytest.mark.parametrize("engine", [InProcess(), Local(2)], ids=["here", "workers"])
def test_the_table_finds_every_training_done(dataset, store, engine, monkeypatch):
    reporter: list[Status] = []
    keys = train_supermasks(
        small,
        dataset,
        CONFIG,
        seeds=(0, 7),
        store=store,
        engine=engine,
        progress=reporter.append,
    )
    names = subjects(small(), CONFIG, 0)
    assert list(keys) == [f"replicate {seed}, {name}" for seed in (0, 7) for name in names]
    assert (reporter[-1].done, reporter[-1].total) == (14, 14)
    monkeypatch.setattr(Loop, "run", lambda self: pytest.fail("trained again"))
    table = supermask_table(small, dataset, CONFIG, seeds=(0, 7), store=store)
    assert set(table["run"].to_pylist()) == set(keys.values())


def test_subjects_leave_the_network_as_it_was(dataset):
    network = small()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = subjects(network, CONFIG, 0)
    assert list(found) == [
        "trained",
        "learned-initial",
        "learned-constant",
        "rescaled-initial",
        "rescaled-constant",
        "edge-popup 0.5",
        "edge-popup 0.3",
    ]
    assert all(build().module is not None for build in found.values())
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())


def test_what_failed_is_told_once_the_others_have_ended(dataset, store):
    hot = replace(CONFIG, trained=Recipe(lr=1e30, batch_size=20, epochs=2))
    with pytest.raises(SurfeitError, match=r"1 of 7 trainings failed.*\n.*trained: .*diverged"):
        train_supermasks(small, dataset, hot, seeds=(0,), store=store, engine=InProcess())
    assert sum(run.status == "done" for run in store.runs()) == 6


def test_bad_input_is_refused_before_any_training(dataset, store):
    with pytest.raises(ValueError, match="seeds must be different"):
        train_supermasks(small, dataset, CONFIG, seeds=(1, 1), store=store)
    with pytest.raises(CollapseError):
        train_supermasks(small, dataset, replace(CONFIG, levels=(1, 99)), seeds=(0,), store=store)
    assert store.runs() == []
