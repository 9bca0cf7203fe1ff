"""Leases between real processes."""

import multiprocessing
import os
import signal
import threading
import time
from contextlib import contextmanager

import pytest

from surfeit.core import BusyError, StoreError
from surfeit.store import Lease

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
