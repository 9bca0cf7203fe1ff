"""Pictures on the disk, computed once: named by what they show, bounded in size."""

import hashlib
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import platformdirs

from surfeit.core import StoreError
from surfeit.store import Store, make_folder, write_atomically

LIMIT = 2**30
_SUM = 16


class Cache:
    """A folder of results, each under the sum of what it was computed from.

    A file that is damaged is computed again; one that cannot be written is done without. Where the
    limit is passed the files that were not used for longest go.

    Args:
        folder: made when needed; None keeps nothing.
        limit: bytes to keep.
    """

    def __init__(self, folder: Path | None, *, limit: int = LIMIT) -> None:
        self._folder = folder
        self._limit = limit
        self._lock = threading.Lock()
        self._size: int | None = None

    def get(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The result called `name`, made where it is not there.

        Args:
            name: says all that the result depends on.
            make: computes it.
        """
        if self._folder is None:
            return make()
        digest = hashlib.sha256(name.encode()).hexdigest()
        path = self._folder / digest[:2] / digest
        found = _read(path)
        if found is None:
            found = make()
            # What cannot be kept is still to be seen: a full or read-only disk takes nothing away.
            with suppress(StoreError, OSError):
                self._write(path, found)
        return found

    def _write(self, path: Path, data: bytes) -> None:
        make_folder(path.parent)
        write_atomically(path, _sum(data) + data, sync=False)
        with self._lock:
            if self._size is None:
                self._size = sum(size for _, size, _ in self._files())
            else:
                self._size += len(data) + _SUM
            if self._size > self._limit:
                self._size = self._clear()

    def _clear(self) -> int:
        """Deletes the files that were not used for longest, down to three quarters of the limit."""
        files = sorted(self._files())
        left = sum(size for _, size, _ in files)
        for _, size, path in files:
            if left <= self._limit * 3 // 4:
                break
            with suppress(OSError):
                path.unlink()
            left -= size
        return left

    def _files(self) -> list[tuple[int, int, Path]]:
        """When each file was last used, its bytes, and where it is."""
        assert self._folder is not None
        found = []
        for path in self._folder.glob("??/*"):
            with suppress(OSError):  # another process may clear at the same time
                about = path.stat()
                found.append((about.st_mtime_ns, about.st_size, path))
        return found


def cache_folder(store: Store) -> Path:
    """Where pictures of a store's runs are kept: in the store, else in the user's cache folder."""
    if os.access(store.root, os.W_OK):
        return store.root / "cache" / "viewer"
    return Path(platformdirs.user_cache_dir("surfeit", appauthor=False)) / "viewer"


def _read(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
        os.utime(path)
    except OSError:
        return None
    kept = data[_SUM:]
    return kept if data[:_SUM] == _sum(kept) else None


def _sum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_SUM).digest()
