"""JSON from files that anybody may have written: any bytes give a value or a `ValueError`."""

import json
import math
from typing import Any, NoReturn

from surfeit.core import printable

DEPTH = 100
"""How deep lists and objects may lie in one another: a network within networks needs ten."""

_MOST_AXES = 64  # what torch itself can do most with
_MOST_ENTRIES = 2**63 - 1  # what torch can count, also where another axis is empty


def parse_json(data: bytes, *, constants: bool = False) -> Any:
    r"""The value that JSON in UTF-8 stands for.

    Lone surrogates, which no other file can hold, become visible: `"\udce9"` is read as the six
    characters that it is written in. They come from a command line that is no UTF-8.

    Args:
        data: the file's bytes.
        constants: whether NaN and Infinity, which JSON does not have, are read as numbers.

    Raises:
        ValueError: if it is no JSON in UTF-8, holds other constants than allowed or numbers of more
            than 4,300 digits, or is nested more than `DEPTH` deep.
    """
    text = data.decode("utf-8")
    try:
        value = json.loads(text, parse_constant=None if constants else _refuse)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    _check_depth(value)
    return _visible(value) if "\\ud" in text.lower() else value


def is_shape(value: Any) -> bool:
    """Whether it is a list of sizes, from 0, that a tensor can have."""
    return (
        isinstance(value, list)
        and len(value) <= _MOST_AXES
        and all(type(side) is int and side >= 0 for side in value)
        and math.prod(side for side in value if side) <= _MOST_ENTRIES
    )


_TOO_DEEP = f"lists and objects lie more than {DEPTH} deep in one another"


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _visible(value: Any) -> Any:
    if isinstance(value, str):
        return "".join(printable(char) if "\ud800" <= char <= "\udfff" else char for char in value)
    if isinstance(value, list):
        return [_visible(item) for item in value]
    if isinstance(value, dict):
        return {_visible(name): _visible(item) for name, item in value.items()}
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
