"""What a run that is trained again takes over, and what it never touches."""

import json
import os

import pytest
import torch

from surfeit.core import ProtocolError, StoreError
from surfeit.store import (
    Run,
    RunWriter,
    again_folder,
    clear_left_behind,
    is_left_behind,
    take_over,
)
from surfeit.store.files import FileSum

from .conftest import earlier_mask, flip, weights_at

MASK = {
    "fc1.weight": weights_at(99)["fc1.weight"] > 0,
    "fc2.weight": weights_at(99)["fc2.weight"] > 0,
}


@pytest.fixture
def first(writer):
    """A finished run of snapshots at 0 and 5, with a mask from 5 on."""

    def make(mask=None):
        writing = writer(mask=mask)
        write(writing, (0, 5))
        return writing.finish({"steps": 5, "seconds": 1})

    return make


def write(writing, steps, later=0, mask=None):
    for step in steps:
        writing.snapshot(step, weights_at(step + later * (step == 5)))
        if step != 3:
            writing.record({"step": step})
    writing.mask(5, MASK if mask is None else mask)


def trained_again(run, steps=(0, 5), later=0, mask=None, seconds=2):
    about = {**run.about, "created": "2027-01-01"}
    fixed = dict(run.mask) or None
    writing = RunWriter(
        again_folder(run.path), key=run.key, identity=run.identity, about=about, mask=fixed
    )
    write(writing, steps, later, mask)
    writing.finish({"steps": 5, "seconds": seconds})


def with_earlier_masks(run):
    """The run as an earlier version would have written it."""
    done = json.loads((run.path / "DONE.json").read_text())
    del done["sha256"]  # as an earlier version wrote it
    for name in ("mask.safetensors", "masks/5.safetensors"):
        (run.path / name).write_bytes(earlier_mask(MASK))
        done["files"][name] = vars(FileSum.read(run.path / name))
    (run.path / "DONE.json").write_text(json.dumps(done))
    return run


def files(run):
    paths = [path for path in run.path.rglob("*") if path.is_file()]
    return {path.relative_to(run.path).as_posix(): path.read_bytes() for path in paths}


def test_what_was_lost_comes_back_and_the_rest_stays(first):
    run = first()
    before, numbers = files(run), {path: path.stat().st_ino for path in run.path.rglob("*.*")}
    for name in ("snapshots/0.safetensors", "metrics.jsonl"):
        (run.path / name).unlink()
    flip(run.path / "snapshots" / "5.safetensors")
    trained_again(run)
    take_over(run.path, other=False)
    assert files(run) == before
    assert run.verify() == []
    assert run.done["seconds"] == 1
    kept = run.path / "masks" / "5.safetensors"
    assert kept.stat().st_ino == numbers[kept]


def test_more_snapshots_are_added_and_listed(first):
    run = first()
    trained_again(run, steps=(0, 3, 5))
    take_over(run.path, other=False)
    assert run.steps() == [0, 3, 5]
    assert run.verify() == []


def test_a_run_that_ended_otherwise_changes_nothing_each_time(first):
    run = first()
    (run.path / "snapshots" / "0.safetensors").unlink()
    before = files(run)
    for _ in range(2):
        trained_again(run, later=1)
        with pytest.raises(ProtocolError, match=r"other snapshots/5.safetensors: .*left as they"):
            take_over(run.path, other=False)
        assert files(run) == before
        assert not (run.path / "again").exists()


def test_other_arithmetic_that_is_allowed_replaces_the_first(first):
    run = first()
    foreign = run.path / "snapshots" / "9.safetensors"
    foreign.write_bytes(b"")  # listed by nobody, and kept
    trained_again(run, later=1)
    take_over(run.path, other=True)
    assert run.verify() == [f"{foreign} is not among the files that DONE.json lists"]
    assert run.done["seconds"] == 2
    assert torch.equal(run.tensors(5)["fc1.weight"], weights_at(6)["fc1.weight"])


def test_a_file_that_only_the_first_had_goes_with_it(first):
    run = first()
    trained_again(run, steps=(0,), later=1)
    take_over(run.path, other=True)
    assert run.steps() == [0]
    assert not (run.path / "snapshots" / "5.safetensors").exists()


