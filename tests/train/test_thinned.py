"""Runs that were thinned and trained again."""

import pytest

from surfeit.store import Run, thin, thinned_steps, thinning
from surfeit.train import Recipe, Snapshots, train
from surfeit.train.loop import Loop

from .conftest import content, make_dataset, small

RECIPE = Recipe(epochs=4, batch_size=10)


@pytest.fixture
def trained(store):
    def again(**options) -> Run:
        return train(small, make_dataset(), RECIPE, store=store, **options)

    return again


def test_a_thinned_run_is_done_and_lacks_nothing(trained, monkeypatch):
    run = trained()
    assert run.steps() == [0, 5, 10, 15, 20]
    thin(thinning(run, [10]))
    monkeypatch.setattr(Loop, "run", lambda _: pytest.fail("trained again"))
    assert trained().steps() == [0, 10, 20]
    assert trained(snapshots=Snapshots(at=(10,))).steps() == [0, 10, 20]


def test_a_snapshot_that_is_asked_for_by_number_is_made_again_and_no_other(trained):
    run = trained()
    before = content(run)
    thin(thinning(run, []))
    again = trained(snapshots=Snapshots(at=(5,)))
    assert again.steps() == [0, 5, 20]
    assert thinned_steps(again) == {10, 15}
    assert content(again)["5"] == before["5"]
    assert trained().steps() == [0, 5, 20]
    assert again.verify() == []


def test_a_thinned_run_that_is_damaged_is_repaired_as_it_was_thinned(trained):
    run = trained()
    thin(thinning(run, [10]))
    (run.path / "snapshots/10.safetensors").unlink()
    again = trained()
    assert again.steps() == [0, 10, 20]
    assert thinned_steps(again) == {5, 15}
    assert again.verify() == []
