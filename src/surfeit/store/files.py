"""Files that are there whole or not at all, and plain words for what a disk refuses."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surfeit.core import DiskError, StoreError


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


def read_json(path: Path) -> Any:
    """The value in a JSON file.

    Raises:
        StoreError: if the file is missing or is no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing") from error
    except ValueError as error:
        raise StoreError(f"{path} is damaged: it is not valid JSON ({error})") from error


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
        """The sum of a file. Cost: one pass over it, about 1 GB/s."""
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(path.stat().st_size, digest)

    def differs(self, path: Path) -> str | None:
        """What is wrong with a file that should have this sum, in a sentence, or None."""
        if not path.exists():
            return f"{path} is missing"
        found = FileSum.read(path)
        if found.size != self.size:
            return f"{path} is damaged: it has {found.size} bytes instead of {self.size}"
        if found.sha256 != self.sha256:
            return f"{path} is damaged: its sha256 is not what was written"
        return None
