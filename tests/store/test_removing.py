"""What may be deleted: a run's own regular files."""

import os

import pytest

from surfeit.store import clear_temporary
from surfeit.store.removing import own_file, remove_file, remove_folder


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "runs" / "ab"
    (made / "snapshots").mkdir(parents=True)
    (made / "snapshots" / "0.safetensors").write_bytes(b"a")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "0.safetensors").write_bytes(b"precious")
    return made


def test_a_runs_own_file_is_deleted(folder):
    remove_file(folder, "snapshots/0.safetensors")
    assert not os.listdir(folder / "snapshots")
    remove_file(folder, "snapshots/0.safetensors")  # it is gone already


def test_nothing_else_is(folder, tmp_path):
    precious = tmp_path / "precious" / "0.safetensors"
    (folder / "masks").symlink_to(tmp_path / "precious")
    (folder / "link").symlink_to(precious)
    os.mkfifo(folder / "pipe")
    names = ["../../precious/0.safetensors", "masks/0.safetensors", "snapshots/../link", "link"]
    names += [str(precious), "snapshots", ".", "", "pipe", "none/at/all", "a\0b", "x" * 5000]
    before = sorted(os.listdir(folder))
    for name in names:
        assert own_file(folder, name) is None, name
        remove_file(folder, name)
    remove_folder(folder / "masks")
    remove_folder(folder / "none")
    assert sorted(os.listdir(folder)) == before
    assert precious.read_bytes() == b"precious"


def test_links_within_a_folder_are_not_followed(folder, tmp_path):
    again = folder / "again"
    again.mkdir()
    (again / "snapshots").symlink_to(tmp_path / "precious")
    remove_folder(again)
    assert not again.exists()
    assert (tmp_path / "precious" / "0.safetensors").exists()


def test_temporary_files_go_and_folders_of_that_name_stay(folder, tmp_path):
    for path in (folder / ".run.json.1.tmp", folder / "snapshots" / ".5.safetensors.1.tmp"):
        path.write_bytes(b"half")
    (folder / ".folder.tmp").mkdir()
    (tmp_path / "precious" / ".a.tmp").write_bytes(b"")
    (folder / "masks").symlink_to(tmp_path / "precious")
    clear_temporary(folder)
    assert sorted(os.listdir(folder)) == [".folder.tmp", "masks", "snapshots"]
    assert os.listdir(folder / "snapshots") == ["0.safetensors"]
    assert (tmp_path / "precious" / ".a.tmp").exists()
