"""Snapshots: all weights at one step in one safetensors file, read by byte range.

In a masked run the mask is stored once, bit-packed, and each snapshot holds a masked tensor's
surviving weights alone.
"""

import json
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from surfeit.core import Params, StoreError
from surfeit.store.container import container
from surfeit.store.files import FileSum, write_atomically

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "C64": torch.complex64,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_LENGTH_BYTES = 8


@dataclass(frozen=True)
class Place:
    """Where a tensor stands in a safetensors file: its dtype, shape and first byte."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    offset: int


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
    try:
        tensors = safetensors.torch.load_file(path)
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing") from error
    except (SafetensorError, OSError) as error:
        raise StoreError(f"{path} is damaged: {error}") from error
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
    first = places(paths[0])
    if name not in first:
        raise StoreError(f"{paths[0]} has no tensor {name!r}; it has {', '.join(first)}")
    place, size = first[name], paths[0].stat().st_size
    result = torch.empty((len(paths), *place.shape), dtype=place.dtype)
    for row, path in zip(result, paths, strict=True):
        _read_into(path, place, size, row)
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

    Raises:
        StoreError: if the file is missing or damaged.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            shapes = {name: json.loads(text) for name, text in (file.metadata() or {}).items()}
            packed = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise StoreError(f"{path} is missing or damaged: {error}") from error
    mask = {}
    for name, bits in packed.items():
        count = int(np.prod(shapes[name]))
        flat = np.unpackbits(bits.numpy(), count=count).astype(bool)
        mask[name] = torch.from_numpy(flat).reshape(shapes[name])
    return mask


def places(path: Path) -> dict[str, Place]:
    """Where each tensor stands in a snapshot, from its header alone.

    Raises:
        StoreError: if the file is missing or damaged, or is not as long as its header says.
    """
    try:
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(_LENGTH_BYTES))
            size = path.stat().st_size
            if length > size:
                raise ValueError("its header is longer than the file")
            entries = json.loads(file.read(length))
        entries.pop("__metadata__", None)
        start = _LENGTH_BYTES + length
        if size != start + max((entry["data_offsets"][1] for entry in entries.values()), default=0):
            raise ValueError(f"it has {size} bytes, which is not what its header says")
        return {
            name: Place(
                _DTYPES[entry["dtype"]], tuple(entry["shape"]), start + entry["data_offsets"][0]
            )
            for name, entry in entries.items()
        }
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing") from error
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} is damaged: its header cannot be read ({error})") from error


def _read_into(path: Path, place: Place, size: int, row: Tensor) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing") from error
    try:
        if os.fstat(descriptor).st_size != size:
            raise StoreError(f"{path} is damaged: it should have {size} bytes like the others")
        target = row.reshape(-1).view(torch.uint8).numpy().data
        done = 0
        while done < len(target):
            count = os.preadv(descriptor, [target[done:]], place.offset + done)
            if count == 0:
                raise StoreError(f"{path} is damaged: it ends too early")
            done += count
    finally:
        os.close(descriptor)


def _stored(value: Tensor, kept: Tensor | None) -> Tensor:
    whole = value.detach() if kept is None else value.detach()[kept.to(value.device)]
    return whole.cpu().contiguous()


def _scattered(values: Tensor, kept: Tensor, path: Path) -> Tensor:
    if values.numel() != int(kept.sum()):
        raise StoreError(f"{path} holds {values.numel()} weights where its mask keeps {kept.sum()}")
    full = torch.zeros(kept.shape, dtype=values.dtype)
    full[kept] = values
    return full
