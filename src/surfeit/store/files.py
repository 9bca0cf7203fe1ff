"""Files that are there whole or not at all, and plain words for what a disk refuses."""

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from surfeit.core import DiskError, StoreError
from surfeit.store.parsing import parse_json

MOST_JSON = 32 << 20
"""The most bytes of a JSON file; as Python's values it takes at most 25 times as much memory."""

_AT_ONCE = 8  # files that are flushed side by side; more are no faster


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns what the disk says while `path` is written into a `DiskError` that can be acted on."""
    try:
        yield
    except OSError as error:
        reason = {
            errno.ENOSPC: "the disk is full: free some space",
            errno.EDQUOT: "your quota on this disk is used up: free some space",
            errno.EROFS: "the disk is mounted read-only: choose another folder",
            errno.EACCES: "you may not write there: choose another folder or change its rights",
            errno.EPERM: "you may not write there: choose another folder or change its rights",
            errno.ENOTDIR: "a part of this path is a file: choose another folder",
            errno.EEXIST: "a file of that name is in the way: choose another folder",
            errno.ENOENT: "there is no such place, and it cannot be made: choose another folder",
        }.get(error.errno or 0, str(error))
        raise DiskError(
            f"cannot write {path}: {reason}. Nothing written before is lost."
        ) from error


def make_folder(path: Path) -> Path:
    """The folder, made with its parents where missing.

    Raises:
        StoreError: if it cannot be made.
    """
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def write_atomically(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Puts `data` at `path` so that a reader sees the old file or the new one, never a part.

    A temporary file in the same folder is written, flushed to the disk if `sync`, and renamed. It
    has the rights that the umask gives any new file.

    Raises:
        StoreError: if the disk is full, read-only or otherwise refuses; the old file is kept.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path):
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        if sync:
            sync_path(path.parent)


def write_json(path: Path, value: Any) -> None:
    """`write_atomically` of indented JSON.

    Raises:
        StoreError: as `write_atomically`.
    """
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"
    write_atomically(path, text.encode())


@contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Turns what the system says while `path` is read into a `StoreError` in words."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise StoreError(f"{path} is missing") from error
        reason = {
            errno.ELOOP: "its links lead in a circle",
            errno.EACCES: "you may not read it: change its rights",
        }.get(error.errno or 0, error.strerror or str(error))
        raise StoreError(f"{path} cannot be read: {reason}") from error


def check_regular(path: Path, *, follow: bool = True) -> None:
    """Checks that there is a file at `path`, and nothing that only looks like one.

    Raises:
        StoreError: if it is missing, a folder, a pipe, a device or a socket; a link, unless links
            are followed.
    """
    with read_errors(path):
        mode = os.stat(path, follow_symlinks=follow).st_mode
    if stat.S_ISREG(mode):
        return
    if stat.S_ISLNK(mode):
        raise StoreError(f"{path} is a link: in a run's folder no link is followed")
    kind = next((words for is_kind, words in _KINDS if is_kind(mode)), "it is no file")
    raise StoreError(f"{path} cannot be read: {kind}")


_KINDS = (
    (stat.S_ISDIR, os.strerror(errno.EISDIR)),
    (stat.S_ISFIFO, "it is a pipe, not a file"),
    (stat.S_ISCHR, "it is a device, not a file"),
    (stat.S_ISBLK, "it is a device, not a file"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
)


def open_regular(path: Path, *, follow: bool = True) -> FileIO:
    """A file, opened for reading without a buffer; never waits for anybody.

    Opening a pipe waits for a writer and reading a device may never end, so only files are opened.

    Args:
        path: the file.
        follow: whether a link is followed. No file in a run's folder is one.

    Raises:
        StoreError: as `check_regular`, or if it may not be read.
    """
    descriptor, _ = opened(path, follow=follow)
    return FileIO(descriptor, "rb")


def opened(path: Path, *, follow: bool = True) -> tuple[int, int]:
    """The descriptor that `open_regular` opens, and the file's size in bytes.

    Raises:
        StoreError: as `open_regular`.
    """
    if follow:
        check_regular(path)  # before it is opened: a device may act on that
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        check_regular(path, follow=follow)
        with read_errors(path):
            raise error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        check_regular(path, follow=follow)
        raise StoreError(f"{path} cannot be read: it was replaced while it was opened")
    return descriptor, found.st_size


def read_bytes(path: Path, *, most: int, follow: bool = True) -> bytes:
    """All bytes of a file, which may have at most so many.

    Raises:
        StoreError: as `open_regular`; if the file is larger, before it is read.
    """
    with open_regular(path, follow=follow) as file, read_errors(path):
        size = os.fstat(file.fileno()).st_size
        # One byte more tells of a file that does not say its size, as those of the system.
        data = b"" if size > most else _read(file, most + 1)
    if max(size, len(data)) > most:
        raise StoreError(f"{path} is too large to be what it should: more than {most:,} bytes")
    return data


def read_json(path: Path, *, follow: bool = True) -> Any:
    """The value in a JSON file, as `parse_json` reads it.

    Raises:
        StoreError: if the file is missing, is no file, is larger than `MOST_JSON` or is no JSON.
    """
    try:
        return parse_json(read_bytes(path, most=MOST_JSON, follow=follow))
    except ValueError as error:
        raise StoreError(f"{path} is damaged: it is not valid JSON ({error})") from error


def read_into(descriptor: int, target: memoryview, offset: int) -> bool:
    """Fills `target` with a file's bytes from `offset` on; whether there were so many."""
    done = 0
    while done < len(target):
        count = os.preadv(descriptor, [target[done:]], offset + done)
        if count == 0:
            return False
        done += count
    return True


def _read(file: FileIO, most: int) -> bytes:
    parts = []
    while most > 0 and (part := file.read(min(most, 1 << 18))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def sync_paths(paths: Iterable[Path]) -> None:
    """Flushes the changes of files and folders to the disk, in no order.

    Side by side: a journal that is asked by several at once is written once for all of them. On
    ext4 32 files take 10 ms, one after another 160.
    """
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for _ in threads.map(sync_path, paths):
            pass


def sync_path(path: Path) -> None:
    """Flushes a file's or a folder's changes to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class FileSum:
    """What a file should hold: its size in bytes and its sha256 in hexadecimal digits."""

    size: int
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> "FileSum":
        """The sum of bytes in memory."""
        return cls(len(data), hashlib.sha256(data).hexdigest())

    @classmethod
    def read(cls, path: Path) -> "FileSum":
        """The sum of a file. Cost: one pass over it, about 1 GB/s.

        Raises:
            StoreError: if it is missing or no file.
        """
        with open_regular(path, follow=False) as file, read_errors(path):
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(os.fstat(file.fileno()).st_size, digest)

    def differs(self, path: Path) -> str | None:
        """What is wrong with a file that should have this sum, in a sentence, or None."""
        try:
            check_regular(path, follow=False)
            size = path.lstat().st_size
            if size != self.size:
                return f"{path} is damaged: it has {size} bytes instead of {self.size}"
            found = FileSum.read(path)
        except (OSError, StoreError) as error:
            return str(error)
        if found.sha256 != self.sha256:
            return f"{path} is damaged: its sha256 is not what was written"
        return None
