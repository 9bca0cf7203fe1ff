"""Which data sets are there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from surfeit.data.catalog import SOURCES
from surfeit.data.root import data_root
from surfeit.data.source import Source, choose_layout


@dataclass(frozen=True, kw_only=True)
class DatasetStatus:
    """What is there of one data set.

    Args:
        name: as for `load`.
        description: one line.
        embedded: whether it comes with the installation.
        folder: where its files are, or would be; None if embedded.
        state: whether all, some or none of its files are there.
        missing: the files that are not.
        bytes: on disk, partial downloads included.
    """

    name: str
    description: str
    embedded: bool
    folder: Path | None
    state: Literal["complete", "incomplete", "missing"]
    missing: tuple[str, ...]
    bytes: int


def status(root: str | Path | None = None) -> list[DatasetStatus]:
    """Every data set's state below `root`, by the presence of its files; none is opened."""
    return [_status(entry, data_root(root)) for entry in SOURCES]


def _status(entry: Source, root: Path) -> DatasetStatus:
    if entry.embedded:
        folder, missing, paths = None, (), []
    else:
        layout = choose_layout(entry.layouts, root)
        folder, missing = root / layout.folder, layout.missing(root)
        paths = [path for name in layout.files if (path := layout.find(root, name))]
        remote = [root / file.path for file in entry.files]
        parts = [path.with_name(path.name + ".part") for path in remote]
        archives = [root / file.path for file in entry.files if file.members]
        paths += [path for path in parts + archives if path.is_file()]
    return DatasetStatus(
        name=entry.name,
        description=entry.description,
        embedded=entry.embedded,
        folder=folder,
        state="complete" if not missing else "incomplete" if paths else "missing",
        missing=missing,
        bytes=sum(path.stat().st_size for path in paths),
    )
