"""A run's data beside the run: so that what comes later can measure on them again."""

import os
from pathlib import Path

from surfeit.core import DataError
from surfeit.data.dataset import Dataset
from surfeit.data.files import read_dataset, write_dataset
from surfeit.store import Run, make_folder
from surfeit.store.files import FileSum, disk_errors, sync_path

_NAME = "data/splits.safetensors"


def keep_data(dataset: Dataset, folder: Path) -> Path:
    """Writes a run's data set into the run's folder, whole or not at all; gives the file.

    Raises:
        DiskError: if the disk refuses.

    Cost: as `write_dataset`: 220 MB for MNIST.
    """
    path = folder / _NAME
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write_dataset(dataset, temporary)
        with disk_errors(path):
            sync_path(temporary)
            os.replace(temporary, path)
            sync_path(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def kept_data(run: Run) -> Dataset | None:
    """The data set that was kept with a run, `Recorder(..., keep_data=True)`; None without one.

    >>> write_report(run, kept_data(run), "report")

    Raises:
        DataError: if its file is missing or damaged, or holds other data than the run's.

    Cost: of a finished run, one pass over the file, about 1 GB/s: each byte is checked.
    """
    path = run.path / _NAME
    if run.status == "done":
        entry = run.done["files"].get(_NAME)
        if entry is None:
            return None
        damage = FileSum(**entry).differs(path)
        if damage is not None:
            raise DataError(f"{damage}: give --data, or in Python the data set itself")
    elif not path.is_file():
        return None
    dataset = read_dataset(path)
    if dataset.fingerprint != run.identity["data"]:
        raise DataError(
            f"{path} holds other data than run {run.key[:12]} was recorded with (their "
            "fingerprints differ): give --data, or in Python the data set itself"
        )
    return dataset
