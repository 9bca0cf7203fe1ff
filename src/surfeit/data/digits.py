"""Digits: handwritten digits, 8 x 8, grey; they come with scikit-learn, so nothing is downloaded.

Source: Alpaydin & Kaynak (1998), "Optical recognition of handwritten digits", UCI repository; the
test part of it, as scikit-learn's `load_digits` gives it.
"""

from pathlib import Path

import numpy as np
import torch

from surfeit.core import Streams
from surfeit.data.dataset import Dataset
from surfeit.data.pixels import Pixels, carve_by_class, normalised
from surfeit.data.source import Source


def load_digits(root: Path | None = None) -> Dataset:
    """1,077 training, 360 validation and 360 test images of 1 x 8 x 8.

    Raw values are whole numbers from 0 to 16. Test and validation hold 36 images of each
    class, drawn by fixed streams, since the original names no split. Validation is as large as
    test: what is chosen on it (how many units can go) is worth no more than its images.

    Args:
        root: not used.
    """
    # Here, not above: importing scikit-learn takes most of a second.
    from sklearn.datasets import load_digits as load_from_sklearn

    values, targets = load_from_sklearn(return_X_y=True)
    images = torch.from_numpy(np.asarray(values, np.uint8)).view(-1, 1, 8, 8)
    labels = torch.from_numpy(np.asarray(targets, np.int64))
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


def _per_class(count: int) -> int:
    return min(36, count)


DIGITS = Source(
    name="digits",
    description="handwritten digits, 1,797 images of 1 x 8 x 8, 10 classes; installed with Surfeit",
    load=load_digits,
)
