"""MNIST: handwritten digits, 28 x 28, grey.

Source: LeCun, Bottou, Bengio & Haffner (1998), "Gradient-based learning applied to document
recognition". The constants are the training images' own, as commonly rounded. The files' sizes and
sha256 are those that TensorFlow Datasets lists, their md5 those that torchvision does.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from surfeit.data.source import Layout, RemoteFile, Source

if TYPE_CHECKING:
    from surfeit.data.dataset import Dataset

_FOLDER = "MNIST/raw"
_VALIDATION = 5_000
_FILES = (
    RemoteFile(
        path=f"{_FOLDER}/train-images-idx3-ubyte.gz",
        md5="f68b3c2dcbeaaa9fbdd348bbdeb94873",
        sha256="440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        size=9_912_422,
    ),
    RemoteFile(
        path=f"{_FOLDER}/train-labels-idx1-ubyte.gz",
        md5="d53e105ee54ea40749a09fcbcd1e9432",
        sha256="3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        size=28_881,
    ),
    RemoteFile(
        path=f"{_FOLDER}/t10k-images-idx3-ubyte.gz",
        md5="9fb629c4189551a2d022fa330f9573f3",
        sha256="8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        size=1_648_877,
    ),
    RemoteFile(
        path=f"{_FOLDER}/t10k-labels-idx1-ubyte.gz",
        md5="ec29112dd5afa0611ce80d1b7f02629c",
        sha256="f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        size=4_542,
    ),
)


def load_mnist(root: Path) -> "Dataset":
    """55,000 training, 5,000 validation (carved from the training file) and 10,000 test images.

    Raises:
        DataError: if a file is missing or not what it should be.
    """
    from surfeit.core import Streams
    from surfeit.data.idx import read_pair
    from surfeit.data.pixels import carve, normalised

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
    layouts=(
        Layout(
            folder=_FOLDER,
            files=tuple(Path(file.path).stem for file in _FILES),
            packable=True,
        ),
    ),
    files=_FILES,
    addresses=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)
