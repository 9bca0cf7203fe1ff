"""A run's rows, of metrics or of a probe, as they are written, and the sum of all of them."""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from surfeit.store.files import FileSum, disk_errors

Cell = int | float | str | None
"""What a row holds in a column; texts in the tables of probes alone."""


class MetricsFile:
    """`metrics.jsonl`, or the table of a probe, while it grows.

    The sum is that of what was written, not of what the disk holds now: a byte that changes
    afterwards is seen. Only what was there before is read, once.

    Args:
        path: the file, which may be there or not.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begin(path.read_bytes() if path.exists() else b"")

    def append(self, row: Mapping[str, Cell]) -> None:
        """Appends a row whole or not at all; numbers that are not finite become null."""
        plain = {name: value if _is_kept(value) else None for name, value in row.items()}
        line = (json.dumps(plain) + "\n").encode()
        with disk_errors(self._path):
            try:
                with open(self._path, "ab") as file:
                    file.write(line)
            except OSError:
                with suppress(OSError):
                    os.truncate(self._path, self._size)
                raise
        self._size += len(line)
        self._hash.update(line)

    def sum(self) -> FileSum:
        """The sum of all rows."""
        return FileSum(self._size, self._hash.hexdigest())

    def begins_with(self, expected: FileSum) -> bool:
        """Whether the file's beginning is what had this sum, an empty sha256 standing for any."""
        if not self._path.exists() or self._path.stat().st_size < expected.size:
            return expected.size == 0
        return expected.sha256 in ("", FileSum.of(self._read(expected.size)).sha256)

    def cut(self, size: int) -> None:
        """Cuts the file back to its first `size` bytes."""
        begin = self._read(size)
        if self._path.exists():
            with disk_errors(self._path):
                os.truncate(self._path, len(begin))
        self._begin(begin)

    def written(self) -> list[Path]:
        """The file, if there is one."""
        return [self._path] if self._path.exists() else []

    def _begin(self, content: bytes) -> None:
        self._size, self._hash = len(content), hashlib.sha256(content)

    def _read(self, size: int) -> bytes:
        if not self._path.exists():
            return b""
        with open(self._path, "rb") as file:
            return file.read(size)


def _is_kept(value: Cell) -> bool:
    return isinstance(value, str) or (value is not None and math.isfinite(value))
