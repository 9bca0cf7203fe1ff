"""The header of a safetensors file: believed only as far as the file's own bytes bear it out."""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from surfeit.store.files import read_into
from surfeit.store.parsing import is_shape, parse_json

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
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
_MOST_BYTES = 32 << 20  # of a header: some 300,000 tensors


@dataclass(frozen=True)
class Place:
    """Where a tensor stands in a safetensors file: its dtype, shape and first byte."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        """In bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Header:
    """What a file's header says, checked against the file.

    Args:
        places: each tensor's, in the order in which they lie in the file, which they fill without
            a gap and without sharing a byte.
        metadata: texts by name.
    """

    places: Mapping[str, Place]
    metadata: Mapping[str, str]


def read_header(descriptor: int, size: int) -> Header:
    """The header of an open file of `size` bytes.

    Raises:
        ValueError: if it is none, or the file is not what it says: what makes all tensors fit into
            the bytes that are there.
    """
    if size < _LENGTH_BYTES:
        raise ValueError(f"the file has {size} bytes")
    (length,) = struct.unpack("<Q", _bytes(descriptor, 0, _LENGTH_BYTES))
    if length > size - _LENGTH_BYTES:
        raise ValueError("its header is longer than the file")
    if length > _MOST_BYTES:
        raise ValueError(f"its header has {length:,} bytes, more than {_MOST_BYTES:,}")
    entries = parse_json(_bytes(descriptor, _LENGTH_BYTES, length))
    if not isinstance(entries, dict):
        raise ValueError("it does not name tensors")
    metadata = entries.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(type(text) is str for text in metadata.values()):
        raise ValueError("its metadata are not texts by name")
    start = _LENGTH_BYTES + length
    return Header(_ordered(entries, start, size), metadata)


def _ordered(entries: Mapping[str, Any], start: int, size: int) -> dict[str, Place]:
    ends = {name: _end_of(name, entry) for name, entry in entries.items()}
    places, end = {}, 0
    for name in sorted(entries, key=lambda name: (entries[name]["data_offsets"][0], ends[name])):
        if entries[name]["data_offsets"][0] != end:
            raise ValueError(f"the bytes of tensor {name!r} do not follow those before it")
        places[name] = _place(name, entries[name], start)
        end = ends[name]
    if size != start + end:
        raise ValueError(f"the file has {size} bytes, which is not what its header says")
    return places


def _end_of(name: str, entry: Any) -> int:
    """Where the bytes of a tensor end, once its record is of the right kinds."""
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= entry.keys():
        raise ValueError(f"tensor {name!r} has no dtype, shape and offsets")
    if type(entry["dtype"]) is not str or entry["dtype"] not in DTYPES:
        raise ValueError(f"tensor {name!r} is of a dtype that is not known")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not is_shape(shape):
        raise ValueError(f"tensor {name!r} has no shape")
    if not is_shape(offsets) or len(offsets) != 2:
        raise ValueError(f"tensor {name!r} has no two offsets")
    return offsets[1]


def _place(name: str, entry: Mapping[str, Any], start: int) -> Place:
    begin, end = entry["data_offsets"]
    place = Place(DTYPES[entry["dtype"]], tuple(entry["shape"]), start + begin)
    if place.size != end - begin:
        raise ValueError(
            f"tensor {name!r} should take {place.size:,} bytes and has {max(end - begin, 0):,}"
        )
    return place


def _bytes(descriptor: int, offset: int, length: int) -> bytes:
    data = bytearray(length)
    if not read_into(descriptor, memoryview(data), offset):
        raise ValueError("the file ends too early")
    return bytes(data)
