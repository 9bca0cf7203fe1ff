"""Tensors as the bytes of a safetensors file: equal contents have equal bytes.

The library's own writer puts metadata in the order of a hash map, another one each time.
"""

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any

import safetensors.torch
from torch import Tensor

from surfeit.core import Params
from surfeit.store.parsing import parse_json

_LENGTH_BYTES = 8
_METADATA, _SUM = "__metadata__", "sha256"


def container(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file with its metadata in the order of their names.

    Args:
        tensors: contiguous, on the CPU, by name.
        metadata: texts by name.

    Cost: two copies of the tensors.
    """
    header, data = _parts(safetensors.torch.save(dict(tensors)))
    if metadata:
        header = {_METADATA: dict(sorted(metadata.items())), **header}
    return _joined(header, data)


def sealed(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """As `container`, with the sha256 of all that it holds among the metadata."""
    header, data = _parts(safetensors.torch.save(dict(tensors)))
    header = {_METADATA: dict(sorted(metadata.items())), **header}
    header[_METADATA][_SUM] = _sum(header, data)
    return _joined(header, data)


def unsealed(content: bytes) -> tuple[Params, dict[str, str]]:
    """Tensors and metadata of a sealed file; of a file without a sum as they are.

    Raises:
        ValueError: if the file does not hold what its sum stands for, or is no safetensors file.
        SafetensorError: if its header does not fit its data.
    """
    try:
        header, data = _parts(content)
        metadata = header.get(_METADATA, {})
        expected = metadata.pop(_SUM, None)
    except (struct.error, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(f"its header cannot be read: {error}") from error
    if expected is not None and _sum(header, data) != expected:
        raise ValueError("its sha256 is not what was written")
    return safetensors.torch.load(content), metadata


def _parts(content: bytes) -> tuple[dict[str, Any], memoryview]:
    (length,) = struct.unpack_from("<Q", content)
    begin = _LENGTH_BYTES + length
    return parse_json(content[_LENGTH_BYTES:begin]), memoryview(content)[begin:]


def _joined(header: Mapping[str, Any], data: memoryview) -> bytes:
    text = _text(header)
    text += b" " * (-len(text) % _LENGTH_BYTES)  # where numbers begin that are read in place
    return b"".join([struct.pack("<Q", len(text)), text, data])


def _sum(header: Mapping[str, Any], data: memoryview) -> str:
    found = hashlib.sha256(_text(header))
    found.update(data)
    return found.hexdigest()


def _text(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
