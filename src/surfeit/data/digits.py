"""Digits: handwritten digits, 8 x 8, grey; they come with scikit-learn, so nothing is downloaded.

Source: Alpaydin & Kaynak (1998), "Optical recognition of handwritten digits", UCI repository; the
test part of it, as scikit-learn's `load_digits` gives it.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from surfeit.data.source import Source

if TYPE_CHECKING:
    import numpy as np

    from surfeit.data.dataset import Dataset


def load_digits(root: Path | None = None) -> "Dataset":
    """1,077 training, 360 validation and 360 test images of 1 x 8 x 8.

    Raw values are whole numbers from 0 to 16. Test and validation hold 36 images of each
    class, drawn by fixed streams, since the original names no split. Validation is as large as
    test: what is chosen on it (how many units can go) is worth no more than its images.

    Args:
        root: not used.
    """
    import torch

    from surfeit.core import Streams
    from surfeit.data.pixels import Pixels, carve_by_class, normalised

    values, targets = _table()
    images = torch.from_numpy(values).view(-1, 1, 8, 8)
    labels = torch.from_numpy(targets)
    streams = Streams(0)
    whole = Pixels(images, labels)
    rest, test = carve_by_class(whole, _per_class, streams.get("test", "digits"))
    train, validation = carve_by_class(rest, _per_class, streams.get("validation", "digits"))
    return normalised(
        "digits",
        {"train": train, "validation": validation, "test": test},
        mean=(0.3053,),
        std=(0.3760,),
        class_names=[str(digit) for digit in range(10)],
        white=16,
    )


def _table() -> "tuple[np.ndarray, np.ndarray]":
    """The images, uint8 [1797, 64], and their classes, int64 [1797]."""
    import gzip

    import numpy as np

    path = _file()
    if path is None:  # another scikit-learn may keep them elsewhere: it knows where
        from sklearn.datasets import load_digits as load_from_sklearn

        values, targets = load_from_sklearn(return_X_y=True)
    else:
        with gzip.open(path, "rt", encoding="ascii") as file:
            rows = np.array([line.split(",") for line in file], np.int64)
        values, targets = rows[:, :-1], rows[:, -1]
    return np.array(values, np.uint8), np.array(targets, np.int64)


def _file() -> Path | None:
    """Where scikit-learn keeps them: importing it, with its statistics, takes over a second."""
    spec = find_spec("sklearn")
    folders = [] if spec is None else spec.submodule_search_locations or []
    paths = [Path(folder) / "datasets" / "data" / "digits.csv.gz" for folder in folders]
    return next((path for path in paths if path.is_file()), None)


def _per_class(count: int) -> int:
    return min(36, count)


DIGITS = Source(
    name="digits",
    description="handwritten digits, 1,797 images of 1 x 8 x 8, 10 classes; installed with Surfeit",
    load=load_digits,
)
