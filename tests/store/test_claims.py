"""Temporary folders: claimed ones stay, those of ended processes go, all others are left alone."""

import multiprocessing
import os

import pytest

from surfeit.store import claims
from surfeit.store.claims import claim, clear_unclaimed


def made(parent, name):
    folder = parent / name
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "file").write_text("")
    return folder


def killed_within(folder):
    claim(folder)
    os.kill(os.getpid(), 9)


def test_the_folder_of_a_killed_process_is_cleared_and_a_living_ones_is_not(tmp_path):
    dead, living, other = (made(tmp_path, name) for name in ("t-dead", "t-living", "u-dead"))
    for folder in (dead, other):
        process = multiprocessing.get_context("fork").Process(target=killed_within, args=(folder,))
        process.start()
        process.join()
    with claim(living):
        clear_unclaimed(tmp_path, "t-*")
        assert sorted(os.listdir(tmp_path)) == ["t-living", "u-dead"]
    clear_unclaimed(tmp_path, "t-*")
    assert os.listdir(tmp_path) == ["u-dead"]


def test_links_pipes_and_folders_without_a_claim_are_left_alone(tmp_path):
    precious = made(tmp_path, "precious")
    claim(precious).close()
    (tmp_path / "t-link").symlink_to(precious)
    made(tmp_path, "t-unclaimed")
    os.mkfifo(made(tmp_path, "t-pipe") / "owner")
    (made(tmp_path, "t-claim-link") / "owner").symlink_to(precious / "owner")
    (tmp_path / "t-file").write_text("")
    linked = made(tmp_path, "t-inside")
    (linked / "link").symlink_to(precious)
    claim(linked).close()
    before = set(os.listdir(tmp_path))
    clear_unclaimed(tmp_path, "t-*")
    assert before - set(os.listdir(tmp_path)) == {"t-inside"}
    assert (precious / "sub" / "file").exists()


def test_where_there_are_no_locks_nothing_is_cleared(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(claims.fcntl, "flock", refuse)
    folder = made(tmp_path, "t-a")
    claim(folder).close()
    clear_unclaimed(tmp_path, "t-*")
    assert folder.exists()


def test_anothers_folder_is_left_alone(tmp_path, monkeypatch):
    folder = made(tmp_path, "t-a")
    claim(folder).close()
    monkeypatch.setattr(claims.os, "geteuid", lambda: os.getuid() + 1)
    clear_unclaimed(tmp_path, "t-*")
    assert folder.exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        claim(tmp_path / "none")
