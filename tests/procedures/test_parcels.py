"""The folder of parcels: gone with whatever ends the process, at once or with the next call."""

import multiprocessing
import os
import signal
import tempfile
import time

import pytest

from surfeit.execute.interrupts import ends_interrupt
from surfeit.procedures.parcels import parcel_folder

INTERRUPTED = 7


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def waiting(place):
    """A process that has a folder with data in it, and waits."""
    process = multiprocessing.get_context("fork").Process(target=_wait)
    process.start()
    while not list(place.glob("*/data")):
        time.sleep(0.01)
    yield process
    process.kill()
    process.join()


def _wait():
    try:
        with ends_interrupt(), parcel_folder() as folder:
            (folder / "data").touch()
            time.sleep(60)
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_parcel_folder_goes_with_a_process_that_is_told_to_end(place, waiting, number):
    os.kill(waiting.pid, number)
    if number == signal.SIGHUP:
        os.kill(waiting.pid, number)  # as a shell does when its terminal closes
    waiting.join(5)
    assert waiting.exitcode == INTERRUPTED
    assert list(place.iterdir()) == []


def test_parcel_folder_of_a_killed_process_goes_with_the_next_call(place, waiting):
    (left,) = place.iterdir()
    (place / "surfeit-parcels-without-owner").mkdir()
    with parcel_folder():
        assert left.exists()  # its process lives
    waiting.kill()
    waiting.join()
    with parcel_folder() as folder:
        assert {path.name for path in place.iterdir()} == {
            folder.name,
            "surfeit-parcels-without-owner",
        }


def test_hangup_that_is_ignored_stays_so(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ends_interrupt():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_hangup_is_heard_again_after_one_was_answered():
    before = signal.getsignal(signal.SIGHUP)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), ends_interrupt(), ends_interrupt():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is before
