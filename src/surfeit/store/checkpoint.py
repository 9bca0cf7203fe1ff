"""A checkpoint: where a killed run goes on, and the sums of all that it stands on."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from surfeit.core import Params, StoreError
from surfeit.store.container import sealed, unsealed
from surfeit.store.files import FileSum, check_regular, write_atomically
from surfeit.store.metrics_file import MetricsFile
from surfeit.store.names import is_run_file, probe_file
from surfeit.store.parsing import parse_json
from surfeit.store.probes import TableSum, table_sums

CHECKPOINT = "checkpoint.safetensors"
METRICS = "metrics.jsonl"


@dataclass(frozen=True)
class Checkpoint:
    """What a run goes on from.

    Args:
        tensors: weights and the optimiser's state.
        state: JSON values; `step` among them.
        files: the sums of the files before it, by name.
        metrics: the sum of the rows of metrics before it. Earlier versions kept its size alone: its
            sha256 is then empty.
        probes: the tables of probes before it, by the probes' names.
    """

    tensors: Params
    state: dict[str, Any]
    files: Mapping[str, FileSum]
    metrics: FileSum
    probes: Mapping[str, TableSum] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Puts the checkpoint in a run's folder, in the place of the one before.

        Raises:
            StoreError: if the disk refuses.

        Cost: two copies of the tensors in memory, and one pass for their sum, about 1 GB/s.
        """
        plain = {name: value.detach().cpu().contiguous() for name, value in self.tensors.items()}
        record = {
            "state": self.state,
            "metrics": asdict(self.metrics),
            "files": {name: asdict(found) for name, found in self.files.items()},
            "probes": {name: found.to_json() for name, found in self.probes.items()},
        }
        write_atomically(folder / CHECKPOINT, sealed(plain, {"record": json.dumps(record)}))

    @classmethod
    def read(cls, folder: Path) -> "Checkpoint | None":
        """The checkpoint in a run's folder, or None if there is none.

        Raises:
            StoreError: if it is damaged: its own sum covers every bit of it.
        """
        path = folder / CHECKPOINT
        if not os.path.lexists(path):
            return None
        check_regular(path, follow=False)
        try:
            tensors, metadata = unsealed(path.read_bytes())
            record = parse_json(metadata.pop("record").encode())
            if metadata:
                raise ValueError(f"it holds {', '.join(metadata)}, which is not known")
            probes = table_sums(record.get("probes", {}))  # earlier versions had none
            return cls(tensors, record["state"], _files_of(record), _metrics_of(record), probes)
        except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise StoreError(
                f"{path} is damaged ({error}): delete it and the run starts anew"
            ) from error

    def problems(self, folder: Path) -> list[str]:
        """What has changed since in the files that it stands on, a sentence each.

        Cost: reads and hashes all of them, about 1 GB/s.
        """
        found = [expected.differs(folder / name) for name, expected in self.files.items()]
        problems = [words for words in found if words is not None]
        metrics = folder / METRICS
        if not MetricsFile(metrics).begins_with(self.metrics):
            problems.append(f"{metrics} is damaged: its rows are not what was written")
        return problems

    def probe_problems(self, folder: Path) -> list[str]:
        """What has changed since in the tables of probes before it, a sentence each."""
        return [
            f"{folder / probe_file(name)} is damaged: its rows are not what was written"
            for name, found in self.probes.items()
            if not found.stands(folder, name)
        ]


def damage(folder: Path) -> list[str]:
    """What is wrong with an unfinished run's checkpoint and what it stands on, a sentence each."""
    try:
        found = Checkpoint.read(folder)
    except StoreError as error:
        return [str(error)]
    if found is None:
        return []
    advice = "Give the command that made the run again: it begins with what is sound"
    problems = found.problems(folder) + found.probe_problems(folder)
    return [f"{words}. {advice}" for words in problems]


def _files_of(record: Mapping[str, Any]) -> dict[str, FileSum]:
    # Earlier versions knew the sums of snapshots and of masks that came later.
    entries = record["files"] if "files" in record else record["snapshots"]
    for name in entries:
        if not is_run_file(name):
            raise ValueError(f"it names {name!r}, which is no file of a run")
    return {name: _sum_of(entry) for name, entry in entries.items()}


def _metrics_of(record: Mapping[str, Any]) -> FileSum:
    found = record["metrics"]
    return _sum_of({"size": found, "sha256": ""} if isinstance(found, int) else found)


def _sum_of(entry: Mapping[str, Any]) -> FileSum:
    found = FileSum(**entry)
    if type(found.size) is not int or found.size < 0 or not isinstance(found.sha256, str):
        raise ValueError(f"{entry} is no sum of a file")
    return found
