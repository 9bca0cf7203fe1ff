"""A JSON object read field by field: each is checked, and a wrong one is named in a sentence."""

import json
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from surfeit.core import printable

_COLOUR = re.compile("#[0-9a-fA-F]{6}")
_T = TypeVar("_T")


class FieldError(ValueError):
    """A field is missing, of another kind or out of range."""


class Fields:
    """An object of the file.

    Args:
        found: what the file has there.
        name: where that is, for the sentences; empty for the whole file.

    Raises:
        FieldError: if it is no object; so does every method, of its field.
    """

    def __init__(self, found: Any, name: str = "") -> None:
        if not isinstance(found, dict):
            raise FieldError(f"{name or 'the file'} must be an object, got {shown(found)}")
        self._found, self._name = found, name

    def path(self, key: str) -> str:
        """The field's name with what it lies in."""
        return f"{self._name}.{key}" if self._name else key

    def get(self, key: str) -> Any:
        """The field as it is."""
        if key not in self._found:
            raise FieldError(f"{self.path(key)} is missing")
        return self._found[key]

    def inner(self, key: str) -> "Fields":
        """The object in a field."""
        return Fields(self.get(key), self.path(key))

    def text(self, key: str) -> str:
        """A text; what no figure can show of it, such as control characters, made visible."""
        value = self.get(key)
        if not isinstance(value, str):
            raise FieldError(f"{self.path(key)} must be text, got {shown(value)}")
        return printable(value, lines=True)

    def number(self, key: str, *, least: float = -math.inf, most: float = math.inf) -> float:
        """A finite number within [least, most]."""
        return _number(self.get(key), self.path(key), least, most)

    def entries(
        self, key: str, check: Callable[[Any, str], _T], length: int | None = None
    ) -> list[_T]:
        """A list whose entries `check` has passed; of this length, where one is given."""
        values = self.get(key)
        if not isinstance(values, list):
            raise FieldError(f"{self.path(key)} must be a list, got {shown(values)}")
        if length is not None and len(values) != length:
            raise FieldError(f"{self.path(key)} has {len(values)} entries instead of {length}")
        return [check(value, f"{self.path(key)}[{place}]") for place, value in enumerate(values)]

    def numbers(
        self,
        key: str,
        length: int | None = None,
        *,
        least: float = -math.inf,
        most: float = math.inf,
    ) -> np.ndarray:
        """Finite numbers within [least, most], float64 [entries]."""
        found = self.entries(key, lambda value, name: _number(value, name, least, most), length)
        return np.asarray(found, dtype=np.float64)

    def indices(self, key: str, below: int, length: int | None = None) -> np.ndarray:
        """Whole numbers from 0 and below a bound, int64 [entries]."""
        found = self.entries(key, lambda value, name: whole(value, name, below - 1), length)
        return np.asarray(found, dtype=np.int64)

    def pairs(self, key: str, below: int) -> np.ndarray:
        """Pairs of whole numbers from 0 and below a bound, int64 [pairs, 2]."""

        def pair(value: Any, name: str) -> list[int]:
            if not isinstance(value, list) or len(value) != 2:
                raise FieldError(f"{name} must be a pair, got {shown(value)}")
            return [whole(one, name, below - 1) for one in value]

        return np.asarray(self.entries(key, pair), dtype=np.int64).reshape(-1, 2)


def whole(value: Any, name: str, most: int) -> int:
    """A whole number from 0 to `most`."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        allowed = f"a whole number from 0 to {most}" if most >= 0 else "left out"
        raise FieldError(f"{name} must be {allowed}, got {shown(value)}")
    return value


def colour(value: Any, name: str) -> str:
    """A colour as "#rrggbb"."""
    if not isinstance(value, str) or not _COLOUR.fullmatch(value):
        raise FieldError(f'{name} must be a colour like "#0072b2", got {shown(value)}')
    return value


def shown(value: Any) -> str:
    """The value as JSON has it, shortened."""
    text = ""
    for part in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        text += part
        if len(text) > 40:  # the rest may be all of a large file
            return f"{text[:37]}..."
    return text


def _number(value: Any, name: str, least: float, most: float) -> float:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    # Comparing is exact for whole numbers of any size, where conversion would overflow.
    bounds = (max(least, -1.7e308), min(most, 1.7e308))
    if not known or not bounds[0] <= value <= bounds[1]:
        raise FieldError(f"{name} must be {_range(least, most)}, got {shown(value)}")
    return float(value)


def _range(least: float, most: float) -> str:
    if least == -math.inf:
        return "a finite number"
    if most == math.inf:
        return f"a finite number from {least:g}"
    return f"a number from {least:g} to {most:g}"
