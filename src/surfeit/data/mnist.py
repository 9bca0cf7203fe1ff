"""MNIST: handwritten digits, 28 x 28, grey.

Source: LeCun, Bottou, Bengio & Haffner (1998), "Gradient-based learning applied to document
recognition". The constants are the training images' own, as commonly rounded.
"""

from pathlib import Path

from surfeit.core import Streams
from surfeit.data.dataset import Dataset
from surfeit.data.idx import read_pair
from surfeit.data.pixels import carve, normalised
from surfeit.data.source import Layout, RemoteFile, Source

_FOLDER = "MNIST/raw"
_VALIDATION = 5_000
_MD5 = {
    "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
}


def load_mnist(root: Path) -> Dataset:
    """55,000 training, 5,000 validation (carved from the training file) and 10,000 test images.

    Raises:
        DataError: if a file is missing or not what it should be.
    """
    training = read_pair(root / _FOLDER, "train", shape=(60_000, 28, 28), classes=10)
    test = read_pair(root / _FOLDER, "t10k", shape=(10_000, 28, 28), classes=10)
    train, validation = carve(training, _VALIDATION, Streams(0).get("validation", "mnist"))
    return normalised(
        "mnist",
        {"train": train, "validation": validation, "test": test},
        mean=(0.1307,),
        std=(0.3081,),
        class_names=[str(digit) for digit in range(10)],
    )


MNIST = Source(
    name="mnist",
    description="handwritten digits, 70,000 images of 1 x 28 x 28, 10 classes; 12 MB to download",
    load=load_mnist,
    layouts=(Layout(folder=_FOLDER, files=tuple(_MD5), packable=True),),
    files=tuple(RemoteFile(path=f"{_FOLDER}/{name}.gz", md5=md5) for name, md5 in _MD5.items()),
    addresses=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)
