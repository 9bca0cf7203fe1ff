"""Files of one measurement, put in place together."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = ".files-"


@contextmanager
def placed_together(folder: Path) -> Iterator[Path]:
    """A folder to write files into, which are moved to `folder` once all of them are there.

    Stopped or failed, nothing of them is seen, and `folder` is gone again if it was made for them.
    Tables come last: whoever sees one finds its figure. What a killed command left goes with the
    next.

    Raises:
        StoreError: if the disk refuses.
    """
    from surfeit.core.folders import missing_folders, removed_if_empty
    from surfeit.store import claim, clear_unclaimed, make_folder
    from surfeit.store.files import disk_errors

    with removed_if_empty(missing_folders(folder)), disk_errors(make_folder(folder)):
        clear_unclaimed(folder, f"{_PREFIX}*")
        temporary = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
        try:
            with claim(temporary):
                building = temporary / "files"
                building.mkdir()
                yield building
                for path in sorted(building.iterdir(), key=lambda path: path.suffix == ".parquet"):
                    os.replace(path, folder / path.name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
