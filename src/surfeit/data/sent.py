"""Data sets as they are sent: files among the store's objects, named by what is in them."""

from pathlib import Path

from surfeit.core import DataError
from surfeit.data.dataset import Dataset
from surfeit.data.files import dataset_digest, read_dataset, write_dataset
from surfeit.store import Objects
from surfeit.store.objects import DAMAGED


def send_dataset(dataset: Dataset, objects: Objects) -> str:
    """Stores a data set, unless it is there, and returns its digest."""
    # Kept with its object: a number of an object that is gone may be another's.
    _, name = objects.remember(
        ("sent", id(dataset)), lambda: (dataset, _stored_dataset(dataset, objects))
    )
    return name


def receive_dataset(name: str, objects: Objects) -> Dataset:
    """The data set with this digest, read once and kept.

    Raises:
        DataError: if its file is missing or damaged, or holds other data.
    """
    return objects.remember(("data", name), lambda: _read_dataset(name, objects))


def _stored_dataset(dataset: Dataset, objects: Objects) -> str:
    name = dataset_digest(dataset)
    objects.place(
        name,
        write=lambda path: write_dataset(dataset, path),
        is_whole=lambda path: _digest_in(path) == name,
    )
    return name


def _digest_in(path: Path) -> str | None:
    try:
        return dataset_digest(read_dataset(path))
    except DataError:
        return None


def _read_dataset(name: str, objects: Objects) -> Dataset:
    path = objects.path_of(name)
    dataset = read_dataset(path)
    if dataset_digest(dataset) != name:
        raise DataError(f"{path} is damaged: it holds other data than its name says. {DAMAGED}")
    objects.touch(path)
    return dataset
