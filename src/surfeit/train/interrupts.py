"""Ctrl-C between two steps, never inside one: what is saved then is whole."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_interrupts() -> Iterator[Callable[[], bool]]:
    """Holds SIGINT and SIGTERM back; the function it yields says whether one came.

    Only the main thread can take signals: elsewhere nothing is held and nothing ever came.
    """
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    held = {}
    if threading.current_thread() is threading.main_thread():
        held = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
