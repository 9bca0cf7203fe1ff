"""A data set as one file: how a process hands its data to others."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from surfeit.core import DataError, DiskError, Split, digest
from surfeit.data.dataset import Dataset, check_dataset
from surfeit.data.fingerprint import fingerprint_of, named_tensors
from surfeit.data.opening import open_regular

_UNREADABLE = (
    *(DataError, SafetensorError, OSError, LookupError),
    *(ValueError, TypeError, RecursionError),
)
_SPLITS = ("train", "validation", "test")


def write_dataset(dataset: Dataset, path: Path | str) -> Path:
    """Writes a data set, its tensors as they are (images normalised), to a safetensors file.

    Args:
        dataset: any data set; tensors on another device are copied to the CPU.
        path: the file; its folder must exist.

    Returns:
        the path.

    Raises:
        DiskError: if the disk refuses: it is full, or the folder is not there.

    Cost: one copy of the data: 220 MB for MNIST.
    """
    check_dataset(dataset)
    tensors, about = _tensors(dataset), json.dumps(_about(dataset))
    try:
        safetensors.torch.save_file(_apart(tensors), path, metadata={"dataset": about})
    except (SafetensorError, OSError) as error:
        raise DiskError(f"cannot write the data set to {path}: {error}") from error
    return Path(path)


def dataset_digest(dataset: Dataset) -> str:
    """sha256 (hex) over all that a data set's file holds: its name and class names too.

    Unlike the fingerprint it can be computed from the file, so that it tells a damaged one.

    Cost: one pass over the data, about 2 GB/s.
    """
    check_dataset(dataset)
    return fingerprint_of(_about(dataset), digest(_tensors(dataset)))


def read_dataset(path: Path | str) -> Dataset:
    """The data set in a file that `write_dataset` wrote, with the same fingerprint.

    The file is mapped into memory: processes that read the same one share its pages. It must not
    be changed while the data set is used; deleting it does no harm.

    Raises:
        DataError: if the file is missing, no regular one, damaged or holds no data set.
    """
    try:
        open_regular(Path(path)).close()  # a pipe would be waited for
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["dataset"])
            splits = {
                name: Split(
                    *(file.get_tensor(f"{name}.{part}") for part in _parts(file.keys(), name))
                )
                for name in _SPLITS
            }
        return Dataset(
            name=about["name"],
            **splits,
            mean=_tupled(about["mean"]),
            std=_tupled(about["std"]),
            class_names=_tupled(about["class_names"]),
            fingerprint=about["fingerprint"],
        )
    except _UNREADABLE as error:
        raise DataError(f"{path} holds no data set of surfeit's: {error}") from error


def _tensors(dataset: Dataset) -> dict[str, Tensor]:
    named = named_tensors(dataset.splits)
    return {name: tensor.cpu().contiguous() for name, tensor in named.items()}


def _about(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "mean": dataset.mean,
        "std": dataset.std,
        "class_names": dataset.class_names,
        "fingerprint": dataset.fingerprint,
    }


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without shared memory, which the file format refuses: a split may serve twice."""
    seen, apart = set(), {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage().data_ptr()
        apart[name] = tensor.clone() if storage in seen else tensor
        seen.add(storage)
    return apart


def _parts(names: Collection[str], split: str) -> tuple[str, str]:
    """What a split's tensors are called: see `named_tensors`."""
    return ("images", "labels") if f"{split}.images" in names else ("inputs", "targets")


def _tupled(values: list[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)
