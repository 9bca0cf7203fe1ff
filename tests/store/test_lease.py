"""Leases between real processes."""

import errno
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from surfeit.core import BusyError, StoreError
from surfeit.store import Lease
from surfeit.store.lease import is_held

CONTEXT = multiprocessing.get_context("fork")


def hold(folder, ready, end):
    lease = Lease(folder)
    ready.set()
    end.wait(20)
    lease.close()


@contextmanager
def held(folder):
    """Another process holds the lease until its event is set."""
    ready, end = CONTEXT.Event(), CONTEXT.Event()
    holder = CONTEXT.Process(target=hold, args=(folder, ready, end))
    holder.start()
    assert ready.wait(20)
    try:
        yield holder, end
    finally:
        if holder.is_alive():  # setting an event that a killed process waits for never returns
            end.set()
        holder.join(20)


def test_a_second_process_is_told_who_holds_it(tmp_path):
    with held(tmp_path) as (holder, _):
        words = rf"being written by process {holder.pid} on .* \(last sign of life 0 s ago\); wait"
        with pytest.raises(BusyError, match=words):
            Lease(tmp_path, wait=False)


def test_a_second_process_waits_and_says_once_for_whom(tmp_path):
    told = []
    with held(tmp_path) as (holder, end):
        threading.Timer(0.5, end.set).start()
        begun = time.monotonic()
        with Lease(tmp_path, waiting=told.append):
            assert time.monotonic() - begun > 0.3
    assert len(told) == 1
    assert f"process {holder.pid}" in told[0]
    assert told[0].endswith("waiting for it")


def test_a_killed_holder_frees_the_lease(tmp_path):
    with held(tmp_path) as (holder, _):
        os.kill(holder.pid, signal.SIGKILL)
        holder.join(20)
        Lease(tmp_path, wait=False).close()


def test_a_lease_excludes_within_one_process_too(tmp_path):
    with Lease(tmp_path), pytest.raises(BusyError):
        Lease(tmp_path, wait=False)
    Lease(tmp_path, wait=False).close()


def test_a_sign_of_life_is_shown(tmp_path):
    with Lease(tmp_path) as lease:
        os.utime(tmp_path / "lease", (0, time.time() - 100))
        with pytest.raises(BusyError, match=r"last sign of life 100 s ago|10[01] s ago"):
            Lease(tmp_path, wait=False)
        lease.touch()
        with pytest.raises(BusyError, match="last sign of life 0 s ago"):
            Lease(tmp_path, wait=False)


@pytest.mark.parametrize("content", ["", "{}", "[1]", "\x00"])
def test_an_unreadable_holder_is_another_process(tmp_path, content):
    with Lease(tmp_path):
        (tmp_path / "lease").write_text(content)
        with pytest.raises(BusyError, match="being written by another process;"):
            Lease(tmp_path, wait=False)


