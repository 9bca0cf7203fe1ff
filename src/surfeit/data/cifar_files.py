"""The two layouts of CIFAR-10's batches: plain records of bytes, and pickles, read warily.

Source: Krizhevsky (2009), "Learning multiple layers of features from tiny images", and the layout
as its author's page describes it.
"""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from surfeit.core import DataError
from surfeit.data.pixels import Pixels

SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32
_RECORD = 1 + _PIXELS
Rebuilder = Callable[..., object]


def read_binary_batch(path: Path, *, records: int, classes: int = 10) -> Pixels:
    """A batch of `cifar-10-batches-bin`: `records` times a label's byte and 3,072 of pixels.

    Raises:
        DataError: if the file is missing, of another size, or a label is out of range.
    """
    content = _content(path)
    if len(content) != records * _RECORD:
        raise DataError(
            f"{path}: found {len(content)} bytes, expected {records * _RECORD}: "
            f"{records} records of {_RECORD}"
        )
    table = torch.frombuffer(content, dtype=torch.uint8).view(records, _RECORD)
    return _pixels(path, table[:, 1:], table[:, 0].tolist(), classes)


def read_pickled_batch(path: Path, *, records: int, classes: int = 10) -> Pixels:
    """A batch of `cifar-10-batches-py`: a pickled dict with the arrays `data` and `labels`.

    Nothing in the pickle is called but what numpy needs to put an array together again.

    Raises:
        DataError: if the file is missing or damaged, asks for anything else (which it names), or
            its arrays are not as they should be.
    """
    batch = _unpickle(path)
    if not isinstance(batch, dict):
        raise DataError(f"{path}: found a pickled {type(batch).__name__}, expected a dict")
    images = _data(path, batch.get(b"data", batch.get("data")), records)
    labels = _labels(path, batch.get(b"labels", batch.get("labels")), records)
    return _pixels(path, images, labels, classes)


def _data(path: Path, data: object, records: int) -> Tensor:
    is_array = isinstance(data, np.ndarray)
    if not is_array or data.dtype != np.uint8 or data.shape != (records, _PIXELS):
        found = f"{data.dtype} {list(data.shape)}" if is_array else type(data).__name__
        raise DataError(f"{path}: found data {found}, expected uint8 {[records, _PIXELS]}")
    return torch.from_numpy(data.copy())


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


def _content(path: Path) -> bytearray:
    try:
        return bytearray(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: expected a readable file: {error.strerror or error}") from error


def _unpickle(path: Path) -> object:
    content = io.BytesIO(_content(path))
    try:
        return _WaryUnpickler(content, encoding="bytes").load()
    except _RefusedError as error:
        raise DataError(
            f"{path}: found a pickle that asks for {error}, expected arrays, dicts and bytes only; "
            "it was refused and not run"
        ) from error
    except Exception as error:  # a damaged pickle raises nearly any exception
        raise DataError(f"{path}: expected a whole pickle, found a damaged one: {error}") from error


class _RefusedError(Exception):
    """The dotted name of what a pickle asked for."""


def _latin1(text: str, encoding: str) -> bytes:
    """`_codecs.encode` for the one encoding by which Python 3 spells bytes in protocol 2."""
    if encoding not in ("latin1", b"latin1"):
        raise _RefusedError(f"_codecs.encode to {encoding!r}")
    return text.encode("latin1")


def _numpy_rebuilders() -> dict[tuple[str, str], Rebuilder]:
    """What arrays pickle as, by module and name; numpy 2 renamed `core` to `_core`."""
    # Asked of an array, as the functions themselves are private to numpy.
    array = np.empty(0, np.uint8)
    reconstruct = cast(Rebuilder, array.__reduce__()[0])
    from_buffer = cast(Rebuilder, array.__reduce_ex__(5)[0])
    found: dict[tuple[str, str], Rebuilder] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _latin1,
    }
    for core in ("numpy.core", "numpy._core"):
        found[f"{core}.multiarray", "_reconstruct"] = reconstruct
        found[f"{core}.numeric", "_frombuffer"] = from_buffer
    return found


class _WaryUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Rebuilder:
        allowed = _numpy_rebuilders()
        if (module, name) not in allowed:
            raise _RefusedError(f"{module}.{name}")
        return allowed[module, name]
