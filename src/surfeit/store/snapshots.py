"""Snapshots: all weights at one step in one safetensors file, read by byte range.

In a masked run the mask is stored once, bit-packed, and each snapshot holds a masked tensor's
surviving weights alone.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from surfeit.core import Params, StoreError
from surfeit.store.container import container
from surfeit.store.files import FileSum, opened, read_errors, read_into, write_atomically
from surfeit.store.headers import Header, Place, read_header
from surfeit.store.parsing import is_shape, parse_json


def write_snapshot(
    path: Path,
    tensors: Mapping[str, Tensor],
    mask: Mapping[str, Tensor] | None = None,
    *,
    sync: bool = False,
) -> FileSum:
    """Writes all tensors atomically; of a masked tensor the surviving weights only.

    Args:
        path: the file to write.
        tensors: parameters and buffers by name.
        mask: bool tensors shaped like the weights they mask, True = kept.
        sync: flush to the disk at once; a checkpoint does so for all snapshots before it.

    Returns:
        The file's size and sha256.

    Raises:
        StoreError: if the disk refuses.
    """
    kept = mask or {}
    stored = {name: _stored(value, kept.get(name)) for name, value in tensors.items()}
    data = safetensors.torch.save(stored)
    write_atomically(path, data, sync=sync)
    return FileSum.of(data)


def read_snapshot(path: Path, mask: Mapping[str, Tensor] | None = None) -> Params:
    """All tensors of a snapshot, masked weights as zeros.

    Raises:
        StoreError: if the file is missing or damaged.
    """
    _, tensors = _read(path)
    for name, kept in (mask or {}).items():
        if name not in tensors:
            raise StoreError(f"{path} has no tensor {name!r}, which the run's mask names")
        tensors[name] = _scattered(tensors[name], kept, path)
    return tensors


def read_layer(paths: Sequence[Path], name: str, kept: Tensor | None = None) -> Tensor:
    """One tensor over many snapshots of one run: [snapshots, *shape].

    The first file's header is parsed and the same byte range read from all: the files of a run
    are laid out alike, which their sizes confirm. Cost: the tensor's own bytes, nothing else.

    Raises:
        StoreError: if a file is missing, damaged or laid out differently, or has no such tensor.
    """
    with _open(paths[0]) as (file, size):
        first = _header(file, size, paths[0])
    if name not in first.places:
        raise StoreError(f"{paths[0]} has no tensor {name!r}; it has {', '.join(first.places)}")
    place = first.places[name]
    result = torch.empty((len(paths), *place.shape), dtype=place.dtype)
    for row, path in zip(result, paths, strict=True):
        with _open(path) as (file, found):
            if found != size:
                raise StoreError(f"{path} is damaged: it should have {size} bytes like the others")
            _fill_(row, file, place, path)
    if kept is None:
        return result
    return torch.stack([_scattered(row, kept, paths[0]) for row in result])


def write_mask(path: Path, mask: Mapping[str, Tensor]) -> FileSum:
    """Writes a mask, eight entries a byte; equal masks have equal bytes.

    Returns:
        The file's size and sha256.

    Raises:
        StoreError: if the disk refuses.
    """
    packed = {
        name: torch.from_numpy(np.packbits(kept.cpu().numpy().reshape(-1)))
        for name, kept in mask.items()
    }
    shapes = {name: json.dumps(list(kept.shape)) for name, kept in mask.items()}
    data = container(packed, shapes)
    write_atomically(path, data)
    return FileSum.of(data)


def read_mask(path: Path) -> Params:
    """The mask in a file: bool tensors by name, True = kept.

    Eight entries a byte, so it takes eight times the file's size; no more, whatever shapes say.

    Raises:
        StoreError: if the file is missing or damaged.
    """
    try:
        header, packed = _read(path)
    except StoreError as error:
        raise StoreError(f"{path} is missing or damaged: {error}") from error
    try:
        return {name: _unpacked(name, bits, header.metadata) for name, bits in packed.items()}
    except ValueError as error:
        raise StoreError(f"{path} is damaged: it is no mask ({error})") from error


def places(path: Path) -> Mapping[str, Place]:
    """Where each tensor stands in a snapshot, from its header alone.

    Raises:
        StoreError: if the file is missing or damaged, or is not as long as its header says.
    """
    with _open(path) as (file, size):
        return _header(file, size, path).places


@contextmanager
def _open(path: Path) -> Iterator[tuple[int, int]]:
    """The descriptor of a file of a run, and its size in bytes."""
    descriptor, size = opened(path, follow=False)
    try:
        yield descriptor, size
    finally:
        os.close(descriptor)


def _header(file: int, size: int, path: Path) -> Header:
    try:
        with read_errors(path):
            return read_header(file, size)
    except ValueError as error:
        raise StoreError(f"{path} is damaged: its header cannot be read ({error})") from error


def _read(path: Path) -> tuple[Header, Params]:
    """The header of a file and all its tensors."""
    with _open(path) as (file, size):
        header = _header(file, size, path)
        tensors = {}
        for name, place in header.places.items():
            tensors[name] = torch.empty(place.shape, dtype=place.dtype)
            _fill_(tensors[name], file, place, path)
    return header, tensors


def _fill_(tensor: Tensor, file: int, place: Place, path: Path) -> None:
    numbers = tensor.reshape(-1).view(torch.uint8)
    with read_errors(path):
        whole = read_into(file, numbers.numpy().data, place.offset)
    if not whole:
        raise StoreError(f"{path} is damaged: it ends too early")
    if place.dtype == torch.bool and bool((numbers > 1).any()):
        raise StoreError(f"{path} is damaged: what should be true or false is neither")


def _unpacked(name: str, bits: Tensor, shapes: Mapping[str, str]) -> Tensor:
    if name not in shapes:
        raise ValueError(f"{name!r} has no shape")
    shape: Any = parse_json(shapes[name].encode())
    if not is_shape(shape) or bits.dtype != torch.uint8 or bits.dim() != 1:
        raise ValueError(f"{name!r} is not a list of bytes with a shape")
    count = math.prod(shape)
    if -(-count // 8) != len(bits):
        raise ValueError(f"{name!r} should have {count:,} entries and has {len(bits):,} bytes")
    flat = np.unpackbits(bits.numpy(), count=count).view(bool)
    return torch.from_numpy(flat).reshape(shape)


def _stored(value: Tensor, kept: Tensor | None) -> Tensor:
    whole = value.detach() if kept is None else value.detach()[kept.to(value.device)]
    return whole.cpu().contiguous()


def _scattered(values: Tensor, kept: Tensor, path: Path) -> Tensor:
    if values.numel() != int(kept.sum()):
        raise StoreError(f"{path} holds {values.numel()} weights where its mask keeps {kept.sum()}")
    if values.dim() != 1:
        raise StoreError(f"{path} is damaged: it holds masked weights as {values.dim()} axes")
    full = torch.zeros(kept.shape, dtype=values.dtype)
    full[kept] = values
    return full
