"""CIFAR-10: photographs of animals and vehicles, 32 x 32, in colour.

Source: Krizhevsky (2009), "Learning multiple layers of features from tiny images". The constants
are the training images' own, as commonly rounded. The archive's md5 is that of its author's page,
its size and sha256 those that TensorFlow Datasets lists.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from surfeit.core import DataError
from surfeit.data.source import Layout, RemoteFile, Source, choose_layout

if TYPE_CHECKING:
    from surfeit.data.dataset import Dataset
    from surfeit.data.pixels import Pixels

_VALIDATION = 5_000
_RECORDS = 10_000
_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
_BINARY = Layout(
    folder="cifar-10-batches-bin", files=(*(f"{name}.bin" for name in _BATCHES), "test_batch.bin")
)
_PICKLED = Layout(folder="cifar-10-batches-py", files=(*_BATCHES, "test_batch"))
_CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


def load_cifar10(root: Path) -> "Dataset":
    """45,000 training, 5,000 validation (carved from the training batches) and 10,000 test images.

    Raises:
        DataError: if a file is missing or not what it should be.
    """
    from surfeit.core import Streams
    from surfeit.data.pixels import carve, normalised

    training, test = read_batches(root, records=_RECORDS)
    train, validation = carve(training, _VALIDATION, Streams(0).get("validation", "cifar10"))
    return normalised(
        "cifar10",
        {"train": train, "validation": validation, "test": test},
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        class_names=_CLASS_NAMES,
    )


def read_batches(root: Path, *, records: int) -> "tuple[Pixels, Pixels]":
    """The training and the test images, from the binary layout or else the pickled one.

    Args:
        records: images in each of the six batches.
    """
    import torch

    from surfeit.data.cifar_files import read_binary_batch, read_pickled_batch
    from surfeit.data.pixels import Pixels

    layout = choose_layout((_BINARY, _PICKLED), root)
    missing = layout.missing(root)
    if missing:
        raise DataError(f"{root / layout.folder / missing[0]}: found no such file")
    read = read_binary_batch if layout is _BINARY else read_pickled_batch
    *training, test = (read(root / layout.folder / name, records=records) for name in layout.files)
    images = torch.cat([batch.images for batch in training])
    return Pixels(images, torch.cat([batch.labels for batch in training])), test


CIFAR10 = Source(
    name="cifar10",
    description="photographs, 60,000 images of 3 x 32 x 32, 10 classes; 170 MB to download",
    load=load_cifar10,
    layouts=(_BINARY, _PICKLED),
    files=(
        RemoteFile(
            path="cifar-10-binary.tar.gz",
            md5="c32a1d4ab5d03f1284b67883e8d87530",
            sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            size=170_052_171,
            unpacked=200_000_000,  # six batches of 30,730,000 and two short texts
            members=tuple(f"{_BINARY.folder}/{name}" for name in _BINARY.files),
        ),
    ),
    addresses=("https://www.cs.toronto.edu/~kriz/",),
)
