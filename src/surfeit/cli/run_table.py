"""How a list of runs is printed: for people as wide as the terminal, for programs whole."""

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from surfeit.cli.table import print_table

if TYPE_CHECKING:
    from surfeit.store import Summary

_KEY_DIGITS, _SHORT_KEY = 12, 8
_WIDEST = 20
_GAP = 2


@dataclass(frozen=True)
class Column:
    """One column.

    Args:
        title: what it is called.
        text: of a run.
        worth: where the terminal is too narrow, those of least worth are left out.
        short: the title in a terminal.
    """

    title: str
    text: Callable[["Summary"], str]
    worth: int
    short: str = ""


def size_words(size: int) -> str:
    """Bytes in words: "850 kB", "12.3 MB"."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return (
                f"{size / scale:.3g} {unit}"
                if size < 999.5 * scale
                else f"{size / scale:.0f} {unit}"
            )
    return f"{size} B"


def role_words(run: "Summary") -> str:
    """What a run is for and what its mask keeps: "ticket 3, 21 %"."""
    kept = "" if run.density is None else f"{100 * run.density:.3g} %"
    return ", ".join(filter(None, (run.role, kept)))


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f} %"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


# Those that programs know come first, as they always have.
COLUMNS = (
    Column("key", lambda run: run.key[:_KEY_DIGITS], 100),
    Column("state", lambda run: run.state, 90),
    Column("model", lambda run: run.model, 80),
    Column("data", lambda run: run.data, 50),
    Column("seed", lambda run: _number(run.seed), 40),
    Column("steps", lambda run: _number(run.steps), 20),
    Column("test accuracy", lambda run: _percent(run.test_accuracy), 60, "accuracy"),
    Column("created", lambda run: run.created, 10),
    Column("role", role_words, 70),
    Column("size", lambda run: size_words(run.size), 75),
    Column("snapshots", lambda run: str(run.snapshots), 5),
    Column("name", lambda run: run.name, 95),
    Column("tags", lambda run: " ".join(run.tags), 55),
)


def print_runs(runs: Sequence["Summary"], *, whole: bool) -> list[str]:
    """Prints runs under their columns; returns the titles of those there was no room for.

    In a pipe, and with `whole`, every column is printed.

    Args:
        runs: in the order of the list.
        whole: whether to print all columns.
    """
    if whole or not sys.stdout.isatty():
        print_table([column.title for column in COLUMNS], [_row(run, COLUMNS) for run in runs])
        return []
    there = [column for column in COLUMNS if any(column.text(run) for run in runs)]
    cells = {column.title: [_cut(column.text(run)) for run in runs] for column in there}
    cells["key"] = _short_keys(runs)
    cells |= {"created": [run.created[:10] for run in runs]} if "created" in cells else {}
    kept, width = list(there), shutil.get_terminal_size((80, 24)).columns
    while _width(kept, cells) > width and len(kept) > 1:
        kept.remove(min(kept, key=lambda column: column.worth))
    titles = [column.short or column.title for column in kept]
    columns = [cells[column.title] for column in kept]
    print_table(titles, list(zip(*columns, strict=True)))
    return [column.title for column in there if column not in kept]


def print_records(runs: Sequence["Summary"], root: Path) -> None:
    """Prints runs as a JSON list of records, with whole keys and numbers."""
    from dataclasses import asdict

    records = []
    for run in runs:
        record = {name: value for name, value in asdict(run).items() if name != "layers"}
        records.append(record | {"folder": str(root / run.folder), "role": run.role})
    print(json.dumps(records, indent=2))


def _row(run: "Summary", columns: Sequence[Column]) -> list[str]:
    return [column.text(run) for column in columns]


def _short_keys(runs: Sequence["Summary"]) -> list[str]:
    """Beginnings of keys that tell these runs apart."""
    short = [run.key[:_SHORT_KEY] for run in runs]
    return short if len(set(short)) == len(short) else [run.key[:_KEY_DIGITS] for run in runs]


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _width(columns: Sequence[Column], cells: dict[str, list[str]]) -> int:
    widths = [
        max(map(len, [column.short or column.title, *cells[column.title]])) for column in columns
    ]
    return sum(widths) + _GAP * (len(columns) - 1)