def test_other_masks_are_told_and_equal_ones_in_other_bytes_are_not(first):
    run = with_earlier_masks(first(mask=MASK))
    (run.path / "snapshots" / "0.safetensors").unlink()
    assert len(Run(run.path).verify()) == 1
    earlier = files(run)
    trained_again(run)
    take_over(run.path, other=False)
    assert run.verify() == []
    assert files(run)["masks/5.safetensors"] == earlier["masks/5.safetensors"]
    trained_again(run, mask=MASK | {"fc2.weight": ~MASK["fc2.weight"]})
    with pytest.raises(ProtocolError, match=r"ended with other masks/5.safetensors"):
        take_over(run.path, other=False)


def test_a_mask_in_earlier_bytes_that_was_lost_is_made_again(first):
    run = with_earlier_masks(first(mask=MASK))
    (run.path / "masks" / "5.safetensors").unlink()
    trained_again(run)
    flip(run.path / "mask.safetensors")
    take_over(run.path, other=False)
    assert Run(run.path).verify() == []
    assert Run(run.path).mask_at()["fc2.weight"].equal(MASK["fc2.weight"])


def test_another_number_of_steps_is_another_run(first):
    run = first()
    done = json.loads((run.path / "DONE.json").read_text())
    del done["sha256"]  # as an earlier version wrote it
    (run.path / "DONE.json").write_text(json.dumps({**done, "steps": 10**9}))
    trained_again(run)
    with pytest.raises(ProtocolError, match="ended with other steps"):
        take_over(run.path, other=False)


@pytest.mark.parametrize("count", range(1, 6))
def test_cut_short_it_is_taken_up_by_the_next_call(first, monkeypatch, count):
    run = first()
    before = files(run)
    for name in ("snapshots/0.safetensors", "snapshots/5.safetensors", "metrics.jsonl"):
        (run.path / name).unlink()
    trained_again(run)
    real, left = os.replace, [count]

    def dying(source, target):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt  # as kill -9 would: nothing after it is done
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", dying)
        if count <= 4:
            with pytest.raises(KeyboardInterrupt):
                take_over(run.path, other=False)
    if is_left_behind(run.path):
        take_over(run.path, other=False)
    else:
        assert count > 4
        trained_again(run)
        take_over(run.path, other=False)
    assert files(run) == before
    assert run.verify() == []


def test_what_was_damaged_meanwhile_is_not_taken(first):
    run = first()
    (run.path / "snapshots" / "0.safetensors").unlink()
    before = files(run)
    trained_again(run)
    flip(run.path / "again" / "snapshots" / "0.safetensors")
    with pytest.raises(StoreError, match=r"is damaged: .* it is trained once more"):
        take_over(run.path, other=False)
    assert files(run) == before


def test_links_in_the_way_are_refused(first, tmp_path):
    run = first()
    (tmp_path / "precious").mkdir()
    (run.path / "again").symlink_to(tmp_path / "precious")
    with pytest.raises(StoreError, match="again is in the way, and is no folder: delete it"):
        again_folder(run.path)
    clear_left_behind(run.path)
    assert (tmp_path / "precious").exists()
    (run.path / "again").unlink()
    trained_again(run)
    for path in (run.path / "snapshots").iterdir():
        path.unlink()
    (run.path / "snapshots").rmdir()
    (run.path / "snapshots").symlink_to(tmp_path / "precious")
    with pytest.raises(StoreError, match="snapshots is no folder, or a link"):
        take_over(run.path, other=False)
    assert not os.listdir(tmp_path / "precious")


def test_names_that_lead_out_of_the_folder_delete_nothing(first, tmp_path):
    run = first()
    precious = tmp_path / "precious.txt"
    precious.write_text("precious")
    done = json.loads((run.path / "DONE.json").read_text())
    del done["sha256"]  # as an earlier version wrote it
    for name in (str(precious), os.path.relpath(precious, run.path)):
        done["files"][name] = {"size": 1, "sha256": "0"}
    trained_again(run)
    (run.path / "DONE.json").write_text(json.dumps(done))
    for other in (False, True):
        with pytest.raises(StoreError, match=r"precious.txt', which is no file of a run"):
            take_over(run.path, other=other)
        assert precious.read_text() == "precious"
