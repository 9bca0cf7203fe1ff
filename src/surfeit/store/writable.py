"""Whether a folder can be written, found out before there is anything to write."""

import tempfile
from pathlib import Path

from surfeit.store.files import disk_errors


def check_writable(folder: Path) -> None:
    """Tries a file in the folder or, where it is still to be made, in the nearest one there is.

    Nothing is made: a command that refuses later leaves no empty folder.

    Raises:
        StoreError: if the disk refuses, naming the folder.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    with disk_errors(folder), tempfile.TemporaryFile(dir=there):
        pass
