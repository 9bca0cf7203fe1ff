"""Signals that end a process end its work in an orderly way."""

import os
import signal

import pytest

from surfeit.execute.interrupts import ends_interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_ends_a_process_interrupts_its_work(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), ends_interrupt():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


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
