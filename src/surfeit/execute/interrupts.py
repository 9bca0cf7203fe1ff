"""SIGTERM and SIGHUP as Ctrl-C: whoever ends the parent process ends its work in an orderly way."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ends_interrupt() -> Iterator[None]:
    """While in force, SIGTERM and a closed terminal's SIGHUP raise KeyboardInterrupt.

    A signal that is ignored stays so (`nohup`), and so does a second SIGHUP, which shells send,
    while the first is answered. Only a main thread can take signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    heard = {number: old for number, old in before.items() if old is not signal.SIG_IGN}
    for number in heard:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, old in heard.items():
            answered = signal.getsignal(number) is signal.SIG_IGN
            if not (answered and old is _interrupt):
                signal.signal(number, old)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGHUP:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
