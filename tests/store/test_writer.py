"""Writing: atomic files, refusing disks, checkpoints and what they stand on."""

import errno
import json
import os
import subprocess

import pytest
import torch

from surfeit.core import StoreError, digest
from surfeit.store import Run, clear_temporary, make_folder, write_atomically, write_json
from surfeit.store import files as files_module
from surfeit.store.files import read_json

from .conftest import earlier_mask, flip, weights_at

REFUSALS = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "your quota on this disk is used up",
    errno.EROFS: "the disk is mounted read-only: choose another folder",
    errno.EACCES: "you may not write there",
    errno.EIO: "Input/output error",
}


def refusing(number):
    def refuse(*args, **options):
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("number", REFUSALS)
@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_refused_write_says_why_and_keeps_the_old_file(tmp_path, monkeypatch, number, where):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(files_module.os, where, refusing(number))
        with pytest.raises(StoreError, match=REFUSALS[number]) as error:
            write_atomically(path, b"new")
    assert "Nothing written before is lost" in str(error.value)
    assert str(path) in str(error.value)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_that_cannot_be_opened_for_writing(tmp_path, monkeypatch):
    monkeypatch.setattr("builtins.open", refusing(errno.EROFS))
    with pytest.raises(StoreError, match="mounted read-only"):
        write_atomically(tmp_path / "file", b"new")


def test_make_folder_tells_when_a_part_of_the_path_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="a part of this path is a file"):
        make_folder(tmp_path / "file" / "sub")
    assert make_folder(tmp_path / "a" / "b").is_dir()