def test_who_waited_for_a_deleted_run_holds_the_lease_that_is_there(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    first = Lease(folder)
    taken = []
    waiter = threading.Thread(target=lambda: taken.append(Lease(folder)))
    waiter.start()
    time.sleep(0.3)
    (folder / "lease").unlink()
    folder.rmdir()
    first.close()
    waiter.join(10)
    with pytest.raises(BusyError):
        Lease(folder, wait=False)
    taken[0].close()


def test_a_lease_where_nothing_can_be_written_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write .*file/lease"):
        Lease(tmp_path / "file")


def test_asking_who_writes_takes_no_lock_and_makes_nothing(tmp_path):
    assert not is_held(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with held(tmp_path):
        assert is_held(tmp_path)
    assert not is_held(tmp_path)
    (tmp_path / "lease").chmod(0o444)
    assert not is_held(tmp_path)


def ask(folder, begun, end):
    while not end.is_set():
        is_held(folder)
        begun.set()


def test_who_only_asks_keeps_no_writer_out(tmp_path):
    Lease(tmp_path).close()
    begun, end = CONTEXT.Event(), CONTEXT.Event()
    asking = CONTEXT.Process(target=ask, args=(tmp_path, begun, end))
    asking.start()
    assert begun.wait(20)
    try:
        for _ in range(1000):
            Lease(tmp_path, wait=False).close()
    finally:
        end.set()
        asking.join(20)


def test_a_lease_is_seen_from_within_its_own_process_and_after_others_have_looked(tmp_path):
    with Lease(tmp_path):
        for _ in range(3):  # each look closes a descriptor of the file
            assert is_held(tmp_path)
        with pytest.raises(BusyError):
            Lease(tmp_path, wait=False)
        assert is_held(tmp_path)
        with held(tmp_path / "other"):
            pass
        assert is_held(tmp_path)
    assert not is_held(tmp_path)


def leave_a_child(folder, said):
    Lease(folder).touch()
    leave_a_child.lease = Lease(folder / "kept")
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    said.put(child)
    said.close()
    said.join_thread()
    time.sleep(30)


def test_a_forked_child_does_not_keep_the_lease_of_a_parent_that_died(tmp_path):
    said = CONTEXT.Queue()
    parent = CONTEXT.Process(target=leave_a_child, args=(tmp_path, said))
    parent.start()
    child = said.get(timeout=20)
    try:
        assert is_held(tmp_path / "kept")
        with pytest.raises(BusyError, match=f"process {parent.pid} "):
            Lease(tmp_path / "kept", wait=False)
        os.kill(parent.pid, signal.SIGKILL)
        # Without a time limit: with one, it waits on a pipe that the child holds open to the end.
        parent.join()
        assert not is_held(tmp_path / "kept")
        Lease(tmp_path / "kept", wait=False).close()
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_child_that_ends_does_not_take_its_parents_lease(tmp_path):
    with Lease(tmp_path) as lease:
        child = os.fork()
        if child == 0:
            lease.touch()
            lease.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert is_held(tmp_path)
        with held(tmp_path / "other"), pytest.raises(BusyError):
            Lease(tmp_path, wait=False)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_a_sentence(tmp_path, monkeypatch, code):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("surfeit.store.lease.fcntl.flock", refuse)
    words = rf"{tmp_path} lies on a file system that keeps no locks \(.*choose a store elsewhere"
    with pytest.raises(StoreError, match=words):
        Lease(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere flock itself can be asked for")
def test_a_system_without_locks_of_open_files_falls_back_and_is_seen_from_outside(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("surfeit.store.lease.fcntl.F_OFD_SETLK", 9999)
    with held(tmp_path):
        assert is_held(tmp_path)
    assert not is_held(tmp_path)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_no_lease(tmp_path, make):
    make(tmp_path / "lease")
    with pytest.raises(StoreError, match="lease is a link, a folder, a pipe or a device"):
        Lease(tmp_path, wait=False)
    assert not is_held(tmp_path)


def test_a_lease_that_is_a_link_leaves_what_it_leads_to_alone(tmp_path):
    (tmp_path / "precious").write_text("do not cut")
    (tmp_path / "lease").symlink_to(tmp_path / "precious")
    with pytest.raises(StoreError, match="lease is a link"):
        Lease(tmp_path)
    assert (tmp_path / "precious").read_text() == "do not cut"
    assert not is_held(tmp_path)


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ('{"process": 7, "host": "a\\u001b[2Jb"}', r"process 7 on a\\x1b\[2Jb"),
        ('{"process": "\\u001b", "host": "a"}', "another process"),
        ("[" * 3000, "another process"),
        ("x" * 5000, "another process"),
    ],
)
def test_a_holders_name_is_shown_as_it_can_be(tmp_path, content, shown):
    with Lease(tmp_path):
        (tmp_path / "lease").write_text(content)
        with pytest.raises(BusyError, match=f"being written by {shown}"):
            Lease(tmp_path, wait=False)
