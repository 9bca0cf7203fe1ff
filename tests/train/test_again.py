"""Finished runs that are trained again: repaired, added to, refused, and what a kill leaves."""

import json
import os
from dataclasses import replace

import pytest
import torch

from surfeit.core import ProtocolError, StoreError, Streams
from surfeit.store import Lease, Store
from surfeit.store.checkpoint import Checkpoint
from surfeit.train import Conduct, Pruning, Recipe, Snapshots, train
from surfeit.train.loop import Loop
from surfeit.train.state import Update

from .conftest import interrupted_at, small

RECIPE = Recipe(lr=0.1, momentum=0.9, epochs=3, batch_size=16)
PRUNING = Pruning(moments=((3, 0.7), (6, 0.5), (9, 0.3)))
MASK = {
    name: torch.rand(value.shape, generator=Streams(0).get(name)) > 0.4
    for name, value in small().named_parameters()
    if value.dim() > 1
}
KINDS = {"plain": {}, "mask": {"mask": MASK}, "pruning": {"pruning": PRUNING}}


@pytest.fixture(params=KINDS)
def go(request, dataset, store):
    """Trains one and the same run, whatever else is asked of it."""

    def train_it(root=store, **options):
        return train(small, dataset, RECIPE, store=root, **KINDS[request.param], **options)

    return train_it


def files(run):
    """Everything in a run's folder but who held its lease."""
    paths = [path for path in run.path.rglob("*") if path.is_file() and path.name != "lease"]
    return {path.relative_to(run.path).as_posix(): path.read_bytes() for path in paths}


def test_equal_trainings_have_equal_files(go, tmp_path):
    runs = [go(Store(tmp_path / str(number))) for number in range(4)]
    every = [{n: s for n, s in run.done["files"].items() if n != "run.json"} for run in runs]
    assert all(sums == every[0] for sums in every)


def test_each_lost_file_comes_back(go):
    run = go()
    before = files(run)
    for name in before.keys() - {"DONE.json"}:
        (run.path / name).unlink()
        assert go().verify() == []
        if name == "run.json":  # a new record, of today
            assert go().identity == run.identity
            before |= {one: files(run)[one] for one in ("run.json", "DONE.json")}
        assert files(run) == before


def test_one_more_snapshot_changes_no_other_file(go):
    run = go()
    before = files(run)
    more = go(snapshots=Snapshots(at=(7,)))
    after = files(more)
    assert after.keys() - before.keys() == {"snapshots/7.safetensors"}
    assert all(after[name] == before[name] for name in before.keys() - {"DONE.json"})
    assert more.done["seconds"] == run.done["seconds"]
    assert more.verify() == []


def test_other_weights_are_never_done(go, monkeypatch):
    run = go()
    (run.path / "snapshots" / "4.safetensors").unlink()
    before = files(run)
    real = Update.__call__

    def other(self, state):  # stands for other arithmetic
        real(self, state)
        state.params["fc1.bias"].mul_(1 + 1e-6)

    with monkeypatch.context() as patch:
        patch.setattr(Update, "__call__", other)
        for _ in range(3):
            with pytest.raises(ProtocolError, match=r"ended with other .*snapshots/12.safetensors"):
                go()
            assert files(run) == before
        with interrupted_at(8):
            go()
        with pytest.raises(ProtocolError):
            go()
    assert go().verify() == []
    assert files(run).keys() - before.keys() == {"snapshots/4.safetensors"}
    assert all(files(run)[name] == content for name, content in before.items())


def test_a_repair_goes_on_from_where_it_was_cut_short(go):
    run = go()
    before = files(run)
    (run.path / "metrics.jsonl").unlink()
    with interrupted_at(8):
        go()
    assert run.status == "done"
    assert run.verify() == [f"{run.path / 'metrics.jsonl'} is missing"]
    told = []
    go(conduct=Conduct(progress=lambda moment: told.append(moment.words)))
    assert "going on from step 8 of 12" in told
    assert files(run) == before


def test_what_a_kill_left_beside_a_finished_run_is_cleared(go, monkeypatch):
    run = go()
    before = files(run)
    (run.path / "checkpoint.safetensors").write_bytes(b"left")
    (run.path / "again" / "snapshots").mkdir(parents=True)
    (run.path / "again" / "snapshots" / "0.safetensors").write_bytes(b"left")
    with Lease(run.path):  # somebody works on it
        go()
    assert len(files(run)) == len(before) + 2
    monkeypatch.setattr(Loop, "run", lambda self: pytest.fail("it was trained again"))
    go()
    assert files(run) == before
    assert not (run.path / "again").exists()


def test_links_and_names_in_a_run_from_elsewhere_delete_nothing(go, tmp_path):
    run = go()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "4.safetensors").write_bytes(b"precious")
    (run.path / "again").symlink_to(precious)
    link = run.path / "checkpoint.safetensors"
    link.symlink_to(precious / "4.safetensors")
    with pytest.raises(StoreError, match=r"checkpoint\.safetensors is a link: in a run's folder"):
        go()
    link.unlink()
    go()
    (run.path / "snapshots" / "4.safetensors").unlink()
    with pytest.raises(StoreError, match="again is in the way, and is no folder"):
        go()
    assert (precious / "4.safetensors").read_bytes() == b"precious"
    assert os.listdir(precious) == ["4.safetensors"]


@pytest.mark.parametrize("name", ["steps", "machine"])
def test_a_seal_that_lacks_something_is_told(go, name):
    run = go()
    done = run.done
    del done[name]
    (run.path / "DONE.json").write_text(json.dumps(done))
    (run.path / "snapshots" / "4.safetensors").unlink()
    with pytest.raises(StoreError, match=rf"DONE\.json is damaged: it .*({name}).*elete"):
        go()


@pytest.mark.parametrize("name", ["weights/fc1.bias", "optimiser/count", "logits"])
def test_a_checkpoint_that_does_not_fit_is_told(go, store, name):
    with interrupted_at(5):
        go(conduct=Conduct(checkpoint_seconds=1000))
    (run,) = store.runs()
    found = Checkpoint.read(run.path)
    assert found is not None
    others = {other: value for other, value in found.tensors.items() if other != name}
    replace(found, tensors=others).write(run.path)
    with pytest.raises(StoreError, match=r"does not fit the training .*delete checkpoint.safeten"):
        go()


@pytest.mark.parametrize("value", ["1", "1e999"])
def test_a_record_that_was_changed_is_told_and_written_anew(go, value):
    run = go()
    path = run.path / "run.json"
    before = json.loads(path.read_text())
    seed = before["identity"]["config"]["seed"]
    path.write_text(path.read_text().replace(f'"seed": {seed}', f'"lr": {value}, "seed": {seed}'))
    with pytest.raises(StoreError, match=r"run\.json is damaged: .* it is written anew"):
        go()
    path.unlink()
    assert go().identity == before["identity"]
