"""Temporary folders whose maker may be killed: whoever comes next can tell, and clears them."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from surfeit.store.removing import own_file

CLAIM = "owner"
"""The file in a claimed folder that its maker holds locked."""


def claim(folder: Path) -> TextIO:
    """Marks a folder as one whose maker lives: as long as the file that is returned is open.

    The kernel drops the lock when the process ends, however it ends. Where the file system has no
    locks nothing is marked, and nothing is ever cleared.

    Raises:
        OSError: if the folder cannot be written.
    """
    hidden = folder / f".{CLAIM}"
    file = open(hidden, "w", encoding="utf-8")  # noqa: SIM115 - its holder closes it
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rename(hidden, folder / CLAIM)  # nobody meets it before it is locked
    return file


@contextmanager
def claimed_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A temporary folder to build in, gone at the end; if its maker is killed, with the next call.

    Args:
        parent: where it is made: a folder.
        prefix: what its name begins with, and those that killed makers left.

    Raises:
        OSError: if the disk refuses.
    """
    clear_unclaimed(parent, f"{prefix}*")
    temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        with claim(temporary):
            building = temporary / "files"
            building.mkdir()
            yield building
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def clear_unclaimed(parent: Path, pattern: str) -> None:
    """Deletes the folders that were claimed by processes that have ended since.

    Folders without a claim, other users', and links are left alone. What cannot be deleted stays.

    Args:
        parent: where they lie.
        pattern: of their names, as for `Path.glob`.
    """
    for folder in parent.glob(pattern):
        if folder.is_symlink() or (path := own_file(folder, CLAIM)) is None:
            continue
        with suppress(OSError):
            _clear(folder, path)


def _clear(folder: Path, path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_uid == os.geteuid():
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
