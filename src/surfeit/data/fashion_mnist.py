"""Fashion-MNIST: articles of clothing, 28 x 28, grey.

Source: Xiao, Rasul & Vollgraf (2017), "Fashion-MNIST: a novel image dataset for benchmarking
machine learning algorithms". The constants are the training images' own, as commonly rounded. The
files' sizes and sha256 are those that TensorFlow Datasets lists, their md5 the authors'.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from surfeit.data.source import Layout, RemoteFile, Source

if TYPE_CHECKING:
    from surfeit.data.dataset import Dataset

_FOLDER = "FashionMNIST/raw"
_VALIDATION = 5_000
_FILES = (
    RemoteFile(
        path=f"{_FOLDER}/train-images-idx3-ubyte.gz",
        md5="8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        sha256="3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        size=26_421_880,
    ),
    RemoteFile(
        path=f"{_FOLDER}/train-labels-idx1-ubyte.gz",
        md5="25c81989df183df01b3e8a0aad5dffbe",
        sha256="a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        size=29_515,
    ),
    RemoteFile(
        path=f"{_FOLDER}/t10k-images-idx3-ubyte.gz",
        md5="bef4ecab320f06d8554ea6380940ec79",
        sha256="346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        size=4_422_102,
    ),
    RemoteFile(
        path=f"{_FOLDER}/t10k-labels-idx1-ubyte.gz",
        md5="bb300cfdad3c16e7a12a480ee83cd310",
        sha256="67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        size=5_148,
    ),
)
_CLASS_NAMES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


def load_fashion_mnist(root: Path) -> "Dataset":
    """55,000 training, 5,000 validation (carved from the training file) and 10,000 test images.

    Raises:
        DataError: if a file is missing or not what it should be.
    """
    from surfeit.core import Streams
    from surfeit.data.idx import read_pair
    from surfeit.data.pixels import carve, normalised

    training = read_pair(root / _FOLDER, "train", shape=(60_000, 28, 28), classes=10)
    test = read_pair(root / _FOLDER, "t10k", shape=(10_000, 28, 28), classes=10)
    train, validation = carve(training, _VALIDATION, Streams(0).get("validation", "fashion-mnist"))
    return normalised(
        "fashion-mnist",
        {"train": train, "validation": validation, "test": test},
        mean=(0.2860,),
        std=(0.3530,),
        class_names=_CLASS_NAMES,
    )


FASHION_MNIST = Source(
    name="fashion-mnist",
    description="articles of clothing, 70,000 images of 1 x 28 x 28, 10 classes; 31 MB to download",
    load=load_fashion_mnist,
    layouts=(
        Layout(
            folder=_FOLDER,
            files=tuple(Path(file.path).stem for file in _FILES),
            packable=True,
        ),
    ),
    files=_FILES,
    addresses=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
)
