"""The tables of probes as they are written: `probes/NAME.jsonl` in a run's folder, a row a line."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from surfeit.store.files import FileSum, check_regular, disk_errors, make_folder
from surfeit.store.metrics_file import Cell, MetricsFile
from surfeit.store.names import probe_file

PROBES = "probes"
"""The folder of the tables, and in `DONE.json` how each was made."""

Form = Mapping[str, Any]
"""What a table depends on beside its run, as JSON: the function, and the steps that it looks at."""


@dataclass(frozen=True)
class TableSum:
    """A table up to a checkpoint.

    Args:
        form: how it is made.
        rows: the sum of its rows until then.
    """

    form: Form
    rows: FileSum

    def to_json(self) -> dict[str, Any]:
        """As a checkpoint keeps it."""
        return {"form": dict(self.form), "rows": asdict(self.rows)}

    def stands(self, folder: Path, name: str) -> bool:
        """Whether the table in a run's folder begins with these rows."""
        return _table(folder, name).begins_with(self.rows)


class ProbeTables:
    """The tables of a training's probes while they grow.

    Args:
        folder: the run's.
        forms: how each table is made, by the probe's name.

    Raises:
        StoreError: if one is there and is no file, such as a link.
    """

    def __init__(self, folder: Path, forms: Mapping[str, Form]) -> None:
        self.forms = {name: dict(form) for name, form in forms.items()}
        self._folder = folder
        self._files = {name: _table(folder, name) for name in forms}
        if forms:
            make_folder(folder / PROBES)

    def append(self, name: str, rows: Sequence[Mapping[str, Cell]]) -> None:
        """Appends rows to a table; numbers that are not finite become null."""
        for row in rows:
            self._files[name].append(row)

    def sums(self) -> dict[str, TableSum]:
        """What a checkpoint keeps of the tables."""
        return {n: TableSum(self.forms[n], file.sum()) for n, file in self._files.items()}

    def continues(self, kept: Mapping[str, TableSum]) -> bool:
        """Whether all tables are among those of a checkpoint, made alike, and as they were then."""
        return all(
            name in kept and kept[name].form == form and kept[name].stands(self._folder, name)
            for name, form in self.forms.items()
        )

    def cut(self, kept: Mapping[str, TableSum]) -> None:
        """Cuts the tables back to what a checkpoint keeps; those that it does not, to nothing."""
        for name, file in self._files.items():
            file.cut(kept[name].rows.size if name in kept else 0)

    def written(self) -> list[Path]:
        """The files, and the folder they are in."""
        files = [path for file in self._files.values() for path in file.written()]
        return [*files, self._folder / PROBES] if self._files else []

    def finished(self) -> dict[str, FileSum]:
        """The sums by the files' names, once each is there, though it may have no row."""
        for name in self._files:
            path = self._folder / probe_file(name)
            with disk_errors(path):
                path.touch()
        return {probe_file(name): file.sum() for name, file in self._files.items()}


def _table(folder: Path, name: str) -> MetricsFile:
    path = folder / probe_file(name)
    if os.path.lexists(path):
        check_regular(path, follow=False)
    return MetricsFile(path)


def table_sums(record: Any) -> dict[str, TableSum]:
    """The tables' sums that a checkpoint's record holds.

    Raises:
        ValueError, TypeError, KeyError: if they are none.
    """
    found = {}
    for name, entry in record.items():
        probe_file(name)
        rows = FileSum(**entry["rows"])
        if type(rows.size) is not int or rows.size < 0 or not isinstance(rows.sha256, str):
            raise ValueError(f"{entry['rows']} is no sum of a table")
        if not isinstance(entry["form"], dict):
            raise ValueError(f"{name!r} does not say how it was made")
        found[name] = TableSum(entry["form"], rows)
    return found


def forms_of(done: Mapping[str, Any]) -> dict[str, Form]:
    """How the tables of a finished run were made, by the probes' names; `read_done` checks them."""
    return done.get(PROBES, {})
