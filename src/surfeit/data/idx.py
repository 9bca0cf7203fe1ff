"""IDX, the format of MNIST's files: a magic number, the dimensions, then the bytes.

Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits" (1998), section "FILE
FORMATS FOR THE MNIST DATABASE".
"""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import torch
from torch import Tensor

from surfeit.core import DataError
from surfeit.data.opening import open_regular
from surfeit.data.pixels import Pixels
from surfeit.data.source import find

_UNSIGNED_BYTE = 0x08
_LONGEST = 1 << 40  # bytes; a header that claims more is damaged
_SPARE_BYTES = 1 << 12


def read_idx(path: Path, dimensions: int, *, most: int = 1 << 30) -> Tensor:
    """The array in an IDX file, plain or gzipped (by its name), as uint8.

    Args:
        dimensions: how many the array must have: 1 for labels, 3 for images.
        most: bytes that the array may have; nothing is read of a file whose header claims more.

    Raises:
        DataError: if the file is missing, no regular one, cut short, too long, no gzip, or its
            magic number, type code or dimensions are other than expected; it says which.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise DataError(f"{path}: expected an IDX file, found an empty one")
            if path.suffix != ".gz":
                return _parse(file, path, dimensions, most, size)
            with gzip.open(file) as unpacked:
                return _parse(cast(BinaryIO, unpacked), path, dimensions, most, most)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: expected a whole gzip file, found a damaged one: {error}"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: expected a readable file: {error.strerror or error}") from error


def read_pair(folder: Path, prefix: str, *, shape: tuple[int, int, int], classes: int) -> Pixels:
    """The files `PREFIX-images-idx3-ubyte` and `PREFIX-labels-idx1-ubyte`, plain or `.gz`.

    Args:
        shape: images, height and width that must be there.
        classes: labels lie in [0, classes).

    Raises:
        DataError: as `read_idx`, or if a count, the images' shape or a label is wrong.
    """
    images_path = _existing(folder / f"{prefix}-images-idx3-ubyte")
    labels_path = _existing(folder / f"{prefix}-labels-idx1-ubyte")
    # Twice as much as is wanted: what is other than it should be, and not absurd, is shown whole.
    images = read_idx(images_path, 3, most=_SPARE_BYTES + 2 * math.prod(shape))
    labels = read_idx(labels_path, 1, most=_SPARE_BYTES + 2 * shape[0])
    if tuple(images.shape) != shape:
        raise DataError(f"{images_path}: found images {list(images.shape)}, expected {list(shape)}")
    if len(labels) != len(images):
        raise DataError(
            f"{labels_path}: found {len(labels)} labels, expected {len(images)}: one an image"
        )
    if int(labels.max()) >= classes:
        raise DataError(
            f"{labels_path}: found label {int(labels.max())}, expected labels in [0, {classes})"
        )
    return Pixels(images.unsqueeze(1), labels.to(torch.int64))


def _existing(path: Path) -> Path:
    found = find(path)
    if found is None:
        raise DataError(f"{path}: found no such file, plain or .gz")
    return found


def _parse(file: BinaryIO, path: Path, dimensions: int, most: int, room: int) -> Tensor:
    magic = file.read(4)
    expected = bytes([0, 0, _UNSIGNED_BYTE, dimensions])
    if len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] != _UNSIGNED_BYTE:
        raise DataError(f"{path}: found type code 0x{magic[2]:02x}, expected 0x08 (unsigned byte)")
    if magic != expected:
        raise DataError(
            f"{path}: found magic number 0x{magic.hex()}, expected 0x{expected.hex()}: "
            f"IDX, unsigned bytes, {dimensions} dimension{'s' if dimensions > 1 else ''}"
        )
    header = file.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise DataError(
            f"{path}: found {4 + len(header)} bytes, expected a header of {4 + 4 * dimensions}"
        )
    shape = struct.unpack(f">{dimensions}I", header)
    size = math.prod(shape)
    if not 0 < size <= _LONGEST:
        raise DataError(f"{path}: found dimensions {list(shape)}, expected none empty or absurd")
    if size > most:
        raise DataError(
            f"{path}: found dimensions {list(shape)}, {size:,} bytes, expected at most {most:,}"
        )
    # One byte more than the header promises: shows an overlong file, and reaching the end of a
    # gzip stream is what makes Python check its CRC.
    body = bytearray(file.read(min(size, room) + 1))
    if len(body) != size:
        found = f"more than {size}" if len(body) > size else f"{len(body)}"
        raise DataError(
            f"{path}: found {found} bytes of data, expected {size} for dimensions {list(shape)}"
        )
    return torch.frombuffer(body, dtype=torch.uint8).view(shape)