def test_json_round_trip_and_errors(tmp_path):
    write_json(tmp_path / "a", {"b": [1, 2.5, None]})
    assert read_json(tmp_path / "a") == {"b": [1, 2.5, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a", float("nan"))
    assert read_json(tmp_path / "a") == {"b": [1, 2.5, None]}
    with pytest.raises(StoreError, match="is missing"):
        read_json(tmp_path / "none")


def test_checkpoint_comes_back_to_the_last_bit(writer):
    writing = writer()
    assert writing.resume([0]) is None
    writing.snapshot(0, weights_at(0))
    writing.record({"step": 0})
    tensors = weights_at(3) | {"count": torch.tensor(3.0), "none": torch.empty(0, 4)}
    writing.checkpoint(tensors, {"step": 3, "best": None})
    writing.record({"step": 5})
    found = writer().resume([0, 5])
    assert found is not None
    assert digest(found[0]) == digest(tensors)
    assert found[1] == {"step": 3, "best": None}
    assert Run(writing.folder).metrics()["step"].to_pylist() == [0]


def test_metrics_are_cut_back_to_the_checkpoint_whatever_follows(writer):
    writing = writer()
    writing.record({"step": 0})
    writing.checkpoint({}, {"step": 0})
    path = writing.folder / "metrics.jsonl"
    whole = path.read_bytes()
    for rest in (b'{"step": 1}\n', b'{"st', b"\x00\x00\n\xff\n"):
        path.write_bytes(whole + rest)
        assert writer().resume([]) is not None
        assert path.read_bytes() == whole
    path.write_bytes(b'{"step": 0, "garbage')
    assert writer().resume([]) is None
    assert not (writing.folder / "checkpoint.safetensors").exists()
    writer().resume([])
    assert path.read_bytes() == b""


def test_a_run_starts_anew_where_what_its_checkpoint_stands_on_is_gone(writer):
    def prepared():
        writing = writer()
        for step in (0, 5):
            writing.snapshot(step, weights_at(step))
            writing.record({"step": step})
        writing.checkpoint({}, {"step": 5})
        return writing

    snapshot = prepared().folder / "snapshots" / "0.safetensors"
    assert writer().resume([0, 5, 10]) is not None
    assert writer().resume([0, 2, 5]) is None  # more snapshots are wanted now
    prepared()
    snapshot.unlink()
    assert writer().resume([0, 5]) is None
    prepared()
    snapshot.write_bytes(snapshot.read_bytes()[:-1])
    assert writer().resume([0, 5]) is None
    metrics = prepared().folder / "metrics.jsonl"
    metrics.write_bytes(metrics.read_bytes()[:-1])
    assert writer().resume([0, 5]) is None


PARTS = ["run.json", "metrics.jsonl", "mask.safetensors", "masks/5.safetensors"]
PARTS += ["snapshots/0.safetensors", "snapshots/5.safetensors"]
MASK = {"fc1.weight": weights_at(99)["fc1.weight"] > 0}


def write_all(writing):
    for step in (0, 5):
        writing.snapshot(step, weights_at(step))
    writing.mask(5, MASK)
    if not (writing.folder / "metrics.jsonl").read_text():
        writing.record({"step": 0})


def checkpointed(writer):
    writing = writer(mask=MASK)
    writing.record({"step": 0})
    write_all(writing)
    writing.checkpoint(weights_at(5), {"step": 5})
    return writing.folder


@pytest.mark.parametrize("name", PARTS)
def test_a_run_starts_anew_where_what_its_checkpoint_stands_on_has_changed(writer, name):
    folder = checkpointed(writer)
    assert writer(mask=MASK).resume([0, 5]) is not None
    path = folder / name
    sound = path.read_bytes()
    flip(path, sound.index(b"2026") if name == "run.json" else len(sound) - 2)
    (words,) = Run(folder).verify()
    assert words.startswith(f"{path} is damaged: its ")
    assert "Give the command that made the run again: it begins with what is sound" in words
    writing = writer(mask=MASK)
    # The first mask is known without the file, which is as it was by now.
    assert (writing.resume([0, 5]) is None) == (name != "mask.safetensors")
    write_all(writing)
    assert writing.finish({}).verify() == []
    assert path.read_bytes() == sound


def test_what_an_earlier_sitting_left_is_not_taken_unseen(writer):
    first = writer()
    for step in (0, 5):
        first.snapshot(step, weights_at(step))
    first.mask(5, MASK)
    second = writer()
    assert second.resume([0]) is None
    second.snapshot(0, weights_at(0))
    run = second.finish({})
    assert run.steps() == [0]
    assert set(run.done["files"]) == {"run.json", "snapshots/0.safetensors"}
    assert not list(run.path.rglob("5.safetensors"))


def test_a_changed_byte_after_a_file_was_written_is_found_in_the_end(writer):
    for name in ("run.json", "metrics.jsonl", "mask.safetensors", "snapshots/0.safetensors"):
        writing = writer(len(name) % 7, mask=MASK)
        writing.snapshot(0, weights_at(0))
        writing.record({"step": 0})
        data = (writing.folder / name).read_bytes()
        flip(writing.folder / name, data.index(b"2026") if name == "run.json" else -2)
        (words,) = writing.finish({}).verify()
        assert "its sha256 is not what was written" in words


def test_a_mask_that_is_another_one_is_written_anew(writer):
    folder = writer(mask=MASK).folder
    sound = (folder / "mask.safetensors").read_bytes()
    for damage in (b"", sound[:-1], sound[:-1] + bytes([sound[-1] ^ 128])):
        (folder / "mask.safetensors").write_bytes(damage)
        writer(mask=MASK)
        assert (folder / "mask.safetensors").read_bytes() == sound
    writer()
    assert not (folder / "mask.safetensors").exists()


def test_a_mask_in_an_earlier_versions_bytes_stays_as_it_is(writer):
    mask = MASK | {"fc2.weight": weights_at(99)["fc2.weight"] > 0}
    folder = writer(mask=mask).folder
    earlier = earlier_mask(mask)
    (folder / "mask.safetensors").write_bytes(earlier)
    run = writer(mask=mask).finish({})
    assert (folder / "mask.safetensors").read_bytes() == earlier
    assert run.verify() == []


def test_a_record_of_another_run_is_refused(writer):
    path = writer().folder / "run.json"
    record = json.loads(path.read_text())
    record["identity"]["config"]["seed"] = 1
    path.write_text(json.dumps(record))
    with pytest.raises(StoreError, match=r"run.json is damaged, or of another run.*Delete this fo"):
        writer()


def test_a_damaged_checkpoint_is_told(writer):
    writing = writer()
    writing.checkpoint({"a": torch.ones(3)}, {"step": 1})
    path = writing.folder / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StoreError, match="delete it and the run starts anew"):
        writer().resume([])


def test_a_writer_refuses_a_damaged_or_newer_run_before_any_work(writer):
    path = writer().folder / "run.json"
    path.write_text('{"schema": 7}')
    with pytest.raises(StoreError, match="schema 7"):
        writer()


def test_half_a_row_of_metrics_is_taken_back(writer, monkeypatch):
    writing = writer()
    writing.record({"step": 0})
    real = open

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, text):
            self.file.write(text[:5])
            self.file.flush()
            raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", lambda *args, **options: Full(real(*args, **options)))
        with pytest.raises(StoreError, match="the disk is full"):
            writing.record({"step": 1})
    writing.record({"step": 2})
    assert Run(writing.folder).metrics()["step"].to_pylist() == [0, 2]


def test_finish_gives_the_sums_and_removes_the_checkpoint(writer):
    writing = writer()
    writing.snapshot(0, weights_at(0))
    writing.checkpoint({}, {"step": 0})
    (writing.folder / "snapshots" / ".5.safetensors.1.tmp").write_bytes(b"half")
    run = writing.finish({"steps": 0})
    assert not (run.path / "checkpoint.safetensors").exists()
    assert set(run.done["files"]) == {"run.json", "snapshots/0.safetensors"}
    assert run.verify() == []
    assert run.steps() == [0]
    clear_temporary(run.path)
    assert os.listdir(run.path / "snapshots") == ["0.safetensors"]


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(tiny_disk):
    write_atomically(tiny_disk / "first", b"1" * 100_000)
    with pytest.raises(StoreError, match="the disk is full"):
        write_atomically(tiny_disk / "first", b"2" * 300_000)
    assert (tiny_disk / "first").read_bytes() == b"1" * 100_000
    assert os.listdir(tiny_disk) == ["first"]
