"""Data sets in a safetensors file of surfeit's own."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch

from fuzz.judging import attempt
from fuzz.readers.framed import framed, raw, unframed
from fuzz.readers.reader import Reader, write
from surfeit.data import from_tensors, read_dataset, write_dataset


def seeds() -> Mapping[str, bytes]:
    """Images of classes, tokens with a class at each position, a regression."""
    images = (torch.zeros(2, 1, 2, 2), torch.tensor([0, 1]))
    tokens = (torch.zeros(2, 3, dtype=torch.int64), torch.ones(2, 3, dtype=torch.int64))
    curve = (torch.zeros(2, 1), torch.ones(2, 1))
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, pair in {"images": images, "tokens": tokens, "curve": curve}.items():
            dataset = from_tensors(name, train=pair, validation=pair, test=pair)
            file = write_dataset(dataset, Path(folder, name)).read_bytes()
            found |= {name: unframed(file), f"{name}-raw": raw(file)}
    return found


def read(content: bytes, folder: Path) -> None:
    """Reads the data set and says what it is."""
    path = write(folder, "data.safetensors", framed(content))
    attempt(lambda: repr(read_dataset(path)))


READERS = (Reader("datasets", seeds, read),)
