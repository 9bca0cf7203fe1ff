"""What the viewer's page is sent: a JSON header and raw arrays in one run of bytes.

    u32 little-endian: length of the header in bytes
    the header: UTF-8 JSON, padded with spaces so that the data begin at a multiple of 8
    the arrays, little-endian, each at a multiple of 8

`header["arrays"]` says of each array {"dtype", "offset" in bytes from the start of the data,
"length" in entries}; everything else in the header is the sender's own.
"""

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

_DTYPES = {"u1", "u2", "u4", "i1", "f4", "f8"}
_ALIGNED = 8
_LENGTH = struct.Struct("<I")


def encode(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Packs a header and arrays into bytes that a page reads without copying.

    Args:
        header: JSON values; floats that are not finite become null.
        arrays: by name; each is flattened. Little-endian uint8, uint16, uint32, int8, float32 or
            float64.

    Raises:
        ValueError: if the header names "arrays" itself, or an array has another dtype.
    """
    if "arrays" in header:
        raise ValueError('the header\'s entry "arrays" is made here, it must not be given')
    places, parts, offset = {}, [], 0
    for name, values in arrays.items():
        dtype = _dtype_of(name, values)
        data = np.ascontiguousarray(values).tobytes()
        places[name] = {"dtype": dtype, "offset": offset, "length": values.size}
        parts.append(data + bytes(-len(data) % _ALIGNED))
        offset += len(parts[-1])
    text = json.dumps(
        _finite({**header, "arrays": places}), separators=(",", ":"), allow_nan=False
    ).encode()
    text += b" " * (-(_LENGTH.size + len(text)) % _ALIGNED)
    return b"".join([_LENGTH.pack(len(text)), text, *parts])


def decode(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header, without its "arrays", and the arrays by name; these are views of `data`.

    Raises:
        ValueError: if the bytes are cut short or are no such pack.
    """
    try:
        (length,) = _LENGTH.unpack_from(data)
        start = _LENGTH.size + length
        if start > len(data):
            raise ValueError("the header is cut short")
        header = json.loads(data[_LENGTH.size : start])
        arrays = {
            name: np.frombuffer(
                data, f"<{place['dtype']}", count=place["length"], offset=start + place["offset"]
            )
            for name, place in header.pop("arrays").items()
        }
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a pack cannot be read: {error}") from error
    return header, arrays


def _dtype_of(name: str, values: np.ndarray) -> str:
    dtype = f"{values.dtype.kind}{values.dtype.itemsize}"
    if dtype not in _DTYPES or values.dtype.byteorder == ">":
        allowed = ", ".join(sorted(_DTYPES))
        raise ValueError(f"array {name!r} must be one of {allowed}, got {values.dtype}")
    return dtype


def _finite(value: Any) -> Any:
    """JSON knows neither NaN nor infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value
