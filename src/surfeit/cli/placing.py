"""Files of one measurement, put in place together."""

import os
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
    from surfeit.store import claimed_folder, make_folder
    from surfeit.store.files import disk_errors

    with (
        removed_if_empty(missing_folders(folder)),
        disk_errors(make_folder(folder)),
        claimed_folder(folder, _PREFIX) as building,
    ):
        yield building
        for path in sorted(building.iterdir(), key=lambda path: path.suffix == ".parquet"):
            os.replace(path, folder / path.name)
