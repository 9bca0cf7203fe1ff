"""What pickles say of arrays, kept as they say it; nothing is made of it here.

Source: numpy's `ndarray.__reduce__` and `dtype.__reduce__`, which say what arrays are pickled as.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

_MOST_AXES = 8
_CORES = ("numpy.core", "numpy._core")  # numpy 2 renamed it
_RECONSTRUCT = {(f"{core}.multiarray", "_reconstruct") for core in _CORES}
_FROM_BUFFER = {(f"{core}.numeric", "_frombuffer") for core in _CORES}
_NDARRAY, _DTYPE, _ENCODE = ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")
_KNOWN = _RECONSTRUCT | _FROM_BUFFER | {_NDARRAY, _DTYPE, _ENCODE}
_DTYPES = {
    np.dtype(name).str[1:]: name
    for name in ("bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
} | {np.dtype(name).str[1:]: name for name in ("float16", "float32", "float64")}


class DamagedPickleError(Exception):
    """The pickle is cut short, or asks for what no writer of plain values writes."""


class RefusedPickleError(Exception):
    """The dotted name of what the pickle asked for, which is neither a plain value nor an array."""


@dataclass
class PickledArray:
    """What a pickle says of an array; nothing of it is checked against the rest.

    Args:
        dtype: its name, such as "uint8", or what the pickle calls a dtype that is none of numbers.
        shape: non-negative integers.
        in_columns: whether the first index runs fastest (Fortran's order).
        content: its bytes.
    """

    dtype: str = ""
    shape: tuple[int, ...] = ()
    in_columns: bool = False
    content: bytes = b""


@dataclass
class PickledDtype:
    """A dtype by its name, as `PickledArray.dtype`."""

    name: str


@dataclass(frozen=True)
class Named:
    """A function or class that arrays are pickled with, by module and name; it is never looked up.

    Raises:
        RefusedPickleError: if arrays are pickled without it.
    """

    module: str
    name: str

    def __post_init__(self) -> None:
        if (self.module, self.name) not in _KNOWN:
            raise RefusedPickleError(_shown(f"{self.module}.{self.name}"))

    def called(self, arguments: tuple[Any, ...]) -> object:
        """What a call of it stands for: an array, a dtype or the bytes that a text spells.

        Raises:
            RefusedPickleError: if it is not called to make an array.
            DamagedPickleError: if the arguments are others than numpy's.
        """
        name = self.module, self.name
        if name in _RECONSTRUCT:
            return PickledArray()
        if name in _FROM_BUFFER:
            return _from_buffer(arguments)
        if name == _DTYPE:
            return _dtype(arguments)
        if name == _ENCODE:
            return _encoded(arguments)
        raise RefusedPickleError(f"a call of {self.module}.{self.name}")


def give_state_(made: object, state: object) -> None:
    """Notes in an array or a dtype what the pickle says of it.

    Raises:
        DamagedPickleError: if it is neither, or the state is another than numpy's.
    """
    if isinstance(made, PickledArray):
        _set_state(made, state)
    elif isinstance(made, PickledDtype):
        _check_dtype(state)
    else:
        raise DamagedPickleError(f"a {type(made).__name__} is given a state")


def _set_state(array: PickledArray, state: object) -> None:
    """`__setstate__` of an array: (version, shape, dtype, is in columns, bytes)."""
    if not isinstance(state, tuple) or len(state) != 5:
        raise DamagedPickleError("an array has another state than numpy's")
    _, shape, dtype, in_columns, content = state
    array.dtype, array.shape = _name_of(dtype), _checked(shape)
    array.in_columns, array.content = in_columns is True, _bytes(content)


def _from_buffer(arguments: tuple[Any, ...]) -> PickledArray:
    """`numpy.core.numeric._frombuffer(bytes, dtype, shape, order)`, of protocol 5."""
    if len(arguments) != 4 or arguments[3] not in ("C", "F"):
        raise DamagedPickleError("an array is made of other than bytes, dtype, shape and order")
    content, dtype, shape, order = arguments
    return PickledArray(_name_of(dtype), _checked(shape), order == "F", _bytes(content))


def _dtype(arguments: tuple[Any, ...]) -> PickledDtype:
    name = arguments[0] if arguments else None
    if isinstance(name, bytes):
        name = name.decode("latin1")
    if not isinstance(name, str):
        raise DamagedPickleError("a dtype has no name")
    return PickledDtype(_DTYPES.get(name) or _shown(name))


def _check_dtype(state: object) -> None:
    """`__setstate__` of a dtype: (version, byte order, subdtype, names, fields, ...)."""
    if not isinstance(state, tuple) or len(state) < 5 or any(p is not None for p in state[2:5]):
        raise DamagedPickleError("a dtype is none of plain numbers")


def _encoded(arguments: tuple[Any, ...]) -> bytes:
    """The bytes that Python 3 spells as a text in Latin 1 in protocol 2."""
    if len(arguments) != 2 or not isinstance(arguments[0], str):
        raise DamagedPickleError("a text is encoded wrongly")
    text, encoding = arguments
    if encoding not in ("latin1", b"latin1"):
        raise RefusedPickleError(f"_codecs.encode to {_shown(encoding)!r}")
    try:
        return text.encode("latin1")
    except UnicodeEncodeError as error:
        raise DamagedPickleError("bytes are spelled with letters that are none") from error


def _name_of(dtype: object) -> str:
    if not isinstance(dtype, PickledDtype):
        raise DamagedPickleError("an array has no dtype")
    return dtype.name


def _checked(shape: object) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or len(shape) > _MOST_AXES:
        raise DamagedPickleError("an array has no shape")
    for side in shape:
        if type(side) is not int or not 0 <= side < 1 << 63:
            raise DamagedPickleError("an array's shape is not of whole numbers")
    return shape


def _bytes(content: object) -> bytes:
    if not isinstance(content, bytes):
        raise DamagedPickleError(f"an array's content is a {type(content).__name__}, no bytes")
    return content


def _shown(name: object) -> str:
    """A name as a pickle gives it, short and without control characters."""
    text = name if isinstance(name, str) else type(name).__name__
    return ascii(text[:60])[1:-1]
