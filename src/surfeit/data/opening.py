"""Files opened warily: regular ones alone, and no longer than they may be."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from surfeit.core import DataError


def open_regular(path: Path) -> BinaryIO:
    """The file opened for reading, if it is a regular one.

    A pipe, a device or a socket could keep a reader waiting for ever, or never end; none is waited
    for. Links are followed: users keep data sets elsewhere.

    Raises:
        DataError: if the file is missing, may not be read or is no regular file.
    """
    try:
        # Without O_NONBLOCK, opening a pipe would wait for somebody to write into it.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise _unreadable(path, error) from error
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    kind = "a directory" if stat.S_ISDIR(mode) else "a pipe, a device or a socket"
    raise DataError(f"{path}: expected a regular file, found {kind}")


def read_regular(path: Path, *, most: int) -> bytes:
    """The bytes of a regular file that has no more than `most`.

    Raises:
        DataError: as `open_regular`, or if the file is longer.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise DataError(f"{path}: found {size:,} bytes, expected at most {most:,}")
        try:
            return file.read(size)
        except OSError as error:
            raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    words = error.strerror if isinstance(error, OSError) else None
    return DataError(f"{path}: expected a readable file: {words or error}")
