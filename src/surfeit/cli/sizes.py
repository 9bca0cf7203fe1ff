"""A word before trainings fill the disk."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from surfeit.cli.progress import Teller

if TYPE_CHECKING:
    from surfeit.store import Store
    from surfeit.train.job import Job

LARGE = 10**9
"""Bytes that are written without a word."""


def say_if_large(
    size: int, store: "Store", advice: str, teller: Teller, job: "Callable[[], Job] | None" = None
) -> None:
    """Says how much is about to be written, and what writes less, if it is more than `LARGE`.

    Args:
        size: bytes, at most.
        store: where they go.
        advice: what writes less.
        teller: says it.
        job: the training, if it is one; nothing is said where it is done already.
    """
    if size <= LARGE or (job is not None and _is_done(store, job().key)):
        return
    free = shutil.disk_usage(_nearest(store.root)).free
    room = f", where {in_words(free)} are free" if free < 2 * size else ""
    teller.say(f"this may write up to {in_words(size)} to {store.root}{room}: {advice}")


def in_words(size: int) -> str:
    """A number of bytes in gigabytes."""
    return f"{size / 10**9:,.1f} GB"


def _is_done(store: "Store", key: str) -> bool:
    return (store.path_of(key) / "DONE.json").is_file()


def _nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    path = path.absolute()
    return next(place for place in (path, *path.parents) if place.exists())
