"""A run's lease: one writer at a time, and a name to give to whoever else asks."""

import errno
import fcntl
import json
import os
import socket
import stat
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from weakref import WeakSet

from surfeit.core import BusyError, StoreError, printable
from surfeit.store.files import disk_errors, open_regular, read_bytes
from surfeit.store.parsing import parse_json

_POLL_SECONDS = 0.2
_MOST_BYTES = 4096
# Linux lays `struct flock` out otherwise than the BSDs and macOS do.
_LINUX = sys.platform == "linux"
_FLOCK = struct.Struct("hhqqi4x" if _LINUX else "qqihh")


class Lease:
    """The exclusive right to write a run's folder, held until closed or until the process ends.

    `flock` on the file `lease`: the kernel drops it when the process dies, however it dies. The
    file says who holds it, and its time stamp is the holder's last sign of life. A forked child
    does not hold its parent's lease.

    Args:
        folder: the run's folder, made where missing.
        wait: whether to wait for another holder to end, or to raise.
        waiting: called once with a sentence on who holds the lease, before waiting.

    Raises:
        BusyError: if another process holds the lease and `wait` is false.
        StoreError: if the folder cannot be written, or its file system keeps no locks.
    """

    def __init__(
        self, folder: Path, *, wait: bool = True, waiting: Callable[[str], None] | None = None
    ) -> None:
        self._path = folder / "lease"
        self._descriptor: int | None = self._open()
        _OPEN.add(self)
        try:
            self._take(wait, waiting)
            self._sign()
        except BaseException:
            self.close()
            raise

    def touch(self) -> None:
        """Renews the sign of life; cheap enough for every epoch."""
        if self._descriptor is not None:
            with disk_errors(self._path):
                os.utime(self._descriptor)

    def close(self) -> None:
        """Gives the lease up."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):  # of a lease that could not be opened
            self.close()

    def _open(self) -> int:
        # Neither a link's target nor a pipe: the file is cut and written.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        with disk_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                descriptor = os.open(self._path, flags, 0o666)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
                    raise
                raise StoreError(f"{self._path} {_NO_FILE}") from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise StoreError(f"{self._path} {_NO_FILE}")
        return descriptor

    def _take(self, wait: bool, waiting: Callable[[str], None] | None) -> None:
        told = False
        while True:
            assert self._descriptor is not None
            try:
                _lock(self._descriptor, self._path)
                if self._is_in_place():
                    return
                # The run was deleted meanwhile: a lock on a file that is gone keeps nobody out.
                self.close()
                self._descriptor = self._open()
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
        assert self._descriptor is not None
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.lstat())
        except FileNotFoundError:
            return False

    def _sign(self) -> None:
        assert self._descriptor is not None
        holder = {"process": os.getpid(), "host": socket.gethostname()}
        with disk_errors(self._path):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(holder).encode(), 0)

    def _holder(self) -> str:
        try:
            holder = parse_json(read_bytes(self._path, most=_MOST_BYTES, follow=False))
            process, host = int(holder["process"]), printable(str(holder["host"])[:100])
            silence = max(0.0, time.time() - self._path.stat().st_mtime)
        except (OSError, StoreError, ValueError, KeyError, TypeError):
            return "another process"
        return f"process {process} on {host} (last sign of life {silence:.0f} s ago)"


_NO_FILE = "is a link, a folder, a pipe or a device where a writer keeps a file: delete it"


def is_held(folder: Path) -> bool:
    """Whether a process holds the lease of a run; asking takes no lock, and makes no file.

    A lock taken to see whether it can be taken would, for that moment, keep a writer out who does
    not wait. So a writer holds a second lock that can be asked for, see `_announce`. While a
    version of surfeit that takes `flock` alone writes a run, it is not seen on Linux; that
    it keeps other writers out is not touched by this.

    Cost: 15 microseconds.
    """
    question = _record_lock(fcntl.F_WRLCK)
    try:
        with open_regular(folder / "lease", follow=False) as file:
            answer = fcntl.fcntl(file.fileno(), fcntl.F_GETLK, question)
    except (StoreError, OSError):
        return False
    return _FLOCK.unpack(answer)[0 if _LINUX else 3] != fcntl.F_UNLCK


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        raise StoreError(
            f"{path.parent} lies on a file system that keeps no locks ({error.strerror}), so two "
            "trainings could write one run at once: choose a store elsewhere (--root, "
            "SURFEIT_STORE), or have it mounted with locks"
        ) from error
    _announce(descriptor)


def _announce(descriptor: int) -> None:
    """Lets `is_held` see the lease.

    `F_GETLK` tells of a lock without taking one, but on Linux of record locks alone; on macOS and
    the BSDs it sees `flock` itself. A record lock of the open file (`F_OFD_SETLK`) lasts as long
    as the lease's own descriptor does; a process's (`F_SETLK`) would go as soon as the process
    closed any other descriptor of the file, as `is_held` does, and is the second choice, where a
    sandbox has no other. Neither keeps anybody out: that is for `flock`, which earlier versions
    know too. (Rejected: /proc/locks, which shows no lock of another container and is Linux alone.)
    """
    if not _LINUX:
        return
    for command in (fcntl.F_OFD_SETLK, fcntl.F_SETLK):
        try:
            fcntl.fcntl(descriptor, command, _record_lock(fcntl.F_WRLCK))
        except OSError:  # network file systems make `flock` a record lock: it can be seen already
            continue
        return


def _record_lock(kind: int) -> bytes:
    """`struct flock` of a whole file."""
    if _LINUX:
        return _FLOCK.pack(kind, os.SEEK_SET, 0, 0, 0)
    return _FLOCK.pack(0, 0, 0, kind, os.SEEK_SET)


# What a child must close: it shares the parent's open file, and with it the lock, which would
# outlive a parent that dies. Its own close does not take the lease from the parent.
_OPEN: "WeakSet[Lease]" = WeakSet()


def _close_in_child() -> None:
    for lease in list(_OPEN):
        lease.close()


os.register_at_fork(after_in_child=_close_in_child)
