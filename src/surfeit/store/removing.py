"""Deleting a run's own files, and nothing else, whatever its folder's lists say."""

import shutil
import stat
from pathlib import Path, PurePosixPath

from surfeit.store.files import disk_errors


def own_file(folder: Path, name: str) -> Path | None:
    """A run's file by its name, if it is a regular one that lies in the run's own folder.

    None for names that lead out of it, for links and devices, and for what lies behind a link.
    """
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts:
        return None
    path = folder
    for part in parts[:-1]:
        path /= part
        if not stat.S_ISDIR(_mode(path)):
            return None
    path /= parts[-1]
    return path if stat.S_ISREG(_mode(path)) else None


def remove_file(folder: Path, name: str) -> None:
    """Deletes a run's own file, if it is there and is one (see `own_file`).

    Raises:
        StoreError: if the disk refuses.
    """
    path = own_file(folder, name)
    if path is not None:
        with disk_errors(path):
            path.unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Deletes a folder with all that is in it, unless it is a link; links in it are not followed.

    Raises:
        StoreError: if the disk refuses.
    """
    if stat.S_ISDIR(_mode(path)):
        with disk_errors(path):
            shutil.rmtree(path)


def clear_temporary(folder: Path) -> None:
    """Deletes what a killed writer left half written; only the lease's holder may call it.

    Raises:
        StoreError: if the disk refuses.
    """
    for path in folder.rglob(".*.tmp"):
        remove_file(folder, path.relative_to(folder).as_posix())


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except (OSError, ValueError):  # missing, a name too long, or one with a zero byte
        return 0
