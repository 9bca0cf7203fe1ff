"""Tables: on stdout columns for people and tabs for programs, in files Parquet or CSV."""

import sys
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints rows under their columns: aligned in a terminal, separated by tabs in a pipe.

    What is in a cell stays in it: control characters, tabs and line breaks are made visible.
    """
    from surfeit.core import printable

    lines = [tuple(columns), *(tuple(printable(str(cell)) for cell in row) for row in rows)]
    if not sys.stdout.isatty():
        print("\n".join("\t".join(line) for line in lines))
        return
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def write_csv(table: "pa.Table", path: Path) -> None:
    """Writes a table as text with commas, its columns' names first, whole or not at all.

    Raises:
        StoreError: if the disk refuses, naming the file.
    """
    from pyarrow.csv import write_csv as write

    _write(write, table, path)


def write_table(table: "pa.Table", path: Path) -> None:
    """Writes a table as Parquet, whole or not at all; the folder must be there.

    Raises:
        StoreError: if the disk refuses, naming the file.
    """
    from pyarrow.parquet import write_table as write

    _write(write, table, path)


def _write(write: Callable[["pa.Table", BytesIO], object], table: "pa.Table", path: Path) -> None:
    from surfeit.store import write_atomically

    written = BytesIO()
    write(table, written)
    write_atomically(path, written.getvalue(), sync=False)
