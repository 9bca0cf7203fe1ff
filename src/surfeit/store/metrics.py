"""The metrics of a run, and the tables of its probes: a JSON object a line, read as columns."""

import math
from pathlib import Path
from typing import Any

import pyarrow as pa

from surfeit.core import StoreError
from surfeit.store.files import open_regular, read_errors
from surfeit.store.parsing import parse_json

_MOST_LINE = 1 << 20  # bytes: a row of some 20,000 columns
_MOST_ROWS = 1 << 20  # a measurement at every step for a million steps
_MOST_CELLS = 1 << 24  # rows by columns: half a GiB while it is read


def read_metrics(path: Path) -> pa.Table:
    """The rows of a metrics file as a table; a last line still being written is left out.

    The column "step" holds integers, all others float64; null where a row has no number.

    Raises:
        StoreError: if it is no file, a whole line is no row of numbers, or there are more than a
            writer makes.
    """
    return _table(path, texts=False)


def read_rows(path: Path) -> pa.Table:
    """As `read_metrics`, of a probe's table, where a column may also hold texts or null.

    Raises:
        StoreError: as `read_metrics`; if a column mixes texts and numbers.
    """
    return _table(path, texts=True)


def _table(path: Path, *, texts: bool) -> pa.Table:
    columns = _Columns(texts)
    with open_regular(path, follow=False) as file, read_errors(path):
        # A buffer of its own: the file has none.
        lines = open(file.fileno(), "rb", closefd=False)  # noqa: SIM115
        while (line := lines.readline(_MOST_LINE + 1)).endswith(b"\n"):
            try:
                columns.add(parse_json(line))
            except ValueError as error:
                raise StoreError(
                    f"{path} is damaged: line {columns.rows + 1} is no row of metrics ({error})"
                ) from error
        if len(line) > _MOST_LINE:
            raise StoreError(
                f"{path} is damaged: line {columns.rows + 1} has more than {_MOST_LINE:,} bytes"
            )
    return columns.table()


class _Columns:
    def __init__(self, texts: bool) -> None:
        self.rows = 0
        self._takes_texts = texts
        self._texts: set[str] = set()
        self._numbers: set[str] = set()
        self._values: dict[str, list[int | float | str | None]] = {}

    def add(self, row: Any) -> None:
        if not isinstance(row, dict):
            raise ValueError("it is no object")
        for name, value in row.items():
            column = self._values.setdefault(name, [])
            column += [None] * (self.rows - len(column))
            column.append(self._cell(name, value))
        self.rows += 1
        if self.rows > _MOST_ROWS or self.rows * len(self._values) > _MOST_CELLS:
            raise ValueError(f"there are too many: {len(self._values):,} columns")

    def table(self) -> pa.Table:
        for column in self._values.values():
            column += [None] * (self.rows - len(column))
        return pa.table({n: pa.array(values, self._kind(n)) for n, values in self._values.items()})

    def _cell(self, name: str, value: Any) -> int | float | str | None:
        if value is None:
            return None
        text = isinstance(value, str) and self._takes_texts and name != "step"
        (self._texts if text else self._numbers).add(name)
        if name in self._texts and name in self._numbers:
            raise ValueError(f"{name!r} holds both texts and numbers")
        return value if text else _number(name, value)

    def _kind(self, name: str) -> pa.DataType:
        if name in self._texts:
            return pa.string()
        return pa.int64() if name == "step" else pa.float64()


def _number(name: str, value: Any) -> int | float | None:
    if value is None:
        return None
    if type(value) is int and name == "step" and abs(value) < 2**63:
        return value
    if type(value) in (int, float) and abs(value) < 2**1023:
        number = float(value)
        if name != "step" and math.isfinite(number):
            return number
        if name == "step" and number.is_integer() and abs(number) < 2**63:
            return int(number)
    raise ValueError(f"{name!r} is not a number that fits")
