"""IDX files, plain and gzipped; the bytes of the gzipped one are also packed here, whole."""

import gzip
import struct
from collections.abc import Mapping
from pathlib import Path

from fuzz.judging import attempt
from fuzz.readers.reader import Reader, write
from surfeit.data.idx import read_idx, read_pair


def _idx(*shape: int) -> bytes:
    count = 1
    for side in shape:
        count *= side
    head = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    return head + bytes(value % 10 for value in range(count))


def seeds() -> Mapping[str, bytes]:
    """Labels, images, and both gzipped."""
    plain = {"labels": _idx(3), "images": _idx(3, 2, 2)}
    return plain | {f"{name}.gz": gzip.compress(content) for name, content in plain.items()}


def read(content: bytes, folder: Path) -> None:
    """Reads the bytes as labels and images, plain, as a gzip file and packed into one."""
    for name in ("train-labels-idx1-ubyte", "train-images-idx3-ubyte"):
        write(folder, name, content)
    write(folder, "raw.gz", content)
    write(folder, "packed.gz", gzip.compress(content, 0))
    for name in ("train-labels-idx1-ubyte", "raw.gz", "packed.gz"):
        for dimensions in (1, 3):
            attempt(lambda path=folder / name, axes=dimensions: read_idx(path, axes))
    attempt(lambda: read_pair(folder, "train", shape=(3, 2, 2), classes=10))


READERS = (Reader("idx", seeds, read),)
