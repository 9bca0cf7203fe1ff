"""The two layouts of CIFAR-10's batches: plain records of bytes, and pickles, read warily.

Source: Krizhevsky (2009), "Learning multiple layers of features from tiny images", and the layout
as its author's page describes it.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from surfeit.core import DataError
from surfeit.data.opening import read_regular
from surfeit.data.pickled_arrays import DamagedPickleError, PickledArray, RefusedPickleError
from surfeit.data.pixels import Pixels
from surfeit.data.plain_pickle import read_plain_pickle

SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32
_RECORD = 1 + _PIXELS
_SPARE_BYTES = 1 << 17
_NAME_BYTES = 1 << 10  # of an image's file name, label and what the pickle spends on them
_SPARE_OPCODES = 1 << 12
_NAME_OPCODES = 32


def read_binary_batch(path: Path, *, records: int, classes: int = 10) -> Pixels:
    """A batch of `cifar-10-batches-bin`: `records` times a label's byte and 3,072 of pixels.

    Raises:
        DataError: if the file is missing, of another size, or a label is out of range.
    """
    content = read_regular(path, most=records * _RECORD + _SPARE_BYTES)
    if len(content) != records * _RECORD:
        raise DataError(
            f"{path}: found {len(content)} bytes, expected {records * _RECORD}: "
            f"{records} records of {_RECORD}"
        )
    table = torch.frombuffer(bytearray(content), dtype=torch.uint8).view(records, _RECORD)
    return _pixels(path, table[:, 1:], table[:, 0].tolist(), classes)


def read_pickled_batch(path: Path, *, records: int, classes: int = 10) -> Pixels:
    """A batch of `cifar-10-batches-py`: a pickled dict with the arrays `data` and `labels`.

    Nothing of the pickle's own is called or made: see `read_plain_pickle`.

    Raises:
        DataError: if the file is missing, damaged or larger than such a batch can be, asks for
            anything but arrays (which it names), or its arrays are not as they should be.
    """
    batch = _unpickle(path, records)
    if not isinstance(batch, dict):
        raise DataError(f"{path}: found a pickled {type(batch).__name__}, expected a dict")
    images = _data(path, batch.get(b"data", batch.get("data")), records)
    labels = _labels(path, batch.get(b"labels", batch.get("labels")), records)
    return _pixels(path, images, labels, classes)


def _data(path: Path, data: object, records: int) -> Tensor:
    is_array = isinstance(data, PickledArray)
    if not is_array or data.dtype != "uint8" or data.shape != (records, _PIXELS):
        found = f"{data.dtype} {list(data.shape)}" if is_array else type(data).__name__
        raise DataError(f"{path}: found data {found}, expected uint8 {[records, _PIXELS]}")
    if len(data.content) != records * _PIXELS:
        raise DataError(
            f"{path}: found data of {len(data.content)} bytes, expected {records * _PIXELS} for "
            f"uint8 {[records, _PIXELS]}"
        )
    order = "F" if data.in_columns else "C"
    array = np.frombuffer(data.content, np.uint8).reshape(data.shape, order=order)
    return torch.from_numpy(array.copy(order="C"))


def _labels(path: Path, labels: object, records: int) -> list[int]:
    is_list = isinstance(labels, list)
    if not is_list or len(labels) != records or any(type(label) is not int for label in labels):
        found = f"a list of {len(labels)}" if is_list else type(labels).__name__
        raise DataError(f"{path}: found labels: {found}, expected a list of {records} integers")
    return labels


def _pixels(path: Path, images: Tensor, labels: list[int], classes: int) -> Pixels:
    # Checked as Python's integers: one beyond 64 bits would not even become a tensor.
    for label in labels:
        if not 0 <= label < classes:
            raise DataError(f"{path}: found label {label}, expected labels in [0, {classes})")
    return Pixels(images.reshape(-1, *SHAPE), torch.tensor(labels))


def _unpickle(path: Path, records: int) -> object:
    # Twice the pixels: protocol 2 of Python 3 spells a byte from 128 on as a letter of two.
    content = read_regular(path, most=records * (2 * _PIXELS + _NAME_BYTES) + _SPARE_BYTES)
    try:
        return read_plain_pickle(content, most_opcodes=_SPARE_OPCODES + records * _NAME_OPCODES)
    except RefusedPickleError as error:
        raise DataError(
            f"{path}: found a pickle that asks for {error}, expected arrays, dicts and bytes only; "
            "it was refused and not run"
        ) from error
    except DamagedPickleError as error:
        raise DataError(f"{path}: expected a whole pickle, found a damaged one: {error}") from error
