"""CIFAR-10's batches: plain records, and pickles of every protocol that can hold them."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fuzz.judging import attempt
from fuzz.readers.reader import Reader, write
from surfeit.data.cifar_files import read_binary_batch, read_pickled_batch

_RECORDS = 1
_PIXELS = 3072


def _images() -> np.ndarray:
    return (np.arange(_RECORDS * _PIXELS) % 256).astype(np.uint8).reshape(_RECORDS, _PIXELS)


def _by_python_2() -> bytes:
    """As the files of the author's archive are: byte strings, and `numpy.core`."""
    return b"".join(
        [
            b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x06batch1q\x03U\x06labelsq\x04]q\x05K\x06a",
            b"U\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08",
            b"K\x00\x85U\x01b\x87Rq\x09(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nq\x0aU\x02u1K\x00K",
            b"\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T\x00\x0c",
            b"\x00\x00" + _images().tobytes() + b"tbU\tfilenamesq\x0c]q\x0dU\x05a.pngq\x0eau.",
        ]
    )


def _pickles() -> Mapping[str, bytes]:
    batch = {"labels": [3], "data": _images(), "filenames": [b"a.png"], "n": (1.5, -7, None, True)}
    columns = {"labels": [0], "data": np.asfortranarray(_images())}
    found = {f"protocol-{n}": pickle.dumps(batch, n) for n in range(2, 6)}
    return {**found, "columns": pickle.dumps(columns), "python-2": _by_python_2()}


def _records() -> Mapping[str, bytes]:
    return {"batch": b"\x07" + _images().tobytes()}


def _read_pickle(content: bytes, folder: Path) -> None:
    attempt(lambda: read_pickled_batch(write(folder, "batch", content), records=_RECORDS))


def _read_records(content: bytes, folder: Path) -> None:
    attempt(lambda: read_binary_batch(write(folder, "batch.bin", content), records=_RECORDS))


READERS = (
    Reader("cifar-pickle", _pickles, _read_pickle),
    Reader("cifar-binary", _records, _read_records),
)
