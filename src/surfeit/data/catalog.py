"""All data sets by name, and the one way to load them."""

from pathlib import Path
from typing import TYPE_CHECKING

from surfeit.core import DataError, unknown
from surfeit.data.cifar10 import CIFAR10
from surfeit.data.digits import DIGITS
from surfeit.data.fashion_mnist import FASHION_MNIST
from surfeit.data.mnist import MNIST
from surfeit.data.root import data_root
from surfeit.data.source import Source, choose_layout

if TYPE_CHECKING:
    from surfeit.data.dataset import Dataset

SOURCES = (DIGITS, MNIST, FASHION_MNIST, CIFAR10)


def source(name: str) -> Source:
    """The data set's entry.

    Raises:
        ValueError: if there is none of that name; the nearest names are suggested.
    """
    by_name = {entry.name: entry for entry in SOURCES}
    if name not in by_name:
        raise unknown("data set", name, by_name)
    return by_name[name]


def load(name: str, root: str | Path | None = None) -> "Dataset":
    """The data set called `name`, read from the files below `root`.

    >>> load("digits").train.images.shape
    torch.Size([1077, 1, 8, 8])

    Args:
        name: `digits`, `mnist`, `fashion-mnist` or `cifar10`.
        root: the data folder; by default as `data_root` says.

    Raises:
        ValueError: if there is no data set of that name.
        DataError: if its files are missing or damaged: which one, what was found, what was
            expected, and the command that fetches it.
    """
    entry, folder = source(name), data_root(root)
    try:
        return entry.load(folder)
    except DataError as error:
        raise DataError(f"{error}. {_advice(entry, folder, root)}") from error


def _advice(entry: Source, folder: Path, root: str | Path | None) -> str:
    import shlex

    command = f"surfeit data fetch {entry.name}"
    if root:
        command += f" --data-dir {shlex.quote(str(root))}"
    if choose_layout(entry.layouts, folder).missing(folder):
        return f"To get what is missing: `{command}`"
    return f"To get it anew, delete that file and run `{command}`"
