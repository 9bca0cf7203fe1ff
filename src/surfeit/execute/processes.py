"""Worker processes, as their parent sees them."""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing import connection, forkserver, resource_tracker
from multiprocessing.util import get_temp_dir
from pathlib import Path
from tempfile import gettempdir
from types import ModuleType
from typing import Any, TextIO

from surfeit.core import SurfeitError
from surfeit.execute.worker import ENDS, GRACE_SECONDS, serve
from surfeit.store import claim, clear_unclaimed

ONE_THREAD: dict[str, str] = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"
)
_LAST_SECONDS = 0.3
_TRIES = 3
_LOST = 255  # what multiprocessing says of a process whose forkserver has gone


class WorkerProcess:
    """One worker process: is sent a task, and sends what becomes of it.

    The forkserver imports torch once, with one thread; a worker is a fork of it and starts in
    some 35 ms. It imports nothing of the script that is being run, so that one needs no
    `if __name__ == "__main__"`.
    """

    def __init__(self) -> None:
        self.pipe, self._theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["torch", "surfeit.execute.worker"])
        self._process = context.Process(
            target=serve, args=(self._theirs, {**os.environ, **ONE_THREAD}), name="surfeit worker"
        )

    def start(self) -> None:
        """Starts the process: seconds for the first one while torch loads, then milliseconds.

        Raises:
            SurfeitError: if the forkserver ends each time, whoever or whatever ends it.
        """
        for _ in range(_TRIES):
            try:
                _start_forkserver()
                with _no_main():
                    self._process.start()
                self._theirs.close()
                return
            except (EOFError, ConnectionError):  # it has ended; it is started anew
                time.sleep(_LAST_SECONDS)
        raise SurfeitError(
            "no worker can be started: the process that forks them ended each time, as it does "
            "when memory runs out. Free some memory, or give fewer workers"
        )

    @property
    def signs(self) -> list[Any]:
        """What becomes ready when the worker has sent something or has ended."""
        return [self.pipe, self._process.sentinel]

    def send(self, message: Mapping[str, Any]) -> None:
        """Sends a message; that the worker has died meanwhile will be seen by `receive`."""
        with suppress(OSError):
            self.pipe.send_bytes(json.dumps(message).encode())

    def receive(self) -> dict[str, Any] | None:
        """The next message that is there, or None.

        Raises:
            EOFError: if the worker has ended and all that it sent was read.
        """
        ended = self.ended  # asked first: what it sent before its end is then there to be read
        try:
            if self.pipe.poll():
                return json.loads(self.pipe.recv_bytes())
        except OSError as error:
            raise EOFError from error
        if ended:
            raise EOFError
        return None

    @property
    def ended(self) -> bool:
        """Whether the process is no more."""
        return self._process.pid is None or self._process.exitcode is not None

    def how_it_ended(self) -> str:
        """How a process that died did so, in a few words."""
        self._process.join(_LAST_SECONDS)
        code = self._process.exitcode
        if code == _LOST:
            return "was lost with the process that had forked it"
        if code == -signal.SIGKILL:
            return "was killed by SIGKILL, as the system does when memory runs out"
        if code is not None and code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def interrupt(self) -> None:
        """Asks the worker to save where it stands and to end."""
        self._signal(signal.SIGTERM)

    def close(self) -> None:
        """Ends the process, if it has not ended, and forgets it."""
        self._signal(signal.SIGKILL)
        self.pipe.close()  # a worker that was still being started ends when it sees this
        self._theirs.close()
        if self._process.pid is not None:
            self._process.join(_LAST_SECONDS)

    def _signal(self, number: int) -> None:
        pid = self._process.pid
        if pid is not None and self._process.exitcode in (None, _LOST):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def stop(processes: list[WorkerProcess]) -> None:
    """Lets workers save where they stand, and ends them: in 1.5 seconds, or at once if they can.

    Whatever interrupts this, a second Ctrl-C for one, no worker is left.
    """
    try:
        for process in processes:
            process.interrupt()
        end = time.monotonic() + GRACE_SECONDS
        while (left := end - time.monotonic()) > 0:
            living = [
                sign for process in processes if not process.ended for sign in process.signs[1:]
            ]
            if not living:
                break
            connection.wait(living, left)
    finally:
        for process in processes:
            process.close()


def _start_forkserver() -> None:
    """Starts the forkserver, if none runs yet, with one thread and without signals.

    It inherits what is blocked here, and so do its workers until they are ready for signals: no
    Ctrl-C finds one of them half started. It serves all calls of this process and ends soon after
    it, or, if that was while torch loads, once it has loaded.
    """
    _claim_temporary_folder()
    resource_tracker.ensure_running()  # first: it unblocks what it finds blocked
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    environment = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        forkserver.ensure_running()
    finally:
        for name, value in environment.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@cache
def _claim_temporary_folder() -> TextIO | None:
    """Clears the folders of killed processes, and marks that of this one while it lives.

    The forkserver's socket lies in a folder that multiprocessing makes, and deletes at the end of a
    process that is not killed.
    """
    clear_unclaimed(Path(gettempdir()), "pymp-*")
    with suppress(OSError):  # a full disk: the forkserver will say so, if it cannot do without
        return claim(Path(get_temp_dir()))
    return None


@contextmanager
def _no_main() -> Iterator[None]:
    """An empty module in the script's place: a worker would import what it hears of `__main__`."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
