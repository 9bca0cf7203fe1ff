"""What a probe gives, checked: rows of plain names with numbers, texts or None in them."""

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from surfeit.store.metrics_file import Cell

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_MOST_TEXT = 200
_MOST_ROWS = 10_000


class Table:
    """The columns of a probe's table, which its first row decides.

    Args:
        name: the probe's.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._columns: list[str] | None = None
        self._texts: dict[str, bool] = {}

    def rows(self, given: object, step: int) -> list[dict[str, Cell]]:
        """The rows of a step as they are written, the column `step` first.

        A number that is not finite stays as it is: it is written as null.

        Raises:
            ValueError: if it is no row and no rows, a name is no plain word, the columns are others
                than before, or a value is neither number nor text nor None.
        """
        return [{"step": step, **self._row(row)} for row in self._several(given)]

    def _several(self, given: object) -> Iterable[Mapping[str, Any]]:
        if isinstance(given, Mapping):
            return [given]
        if not isinstance(given, Iterable) or isinstance(given, str):
            raise ValueError(
                f"it gave {_kind(given)}: return a dict of numbers by name, or yield several"
            )
        rows = []
        for row in given:
            if not isinstance(row, Mapping):
                raise ValueError(f"one of its rows is {_kind(row)}: give dicts of numbers by name")
            rows.append(row)
            if len(rows) > _MOST_ROWS:
                raise ValueError(f"it gave more than {_MOST_ROWS:,} rows for one step")
        return rows

    def _row(self, row: Mapping[str, Any]) -> dict[str, Cell]:
        names = list(row)
        for name in names:
            if not isinstance(name, str) or not _NAME.fullmatch(name) or name == "step":
                raise ValueError(
                    f"{name!r:.120} is no name of a column: up to 100 letters, digits and _, and "
                    "not 'step', which is there anyway"
                )
        if self._columns is None:
            if not names:
                raise ValueError("its row is empty: give a number by name")
            self._columns = names
        if set(names) != set(self._columns):
            raise ValueError(
                f"its columns were {', '.join(self._columns)} and are {', '.join(names)} now: give "
                "the same each time, None where there is nothing"
            )
        return {name: self._cell(name, row[name]) for name in self._columns}

    def _cell(self, name: str, value: Any) -> Cell:
        cell = _plain(name, value)
        if cell is not None and self._texts.setdefault(name, isinstance(cell, str)) != isinstance(
            cell, str
        ):
            raise ValueError(f"{name} holds both texts and numbers")
        return cell


def _plain(name: str, value: Any) -> Cell:
    if value is None:
        return None
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # of tensors and of arrays
        value = value.item()
    if isinstance(value, str) and len(value) <= _MOST_TEXT:
        return value
    if isinstance(value, float) or (isinstance(value, int | Fraction) and abs(value) < 2**63):
        return float(value)
    raise ValueError(
        f"{name} is {_kind(value)}: give a number, a text of up to {_MOST_TEXT} letters, or None"
    )


def _kind(value: object) -> str:
    if value is None:
        return "None"
    shape = getattr(value, "shape", None)
    of = f" of shape {list(shape)}" if isinstance(shape, tuple) else ""
    return f"of type {type(value).__name__}{of}"
