"""A data set as one file: how a process hands its data to others."""

import json
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError, safe_open

from surfeit.core import DataError, DiskError, Split
from surfeit.data.dataset import Dataset

_SPLITS = ("train", "validation", "test")


def write_dataset(dataset: Dataset, path: Path | str) -> Path:
    """Writes a data set, images as they are (normalised), to a safetensors file.

    Args:
        dataset: any data set; tensors on another device are copied to the CPU.
        path: the file; its folder must exist.

    Returns:
        the path.

    Raises:
        DiskError: if the disk refuses: it is full, or the folder is not there.

    Cost: one copy of the data: 220 MB for MNIST.
    """
    tensors = {}
    for name, split in dataset.splits.items():
        tensors[f"{name}.images"] = split.images.cpu().contiguous()
        tensors[f"{name}.labels"] = split.labels.cpu().contiguous()
    about = {
        "name": dataset.name,
        "mean": dataset.mean,
        "std": dataset.std,
        "class_names": dataset.class_names,
        "fingerprint": dataset.fingerprint,
    }
    try:
        safetensors.torch.save_file(tensors, path, metadata={"dataset": json.dumps(about)})
    except (SafetensorError, OSError) as error:
        raise DiskError(f"cannot write the data set to {path}: {error}") from error
    return Path(path)


def read_dataset(path: Path | str) -> Dataset:
    """The data set in a file that `write_dataset` wrote, with the same fingerprint.

    The file is mapped into memory: processes that read the same one share its pages. It must not
    be changed while the data set is used; deleting it does no harm.

    Raises:
        DataError: if the file is missing, damaged or holds no data set.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["dataset"])
            splits = {
                name: Split(file.get_tensor(f"{name}.images"), file.get_tensor(f"{name}.labels"))
                for name in _SPLITS
            }
        return Dataset(
            name=about["name"],
            **splits,
            mean=tuple(about["mean"]),
            std=tuple(about["std"]),
            class_names=tuple(about["class_names"]),
            fingerprint=about["fingerprint"],
        )
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path} holds no data set of surfeit's: {error}") from error
