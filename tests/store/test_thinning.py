"""Taking snapshots out of runs: what stays, what a kill leaves, what others stand on."""

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest

from surfeit.core import BusyError, StoreError
from surfeit.store import (
    Lease,
    Run,
    evenly,
    every,
    rewound_steps,
    thin,
    thinned_steps,
    thinning,
)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 201, 202, 1000, 10_001])
@pytest.mark.parametrize("most", [2, 3, 10, 201])
def test_evenly_keeps_the_ends_equal_gaps_and_no_more_than_asked(count, most):
    steps = list(range(0, 7 * count, 7))
    kept = evenly(steps, most=most)
    assert len(kept) <= most or count <= most
    assert (kept[0], kept[-1]) == (steps[0], steps[-1])
    gaps = {later - earlier for earlier, later in pairwise(kept[:-1])}
    assert len(gaps) <= 1
    assert set(kept) <= set(steps)
    if count <= most:
        assert kept == steps


def test_ten_thousand_epochs_become_two_hundred_and_one():
    assert evenly(range(10_001), most=201) == list(range(0, 10_001, 50))


def test_every_keeps_the_ends():
    assert every([0, 5, 10, 15, 20, 25], stride=2) == [0, 10, 20, 25]
    assert every([0, 5], stride=9) == [0, 5]
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        every([0, 5], stride=0)
    with pytest.raises(ValueError, match="at least 2 are kept"):
        evenly([0, 5], most=1)


def test_thinning_takes_snapshots_out_and_says_so(finished):
    run = finished()
    size = (run.path / "snapshots/5.safetensors").stat().st_size
    wish = thinning(run, [])
    assert (wish.removed, wish.size) == ((5,), size)
    thin(wish)
    after = Run(run.path)
    assert after.steps() == [0, 10]
    assert sorted(path.name for path in (run.path / "snapshots").iterdir()) == [
        "0.safetensors",
        "10.safetensors",
    ]
    assert json.loads((run.path / "DONE.json").read_text())["thinned"] == [5]
    assert after.verify() == []
    assert after.lacks() == []
    assert thinned_steps(after) == {5}
    assert after.done["steps"] == 10


def test_what_others_began_with_stays(store, writer):
    writing = writer()
    for step in (0, 5, 10):
        writing.snapshot(step, {})
    dense = writing.finish({"steps": 10})
    child = store.path_of("c" * 64)
    child.mkdir(parents=True)
    identity = {"config": {"first_step": 5}, "parents": [dense.key]}
    record = {"schema": 1, "key": "c" * 64, "identity": identity, "about": {"layers": []}}
    (child / "run.json").write_text(json.dumps(record))
    needed = rewound_steps(store)
    assert needed == {dense.key: {5}}
    wish = thinning(dense, [0, 10], needed=needed[dense.key])
    assert (wish.removed, wish.needed, wish.size) == ((), (5,), 0)


def test_steps_that_are_not_there_and_runs_that_are_not_done_are_refused(finished, writer):
    with pytest.raises(ValueError, match="has no snapshot at step 7; it has 3, from step 0 to 10"):
        thinning(finished(), [7])
    with pytest.raises(StoreError, match="is not done"):
        thinning(Run(writer(5).folder), [])


def test_a_run_being_written_is_not_thinned(finished):
    run = finished()
    with Lease(run.path), pytest.raises(BusyError):
        thin(thinning(run, []))
    assert Run(run.path).steps() == [0, 5, 10]


@pytest.mark.parametrize("moment", ["replace", "unlink"])
def test_killed_at_any_moment_the_run_is_whole(finished, monkeypatch, moment):
    run = finished()
    killed = RuntimeError("killed")

    def kill(*_: object, **__: object) -> None:
        raise killed

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "replace") if moment == "replace" else (Path, "unlink")), kill)
        with pytest.raises(RuntimeError, match="killed"):
            thin(thinning(run, []))
    after = Run(run.path)
    assert after.verify() == []
    assert after.lacks() == []
    assert after.steps() == ([0, 5, 10] if moment == "replace" else [0, 10])
    thin(thinning(after, []))  # takes away what was left
    assert not (run.path / "snapshots/5.safetensors").exists()
    assert thinned_steps(Run(run.path)) == {5}


@pytest.mark.parametrize("value", [3, "x", [1, "x"], [True], None])
def test_a_record_of_thinning_that_is_none_is_told(finished, value):
    run = finished()
    record = json.loads((run.path / "DONE.json").read_text())
    del record["sha256"]  # as an earlier version wrote it
    (run.path / "DONE.json").write_text(json.dumps(record | {"thinned": value}))
    with pytest.raises(StoreError, match="'thinned' holds no steps"):
        thinned_steps(Run(run.path))
