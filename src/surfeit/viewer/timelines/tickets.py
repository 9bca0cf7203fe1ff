"""A ticket search over its levels, a replicate at a time: the table that it wrote."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from surfeit.core import StoreError
from surfeit.store import Run, Store
from surfeit.store.files import check_regular
from surfeit.store.run import Status
from surfeit.store.summary import objective_name
from surfeit.viewer.timelines.about import About, about_of, settings_of
from surfeit.viewer.timelines.networks import Networks
from surfeit.viewer.timelines.records import layer_shapes
from surfeit.viewer.timelines.run import learning_of, name_of
from surfeit.viewer.timelines.timeline import Learning, Moment, Timeline

TABLE = "tickets.parquet"
_ARM = "ticket"
_COLUMNS = {
    "replicate": pa.types.is_integer,
    "level": pa.types.is_integer,
    "arm": pa.types.is_string,
    "run": pa.types.is_string,
}
_MOST_CELLS, _MOST_BYTES = 10_000_000, 1 << 28
_KEY = re.compile(r"[0-9a-f]{64}")


class TicketTimeline(Timeline):
    """One replicate's tickets over their levels; level 0 is the dense network.

    A level shows the weights that its training ended with, and movement is from where that
    training began.

    Args:
        identifier: stands in addresses.
        name: what it is called.
        runs: by level, ascending, at least one.
        rows: the table of this replicate's tickets, by "level".
        note: what is missing, a sentence, or None.
        networks: builds their networks.

    Raises:
        StoreError: if the first run does not describe its layers.
    """

    def __init__(
        self,
        identifier: str,
        name: str,
        runs: Mapping[int, Run],
        *,
        rows: pa.Table,
        note: str | None,
        networks: Networks | None = None,
    ) -> None:
        shapes = layer_shapes(next(iter(runs.values())))
        super().__init__(identifier, name, "level", shapes, networks)
        self._runs = dict(runs)
        self._rows = rows
        self._note = note

    @property
    def status(self) -> Status:
        """`done` if all trainings are, `running` if one is."""
        seen: set[Status] = {run.status for run in self._runs.values()}
        if "running" in seen:
            return "running"
        return "interrupted" if "interrupted" in seen else "done"

    @property
    def note(self) -> str | None:
        """What is missing."""
        return self._note

    @property
    def objective(self) -> str | None:
        """What the first level's configuration names."""
        return objective_name(next(iter(self._runs.values())))

    def about(self) -> About:
        """What the first level's record says; arm and level are those of the whole search."""
        first = about_of(next(iter(self._runs.values())))
        return replace(first, arm="tickets", level=None, density=None)

    def settings(self) -> dict[str, str]:
        """Those of the first level."""
        return settings_of(next(iter(self._runs.values())))

    def steps(self) -> list[int]:
        """The levels whose run has snapshots."""
        return [level for level, run in self._runs.items() if run.steps()]

    def moments(self) -> list[Moment]:
        """A moment for each level."""
        return [Moment(level, None, self._runs[level].key) for level in self.steps()]

    def place(self, at: int) -> tuple[Run, int]:
        """The level's run and its last step.

        Raises:
            ValueError: if there is no such level.
        """
        run = self._runs[self.moment(at)]
        return run, run.steps()[-1]

    def learning(self) -> Learning:
        """Densities and accuracies by level."""
        return learning_of(self._rows, "level")


def ticket_file(path: Path) -> Path | None:
    """The table of tickets that a path names, itself or the one in a folder; None if neither."""
    if path.suffix == ".parquet":
        return path
    return path / TABLE if (path / TABLE).is_file() else None


