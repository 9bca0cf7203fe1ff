"""Plain tables on stdout: columns for people in a terminal, tabs for programs in a pipe."""

import sys
from collections.abc import Sequence


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints rows under their columns: aligned in a terminal, separated by tabs in a pipe."""
    lines = [tuple(columns), *(tuple(str(cell) for cell in row) for row in rows)]
    if not sys.stdout.isatty():
        print("\n".join("\t".join(line) for line in lines))
        return
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())
