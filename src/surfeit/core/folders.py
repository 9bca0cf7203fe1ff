"""Folders that are made for what comes, and go again where nothing does."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def missing_folders(folder: Path) -> list[Path]:
    """The folder and those around it that are still to be made, the innermost first."""
    return [place for place in (folder, *folder.parents) if not place.exists()]


@contextmanager
def removed_if_empty(folders: Sequence[Path]) -> Iterator[None]:
    """Where what is done here fails or is stopped, removes those folders that are empty.

    Args:
        folders: each within the next, such as `missing_folders` gave before they were made.
    """
    try:
        yield
    except BaseException:
        for folder in folders:
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:  # something is in it, or it may not be touched
                break
        raise
