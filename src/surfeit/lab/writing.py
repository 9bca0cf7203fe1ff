"""Writes a result: whole or not at all."""

import os
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surfeit.core import StoreError
from surfeit.core.folders import missing_folders, removed_if_empty
from surfeit.lab.results import FILES, FORMAT, RECORD, Result, read_result
from surfeit.lab.study import Study
from surfeit.lab.verdict import Verdict
from surfeit.store import Lease, claimed_folder, make_folder, write_atomically, write_json
from surfeit.store.files import FileSum, disk_errors

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

_PREFIX = ".result-"


def command_of(study: Study, budget: str, config: Any) -> str:
    """What a user types to get the result again."""
    words = ["surfeit", "study", study.target, "--budget", budget]
    if config.seeds != study.budgets[budget].seeds:
        words += ["--seeds", *map(str, config.seeds)]
    return shlex.join(words)


def write_result(
    folder: Path,
    record: Mapping[str, Any],
    *,
    table: "pa.Table",
    figure: "Figure",
    verdicts: tuple[Verdict, ...],
    identity: Mapping[str, Any],
    environment: Mapping[str, Any],
) -> Result:
    """Writes a result's files into its folder, unless another process did in the meantime.

    Args:
        folder: `<results>/<study>/<key>`.
        record: what `Result` has beside the files.
        table, figure, verdicts: what the study gave.
        identity: what the key stands for.
        environment: where and when.

    Raises:
        DiskError: if the disk refuses; nothing of the result is then seen.
    """
    parent = folder.parent
    with (
        removed_if_empty(missing_folders(parent)),
        disk_errors(make_folder(parent)),
        claimed_folder(parent, _PREFIX) as building,
    ):
        _write_tables(table, building)
        _write_figure(figure, building)
        write_json(building / "config.json", identity)
        write_json(building / "environment.json", environment)
        sums = {name: asdict(FileSum.read(building / name)) for name in FILES}
        rows = [verdict.to_json() for verdict in verdicts]
        extra = {"format": FORMAT, "verdicts": rows, "files": sums}
        write_json(building / RECORD, {**record, **extra})
        return _placed(building, folder)


def _placed(building: Path, folder: Path) -> Result:
    with Lease(folder):
        with suppress(StoreError):
            return read_result(folder)
        # Files of a damaged result are replaced one by one: until all are, there is no record.
        (folder / RECORD).unlink(missing_ok=True)
        for name in (*FILES, RECORD):
            os.replace(building / name, folder / name)
    return read_result(folder)


def _write_tables(table: "pa.Table", folder: Path) -> None:
    import pyarrow.csv
    import pyarrow.parquet as pq

    for name, write in (("table.parquet", pq.write_table), ("table.csv", pyarrow.csv.write_csv)):
        written = BytesIO()
        write(table, written)
        write_atomically(folder / name, written.getvalue(), sync=False)


def _write_figure(figure: "Figure", folder: Path) -> None:
    from surfeit.tables.figures import save

    save(figure, folder, "figure")
