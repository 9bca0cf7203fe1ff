"""Checkpoints: what they hold, every bit that changes in them, and those of earlier versions."""

import json

import pytest
import safetensors.torch
import torch

from surfeit.core import StoreError, digest
from surfeit.store.checkpoint import Checkpoint, damage
from surfeit.store.container import container, sealed, unsealed
from surfeit.store.files import FileSum
from surfeit.store.snapshots import places

TENSORS = {"w": torch.arange(6.0).reshape(2, 3), "none": torch.empty(0, 4), "n": torch.tensor(3)}
NOTHING = FileSum.of(b"")


def put(folder, record):
    data = safetensors.torch.save(TENSORS, metadata={"record": json.dumps(record)})
    (folder / "checkpoint.safetensors").write_bytes(data)


def test_a_container_is_a_safetensors_file_in_one_order(tmp_path):
    metadata = {f"{letter}é": "[1]" for letter in "zyxwvutsrqponmlkjihgfedcba"}
    data = container(TENSORS, metadata)
    assert data == container(TENSORS, dict(reversed(metadata.items())))
    assert digest(safetensors.torch.load(data)) == digest(TENSORS)
    (tmp_path / "file").write_bytes(data)
    assert places(tmp_path / "file").keys() == TENSORS.keys()
    with safetensors.safe_open(tmp_path / "file", framework="pt") as file:
        assert file.metadata() == metadata
    found, texts = unsealed(sealed(TENSORS, metadata))
    assert digest(found) == digest(TENSORS)
    assert texts == metadata


def test_a_bit_that_changes_in_any_byte_of_a_checkpoint_is_seen(tmp_path):
    Checkpoint(TENSORS, {"step": 3}, {"run.json": FileSum.of(b"a")}, NOTHING).write(tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    sound = path.read_bytes()
    found = Checkpoint.read(tmp_path)
    assert found is not None
    assert (digest(found.tensors), found.state) == (digest(TENSORS), {"step": 3})
    assert (found.files, found.metrics) == ({"run.json": FileSum.of(b"a")}, NOTHING)
    for byte in range(len(sound)):
        changed = bytearray(sound)
        changed[byte] ^= 1 << byte % 8
        path.write_bytes(changed)
        with pytest.raises(StoreError, match=r"is damaged \(.*: delete it and the run starts anew"):
            Checkpoint.read(tmp_path)


def test_a_checkpoint_of_an_earlier_version_is_read(tmp_path):
    old = {"state": {"step": 3}, "metrics": 4, "snapshots": {"snapshots/0.safetensors": vars(SUM)}}
    put(tmp_path, old)
    found = Checkpoint.read(tmp_path)
    assert found is not None
    assert digest(found.tensors) == digest(TENSORS)
    assert found.files == {"snapshots/0.safetensors": SUM}
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "0.safetensors").write_bytes(b"a")
    for rows, problems in ((b"{}\n", 1), (b"{}\n\n", 0), (b"{}\n\nmore", 0)):
        (tmp_path / "metrics.jsonl").write_bytes(rows)
        assert len(found.problems(tmp_path)) == problems
    assert damage(tmp_path) == []


SUM = FileSum.of(b"a")
RECORDS = [
    {},
    [],
    {"state": {}, "files": {}},
    {"state": {}, "files": {"../../precious": vars(SUM)}, "metrics": 0},
    {"state": {}, "files": {"/dev/zero": vars(SUM)}, "metrics": 0},
    {"state": {}, "files": {"run.json": {"size": "1", "sha256": ""}}, "metrics": 0},
    {"state": {}, "files": {"run.json": {"size": 1}}, "metrics": 0},
    {"state": {}, "files": [1], "metrics": 0},
    {"state": {}, "files": {}, "metrics": {"size": -1, "sha256": ""}},
    {"state": {}, "files": {}, "metrics": None},
]


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_that_no_writer_makes_is_told(tmp_path, record):
    put(tmp_path, record)
    with pytest.raises(StoreError, match="delete it and the run starts anew"):
        Checkpoint.read(tmp_path)
    assert len(damage(tmp_path)) == 1


@pytest.mark.parametrize("content", [b"", b"\x01", b"\xff" * 9, b"\x02" + bytes(7) + b"[]"])
def test_what_is_no_safetensors_file_is_told(tmp_path, content):
    (tmp_path / "checkpoint.safetensors").write_bytes(content)
    with pytest.raises(StoreError, match="delete it and the run starts anew"):
        Checkpoint.read(tmp_path)
