import json
import os

import pytest
import torch
from safetensors.torch import save_file

from surfeit.core import DataError, DiskError, Split
from surfeit.data import from_tensors, load, only_classes, read_dataset, write_dataset


def test_read_gives_what_was_written(tmp_path):
    for dataset in (load("digits"), only_classes(load("digits"), [3, 5])):
        found = read_dataset(write_dataset(dataset, tmp_path / f"{len(dataset.train)}.safetensors"))
        assert repr(found) == repr(dataset)
        assert found.fingerprint == dataset.fingerprint
        assert (found.mean, found.std) == (dataset.mean, dataset.std)
        assert found.class_names == dataset.class_names
        for name, split in dataset.splits.items():
            assert torch.equal(found.splits[name].images, split.images)
            assert torch.equal(found.splits[name].labels, split.labels)


def test_read_names_a_file_that_is_no_data_set(tmp_path):
    path = tmp_path / "data.safetensors"
    with pytest.raises(DataError, match=r"data\.safetensors holds no data set"):
        read_dataset(path)
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="holds no data set"):
        read_dataset(path)
    write_dataset(load("digits"), path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(DataError, match="holds no data set"):
        read_dataset(path)


def test_write_says_what_the_disk_refused(tmp_path):
    with pytest.raises(DiskError, match=r"cannot write the data set to .*nowhere/data.safetensors"):
        write_dataset(load("digits"), tmp_path / "nowhere" / "data.safetensors")


NAMES = ("train", "validation", "test")
BASE = torch.rand(12, 2, 4)
SHARING = {
    "views that overlap": (BASE[:8], BASE[2:], BASE[5:9]),
    "a reshaped view": (BASE, BASE.view(12, 2, 4), BASE.flatten(1).view(12, 2, 4)),
    "expanded": (BASE[:1].expand(5, 2, 4), BASE[:1].expand(3, 2, 4), BASE[:1]),
    "one number": (torch.ones(1, 1, 1).expand(5, 2, 4),) * 3,
    "in columns": (BASE.permute(1, 2, 0).contiguous().permute(2, 0, 1), BASE, BASE),
    "in steps": (BASE[::2], BASE[1::2], BASE[::3]),
    "from the end": (BASE[11:], BASE[:1], BASE[11:]),
}


@pytest.mark.parametrize("kind", SHARING)
def test_splits_over_one_memory_in_any_way_are_written_as_they_are(tmp_path, kind):
    labels = torch.arange(12) % 3
    splits = dict(zip(("train", "validation", "test"), SHARING[kind], strict=True))
    dataset = from_tensors("one", **{k: (x, labels[: len(x)]) for k, x in splits.items()})
    found = read_dataset(write_dataset(dataset, tmp_path / "data.safetensors"))
    for name, inputs in splits.items():
        assert torch.equal(found.splits[name].inputs, inputs)
        assert torch.equal(found.splits[name].targets, labels[: len(inputs)])


def test_inputs_that_are_their_own_targets_are_written_apart(tmp_path):
    """As for an autoencoder."""
    x = torch.rand(9, 3)
    dataset = from_tensors("copies", train=(x, x), validation=(x[:4], x[:4]), test=(x, x))
    found = read_dataset(write_dataset(dataset, tmp_path / "data.safetensors"))
    assert torch.equal(found.train.inputs, x)
    assert torch.equal(found.validation.targets, x[:4])


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (torch.eye(6).to_sparse(), r"inputs must be dense, got torch.sparse_coo: .*to_dense"),
        (torch.rand(6, 4, device="meta"), "inputs must hold values, got a tensor on the meta"),
        (torch.rand(6, 4, dtype=torch.complex64).conj().imag, r"negated view: .*resolve_neg"),
    ],
)
def test_tensors_without_plain_bytes_are_refused(inputs, words):
    with pytest.raises(ValueError, match=words):
        Split(inputs, torch.arange(6) % 3)


def test_read_waits_for_no_pipe(tmp_path):
    os.mkfifo(tmp_path / "data.safetensors")
    with pytest.raises(DataError, match="expected a regular file, found a pipe"):
        read_dataset(tmp_path / "data.safetensors")


ABOUT = {"name": "m", "mean": [0.0], "std": [1.0], "class_names": ["a"], "fingerprint": "0" * 64}


@pytest.mark.parametrize(
    "about",
    [
        "[" * 100_000,
        "[]",
        "null",
        "{",
        "{}",
        json.dumps({**ABOUT, "name": 3}),
        json.dumps({**ABOUT, "mean": 3}),
        json.dumps({**ABOUT, "mean": ["a"]}),
        json.dumps({**ABOUT, "mean": [float("nan")]}),
        json.dumps({**ABOUT, "std": [0.0]}),
        json.dumps({**ABOUT, "mean": [0.0] * 5}),
        json.dumps({**ABOUT, "class_names": [["a"]]}),
        json.dumps({**ABOUT, "class_names": None}),
        json.dumps({**ABOUT, "class_names": {"a": 1}, "fingerprint": None}),
        json.dumps({**ABOUT, "fingerprint": ["0"] * 64}),
        json.dumps({**ABOUT, "fingerprint": "x" * 64}),
    ],
)
def test_read_of_what_says_nonsense_of_itself_is_refused(tmp_path, about):
    path = tmp_path / "data.safetensors"
    split = {"images": torch.zeros(2, 1, 2, 2), "labels": torch.zeros(2, dtype=torch.int64)}
    tensors = {f"{name}.{part}": value.clone() for name in NAMES for part, value in split.items()}
    save_file(tensors, path, metadata={"dataset": json.dumps(ABOUT)})
    assert read_dataset(path).classes == 1
    save_file(tensors, path, metadata={"dataset": about})
    with pytest.raises(DataError, match="holds no data set of surfeit's"):
        read_dataset(path)
