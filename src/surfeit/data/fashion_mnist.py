"""Fashion-MNIST: articles of clothing, 28 x 28, grey.

Source: Xiao, Rasul & Vollgraf (2017), "Fashion-MNIST: a novel image dataset for benchmarking
machine learning algorithms". The constants are the training images' own, as commonly rounded.
"""

from pathlib import Path

from surfeit.core import Streams
from surfeit.data.dataset import Dataset
from surfeit.data.idx import read_pair
from surfeit.data.pixels import carve, normalised
from surfeit.data.source import Layout, RemoteFile, Source

_FOLDER = "FashionMNIST/raw"
_VALIDATION = 5_000
_MD5 = {
    "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
}
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


def load_fashion_mnist(root: Path) -> Dataset:
    """55,000 training, 5,000 validation (carved from the training file) and 10,000 test images.

    Raises:
        DataError: if a file is missing or not what it should be.
    """
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
    layouts=(Layout(folder=_FOLDER, files=tuple(_MD5), packable=True),),
    files=tuple(RemoteFile(path=f"{_FOLDER}/{name}.gz", md5=md5) for name, md5 in _MD5.items()),
    addresses=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
)
