"""Objects: tensors by their content, shared by whoever sends them, gone when nobody does."""

import multiprocessing
import os
import time

import pytest
import torch

from surfeit.core import StoreError, digest
from surfeit.store import Objects, sending_objects
from surfeit.store.objects import KEPT_DAYS

from .conftest import flip

TENSORS = {
    "w": torch.randn(3, 4, generator=torch.Generator().manual_seed(0)),
    "kept": torch.tensor([[True, False]]),
    "none": torch.zeros(0, 2),
    "double": torch.tensor(0.1, dtype=torch.float64),
    "half": torch.ones(3, dtype=torch.bfloat16),
}


@pytest.fixture
def root(tmp_path):
    return tmp_path / "a store"


def files(root):
    return sorted(path for path in (root / "objects").glob("??/*") if path.is_file())


def test_tensors_come_back_bit_for_bit(root):
    objects = Objects(root)
    name = objects.put(TENSORS)
    assert name == digest(TENSORS)
    assert objects.path_of(name) == root / "objects" / name[:2] / f"{name}.safetensors"
    found = Objects(root).get(name)
    assert found.keys() == TENSORS.keys()
    assert all(found[one].dtype == value.dtype for one, value in TENSORS.items())
    assert digest(found) == name


def test_tensors_that_share_memory_are_stored_each(root):
    whole = torch.arange(6.0).view(2, 3)
    tensors = {"whole": whole, "again": whole, "turned": whole.T}
    objects = Objects(root)
    found = objects.get(objects.put(tensors))
    assert torch.equal(found["turned"], whole.T)
    assert torch.equal(found["again"], whole)


def test_what_is_there_is_not_written_again(root):
    objects = Objects(root)
    path = objects.path_of(objects.put(TENSORS))
    node = path.stat().st_ino
    objects.put(TENSORS)
    assert path.stat().st_ino == node
    assert files(root) == [path]


def test_a_damaged_object_is_refused_and_written_anew_by_whoever_sends_it(root):
    objects = Objects(root)
    name = objects.put(TENSORS)
    flip(objects.path_of(name))
    with pytest.raises(StoreError, match="it holds other tensors than its name says"):
        objects.get(name)
    objects.put(TENSORS)
    assert digest(objects.get(name)) == name
    objects.path_of(name).write_bytes(b"nothing")
    with pytest.raises(StoreError, match="cannot be read"):
        objects.get(name)


@pytest.mark.parametrize("kind", ["missing", "pipe", "link", "folder"])
def test_only_regular_files_are_read(root, kind, tmp_path):
    objects = Objects(root)
    name = objects.put(TENSORS)
    path = objects.path_of(name)
    path.rename(tmp_path / "elsewhere")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(StoreError):
        objects.get(name)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63])
def test_a_name_leads_nowhere_else(root, name):
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        Objects(root).path_of(name)


def test_what_was_sent_goes_with_the_call(root):
    with sending_objects(root) as objects:
        objects.put(TENSORS)
        assert len(files(root)) == 1
    assert files(root) == []
    assert list((root / "objects" / "calls").iterdir()) == []


def test_what_another_call_sends_too_stays(root):
    with sending_objects(root) as first:
        name = first.put(TENSORS)
        with sending_objects(root) as second:
            second.put(TENSORS)
            second.put({"other": torch.ones(1)})
        assert [path.name for path in files(root)] == [f"{name}.safetensors"]
        first.get(name)
    assert files(root) == []


def test_an_error_lets_it_go_and_an_interruption_keeps_it(root):
    with pytest.raises(RuntimeError):
        _send_until(root, RuntimeError)
    assert files(root) == []
    with pytest.raises(KeyboardInterrupt):
        _send_until(root, KeyboardInterrupt)
    assert len(files(root)) == 1


def _send_until(root, error):
    with sending_objects(root) as objects:
        objects.put(TENSORS)
        raise error


def _send_and_wait(root):
    with sending_objects(root) as objects:
        objects.put(TENSORS)
        (root / "sent").touch()
        time.sleep(60)


def test_what_a_killed_call_left_goes_when_it_is_old(root):
    process = multiprocessing.get_context("fork").Process(target=_send_and_wait, args=(root,))
    process.start()
    while not (root / "sent").exists():
        time.sleep(0.01)
    (path,) = files(root)
    old = time.time() - (KEPT_DAYS + 1) * 86_400
    os.utime(path, (old, old))
    with sending_objects(root):
        pass
    assert files(root) == [path], "its process lives, however old the file"
    process.kill()
    process.join()
    os.utime(path)
    with sending_objects(root):
        pass
    assert files(root) == [path], "a job that it submitted may still read it"
    os.utime(path, (old, old))
    Objects(root).get(path.stem)  # is in use
    with sending_objects(root):
        pass
    assert files(root) == [path]
    os.utime(path, (old, old))
    with sending_objects(root):
        pass
    assert files(root) == []


def test_the_last_few_things_are_remembered():
    objects, read = Objects("nowhere"), []

    def once(name):
        return objects.remember(name, lambda: read.append(name) or name)

    assert [once("a"), once("a")] == ["a", "a"]
    assert read == ["a"]
    for number in range(4):
        once(number)
    once("a")
    assert read == ["a", *range(4), "a"]
