"""Bringing a data set's files below the root."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from surfeit.core import DownloadError
from surfeit.core.folders import missing_folders, removed_if_empty
from surfeit.data.catalog import source
from surfeit.data.download import Patience, Progress, download
from surfeit.data.root import data_root
from surfeit.data.source import RemoteFile, Source, choose_layout
from surfeit.data.unpack import unpack

MIRROR_VARIABLE = "SURFEIT_MIRROR"


def fetch(
    name: str,
    root: str | Path | None = None,
    *,
    mirror: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Downloads what is missing of a data set; nothing if it is complete or embedded.

    >>> fetch("mnist", "~/data", mirror="https://example.org/mnist/")

    Args:
        name: as for `load`.
        root: the data folder; by default as `data_root` says.
        mirror: an address to try before the usual ones, by default the environment's
            `SURFEIT_MIRROR`; it holds the files themselves, or folders laid out like a root.
        progress: called as `progress(file_name, bytes_there, bytes_in_all_or_None)`.

    Returns:
        The folder with the files; the root, if the data set is embedded.

    Raises:
        ValueError: if there is no data set of that name, or the mirror is no web address.
        DownloadError: if no source gave a file, with what each answered and what to do.
        DataError: if an archive that was put there by hand is damaged.
    """
    return fetch_source(source(name), data_root(root), mirror=mirror, progress=progress)


def fetch_source(
    entry: Source,
    root: Path,
    *,
    mirror: str | None = None,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> Path:
    """As `fetch`, for any `Source`, in the catalogue or not."""
    mirror = _checked(mirror or os.environ.get(MIRROR_VARIABLE) or None)
    if entry.embedded:
        return root
    layout = choose_layout(entry.layouts, root)
    if not layout.missing(root):
        return root / layout.folder
    for file in entry.files:
        target = root / file.path
        missing = missing_folders(target.parent)
        _make_folder(target.parent)
        # Within the lock: another process may be at it in a folder that this one made.
        with _alone(target.parent), removed_if_empty(missing):
            if file.present(root):
                continue
            by_hand = target.is_file()
            if not by_hand:
                addresses = _addresses(file, entry.addresses, mirror)
                download(
                    addresses,
                    target,
                    md5=file.md5,
                    sha256=file.sha256,
                    size=file.size,
                    progress=progress,
                    patience=patience,
                )
            if file.members:
                unpack(target, root, members=file.members, most=file.unpacked)
                if not by_hand:
                    target.unlink()
    return root / entry.layouts[0].folder


def _addresses(file: RemoteFile, bases: tuple[str, ...], mirror: str | None) -> list[str]:
    name = file.path.rpartition("/")[2]
    mirrored = [f"{mirror}/{file.path}", f"{mirror}/{name}"] if mirror else []
    return list(dict.fromkeys(mirrored + [base + name for base in bases]))


def _checked(mirror: str | None) -> str | None:
    if mirror and not mirror.startswith(("http://", "https://")):
        raise ValueError(f"a mirror must begin with http:// or https://, got {mirror!r}")
    return mirror.rstrip("/") if mirror else None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(f"cannot make the folder {folder}: {error.strerror}") from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps a second process from writing the same partial files."""
    try:
        import fcntl
    except ImportError:  # Windows: the checksum still catches files that two processes mixed up
        yield
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:  # such as where another process that failed removed it
        raise DownloadError(f"cannot open the folder {folder}: {error.strerror}") from error
    try:
        # Locking the folder itself leaves no lock file behind.
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise DownloadError(
            f"another process is downloading into {folder}: wait until it is done"
        ) from error
    except OSError:  # some network file systems lock no folders
        pass
    try:
        yield
    finally:
        os.close(handle)
