"""A run's lease: one writer at a time, and a name to give to whoever else asks."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TextIO

from surfeit.core import BusyError
from surfeit.store.files import disk_errors

_POLL_SECONDS = 0.2


class Lease:
    """The exclusive right to write a run's folder, held until closed or until the process ends.

    `flock` on the file `lease`: the kernel drops it when the process dies, however it dies. The
    file says who holds it, and its time stamp is the holder's last sign of life.

    Args:
        folder: the run's folder, made where missing.
        wait: whether to wait for another holder to end, or to raise.
        waiting: called once with a sentence on who holds the lease, before waiting.

    Raises:
        BusyError: if another process holds the lease and `wait` is false.
        StoreError: if the folder cannot be written.
    """

    def __init__(
        self, folder: Path, *, wait: bool = True, waiting: Callable[[str], None] | None = None
    ) -> None:
        self._path = folder / "lease"
        self._file = self._open()
        try:
            self._take(wait, waiting)
        except BaseException:
            self._file.close()
            raise
        self._sign()

    def touch(self) -> None:
        """Renews the sign of life; cheap enough for every epoch."""
        with disk_errors(self._path):
            os.utime(self._path)

    def close(self) -> None:
        """Gives the lease up."""
        self._file.close()

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> TextIO:
        with disk_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return open(self._path, "a+", encoding="utf-8")

    def _take(self, wait: bool, waiting: Callable[[str], None] | None) -> None:
        told = False
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_in_place():
                    return
                # The run was deleted meanwhile: a lock on a file that is gone keeps nobody out.
                self._file.close()
                self._file = self._open()
                continue
            except BlockingIOError as error:
                holder = f"{self._path.parent} is being written by {self._holder()}"
                if not wait:
                    raise BusyError(f"{holder}; wait for it or stop it") from error
                if waiting and not told:
                    waiting(f"{holder}; waiting for it")
                told = True
            time.sleep(_POLL_SECONDS)

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def _sign(self) -> None:
        with disk_errors(self._path):
            self._file.truncate(0)
            holder = {"process": os.getpid(), "host": socket.gethostname()}
            self._file.write(json.dumps(holder))
            self._file.flush()

    def _holder(self) -> str:
        try:
            holder = json.loads(self._path.read_text())
            who = f"process {holder['process']} on {holder['host']}"
            silence = max(0.0, time.time() - self._path.stat().st_mtime)
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"
        return f"{who} (last sign of life {silence:.0f} s ago)"