def ticket_timelines(
    path: Path, store: Store, networks: Networks | None = None
) -> tuple[list[Timeline], list[str]]:
    """A timeline for each replicate in a table of tickets, and what cannot be shown.

    Args:
        path: a Parquet file with the columns replicate, level, arm and run.
        store: where the runs are.
        networks: builds their networks.

    Raises:
        StoreError: if the table cannot be read or none of its runs is in the store.
        ValueError: if it is no table of tickets.
    """
    table = _read(path)
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    found: list[Timeline] = []
    problems: list[str] = []
    for replicate in sorted({row["replicate"] for row in table.to_pylist()}):
        rows = [row for row in table.to_pylist() if row["replicate"] == replicate]
        runs, lacking = _runs(rows, store)
        if lacking:
            problems.append(f"{path}, replicate {replicate}: {'; '.join(lacking)}")
        if runs:
            name = f"tickets of {_without_seed(runs)}, replicate {replicate}"
            own = pa.Table.from_pylist(
                [{k: v for k, v in row.items() if k != "replicate"} for row in rows]
            )
            note = problems[-1] if lacking else None
            identifier = f"tickets-{digest}-{replicate}"
            found.append(
                TicketTimeline(identifier, name, runs, rows=own, note=note, networks=networks)
            )
    if not found:
        raise StoreError(f"none of the runs in {path} can be shown: {'; '.join(problems)}")
    return found, problems


def _read(path: Path) -> pa.Table:
    """The rows of the tickets themselves, by level."""
    check_regular(path)
    try:
        with pq.ParquetFile(path) as file:
            _check_size(path, file.metadata)
            table = file.read()
        table.validate(full=True)
        names = table.column_names
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} is damaged: it cannot be read as a table ({error})") from error
    _check_columns(path, table, names)
    rows = [row for row in table.to_pylist() if row["arm"] == _ARM]
    rows.sort(key=lambda row: (row["replicate"], row["level"]))
    return pa.Table.from_pylist(rows, schema=table.schema)


def _check_columns(path: Path, table: pa.Table, names: Sequence[str]) -> None:
    lacking = [name for name in _COLUMNS if name not in names]
    if lacking:
        raise ValueError(
            f"{path} is no table of tickets as `surfeit tickets` writes: it has no "
            f"{', '.join(lacking)}"
        )
    for name, is_kind in _COLUMNS.items():
        if names.count(name) != 1 or not is_kind(table.field(name).type):
            raise ValueError(
                f"{path} is no table of tickets as `surfeit tickets` writes: see its column {name}"
            )
        if table[name].null_count and name != "run":
            raise ValueError(f"{path} is no table of tickets: its column {name} has gaps")


def _check_size(path: Path, about: pq.FileMetaData) -> None:
    """Refuses what would be far more than the file: nulls and repeats take hardly any bytes."""
    groups = [about.row_group(index) for index in range(about.num_row_groups)]
    rows, size = sum(g.num_rows for g in groups), sum(g.total_byte_size for g in groups)
    cells = rows * about.num_columns
    if not (0 <= cells <= _MOST_CELLS and 0 <= size <= _MOST_BYTES):
        raise StoreError(
            f"{path} is no table of tickets: it claims {rows:,} rows of {about.num_columns} "
            f"columns and {size:,} bytes, expected at most {_MOST_CELLS:,} cells and "
            f"{_MOST_BYTES:,} bytes"
        )


def _runs(rows: Sequence[Mapping[str, Any]], store: Store) -> tuple[dict[int, Run], list[str]]:
    """The levels' runs, and a sentence for each that is not there."""
    found: dict[int, Run] = {}
    lacking: list[str] = []
    for row in rows:
        try:
            found[int(row["level"])] = _run(row["run"], store)
        except StoreError as error:
            lacking.append(f"level {row['level']} is missing ({error})")
    return found, lacking


def _run(key: object, store: Store) -> Run:
    if key is None:
        raise StoreError("its training failed")
    # A key becomes a path: nothing else may.
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise StoreError(f"{key!r} is no run's key")
    path = store.path_of(key)
    if not path.resolve().is_relative_to(store.root.resolve()):
        raise StoreError(f"{path} leads outside {store.root}: it is not read")
    run = Run(path)
    layer_shapes(run)
    return run


def _without_seed(runs: Mapping[int, Run]) -> str:
    return name_of(next(iter(runs.values()))).split(", seed")[0]
