import pytest
import torch

from surfeit.core import DataError, DiskError
from surfeit.data import load, only_classes, read_dataset, write_dataset


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
