"""A worker process, as it sees itself: takes tasks from a pipe until the pipe or its parent ends.

Nothing but JSON goes over the pipe: a task comes, `began`, `done` or `failed` go back.
"""

import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from surfeit.core.freed_memory import keep_freed_memory
from surfeit.execute.messages import perform_message
from surfeit.execute.performance import Failure
from surfeit.store import Objects

GRACE_SECONDS = 1.5
"""What a training has to save where it stands, once it was told to stop."""

ENDS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
"""What ends a process; a terminal sends it to workers too."""

_TOLD_TO_STOP = 128 + signal.SIGTERM


def serve(pipe: Connection, environment: Mapping[str, str]) -> None:
    """A worker's whole life. Never returns: nothing of the interpreter's own ending may be shown.

    SIGTERM makes a training save and end, and everything else end at once. Ctrl-C and SIGHUP are
    left to the parent, which then sends SIGTERM.
    """
    status = _TOLD_TO_STOP
    with suppress(KeyboardInterrupt):  # a second signal, while the first is being answered
        try:
            _take_signals()
            keep_freed_memory()
            os.environ.clear()
            os.environ.update(environment)
            _answer(pipe)
            status = 0
        except KeyboardInterrupt:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def _answer(pipe: Connection) -> None:
    objects: Objects | None = None
    # A pipe that ends, before or while something is sent, is a parent that is gone or done.
    with suppress(EOFError, OSError):
        while True:
            message = json.loads(pipe.recv_bytes())
            torch.set_num_threads(1)
            root = Path(message["store"])
            if objects is None or objects.root != root:
                objects = Objects(root)
            result = perform_message(
                message["task"],
                parents=message["parents"],
                objects=objects,
                began=partial(_began, pipe),
            )
            _send(pipe, _result(result))


def _result(result: str | Failure) -> dict[str, Any]:
    if isinstance(result, str):
        return {"done": result}
    return {"failed": result.sentence, "passing": result.passing}


def _began(pipe: Connection, key: str, steps: int) -> None:
    with suppress(OSError):  # the work is worth more than its progress
        _send(pipe, {"began": str(key), "steps": int(steps)})


def _send(pipe: Connection, message: Mapping[str, Any]) -> None:
    pipe.send_bytes(json.dumps(message).encode())


def _take_signals() -> None:
    # Blocked until all is in place; a thread that starts meanwhile never takes one.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGTERM, _stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    """Ends this process soon after its parent, however that ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
