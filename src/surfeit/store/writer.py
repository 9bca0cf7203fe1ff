"""A run as it is written: metrics, snapshots and checkpoints that survive being killed."""

import json
import math
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from surfeit.core import Params, StoreError
from surfeit.store.files import (
    FileSum,
    disk_errors,
    make_folder,
    sync_path,
    write_atomically,
    write_json,
)
from surfeit.store.keys import SCHEMA
from surfeit.store.labels import LABELS
from surfeit.store.lease import Lease
from surfeit.store.run import Run, mask_path, snapshot_path
from surfeit.store.snapshots import write_mask, write_snapshot

Identity = Mapping[str, Any]


class RunWriter:
    """Writes one run's folder; its holder has the run's lease.

    Whatever is on the disk at a checkpoint is there for good; what comes after it is written again,
    bit for bit, when the run goes on. `DONE.json` comes last.

    Args:
        folder: the run's folder, made where missing.
        key: the run's key.
        identity: what the key stands for.
        about: what it does not depend on: names, versions, machine, command, layers.
        mask: bool tensors by parameter, True = kept.
        lease: gets a sign of life with every row of metrics and every checkpoint.

    Raises:
        StoreError: if the disk refuses, here and in every method; if the folder's run is damaged
            or of a newer schema.
    """

    def __init__(
        self,
        folder: Path,
        *,
        key: str,
        identity: Identity,
        about: Mapping[str, Any],
        mask: Mapping[str, Tensor] | None = None,
        lease: Lease | None = None,
    ) -> None:
        self.folder = folder
        self._mask = mask or {}
        self._lease = lease
        self._metrics = folder / "metrics.jsonl"
        self._checkpoint = folder / "checkpoint.safetensors"
        self._sums: dict[str, FileSum] = {}
        self._unsynced: list[Path] = []
        make_folder(folder / "snapshots")
        if (folder / "run.json").exists():
            Run(folder)  # readable, or an error before any work is done
        else:
            record = {"schema": SCHEMA, "key": key, "identity": identity, "about": about}
            write_json(folder / "run.json", record)
        if self._mask and not mask_path(folder).exists():
            write_mask(mask_path(folder), self._mask)

    def record(self, row: Mapping[str, int | float | None]) -> None:
        """Appends a row of metrics whole or not at all; numbers that are not finite become null."""
        plain = {
            name: None if value is None or not math.isfinite(value) else value
            for name, value in row.items()
        }
        before = self._metrics_size()
        with disk_errors(self._metrics):
            try:
                with open(self._metrics, "a", encoding="utf-8") as file:
                    file.write(json.dumps(plain) + "\n")
            except OSError:
                with suppress(OSError):
                    os.truncate(self._metrics, before)
                raise
        self._live()

    def snapshot(self, step: int, tensors: Mapping[str, Tensor]) -> None:
        """Writes all weights at a step."""
        path = snapshot_path(self.folder, step)
        self._sums[self._name(path)] = write_snapshot(path, tensors, self._mask)
        self._unsynced.append(path)

    def mask(self, step: int, mask: Mapping[str, Tensor]) -> None:
        """Writes the mask that is in force from a step on, of a run that prunes while it trains."""
        path = mask_path(self.folder, step)
        make_folder(path.parent)
        write_mask(path, mask)
        self._sums[self._name(path)] = FileSum.read(path)

    def checkpoint(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Makes all so far durable, then the point from which the run goes on when killed."""
        self._sync()
        plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        record = {
            "state": state,
            "metrics": self._metrics_size(),
            "snapshots": {name: asdict(found) for name, found in self._sums.items()},
        }
        data = safetensors.torch.save(plain, metadata={"record": json.dumps(record)})
        write_atomically(self._checkpoint, data)
        self._live()

    def resume(self, steps: list[int]) -> tuple[Params, dict[str, Any]] | None:
        """The last checkpoint, with metrics cut back to it, or None to start anew.

        Args:
            steps: the snapshots that the run is to have. If one that came before the checkpoint,
                or metrics, are missing or cut short, the run starts anew, and ends the same.
        """
        found = self._read_checkpoint()
        if found is not None:
            tensors, record = found
            sums = {name: FileSum(**entry) for name, entry in record["snapshots"].items()}
            if self._stands(record, sums, steps):
                self._sums = sums
                self._cut_metrics(record["metrics"])
                return tensors, record["state"]
        self._cut_metrics(0)
        return None

    def finish(self, summary: Mapping[str, Any]) -> Run:
        """Writes `DONE.json` with every file's size and sha256, and returns the run."""
        self._sync()
        files = {}
        for path in sorted(self.folder.rglob("*")):
            name = self._name(path)
            if path.is_file() and _belongs(path):
                files[name] = asdict(self._sums.get(name) or FileSum.read(path))
        write_json(self.folder / "DONE.json", {"files": files, **summary})
        with disk_errors(self._checkpoint):
            self._checkpoint.unlink(missing_ok=True)
        return Run(self.folder)

    def _sync(self) -> None:
        with disk_errors(self.folder):
            for path in self._unsynced:
                sync_path(path)
            if self._metrics.exists():
                sync_path(self._metrics)
            sync_path(self.folder / "snapshots")
            sync_path(self.folder)
        self._unsynced.clear()

    def _stands(
        self, record: Mapping[str, Any], sums: Mapping[str, FileSum], steps: list[int]
    ) -> bool:
        """Whether all that a checkpoint builds on is there."""
        wanted = [step for step in steps if step <= record["state"]["step"]]
        names = {self._name(snapshot_path(self.folder, step)) for step in wanted}
        paths = {name: self.folder / name for name in sums}
        return (
            names <= sums.keys()
            and all(p.exists() and p.stat().st_size == sums[n].size for n, p in paths.items())
            and self._metrics_size() >= record["metrics"]
        )

    def _read_checkpoint(self) -> tuple[Params, dict[str, Any]] | None:
        if not self._checkpoint.exists():
            return None
        try:
            with safe_open(self._checkpoint, framework="pt") as file:
                record = json.loads((file.metadata() or {})["record"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise StoreError(
                f"{self._checkpoint} is damaged ({error}): delete it and the run starts anew"
            ) from error
        return tensors, record

    def _metrics_size(self) -> int:
        return self._metrics.stat().st_size if self._metrics.exists() else 0

    def _cut_metrics(self, size: int) -> None:
        if self._metrics_size() > size:
            with disk_errors(self._metrics):
                os.truncate(self._metrics, size)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _live(self) -> None:
        if self._lease is not None:
            self._lease.touch()


def _belongs(path: Path) -> bool:
    """Whether a file is part of a finished run; temporary ones, lease and labels are not."""
    transient = ("lease", "checkpoint.safetensors", "DONE.json", LABELS)
    return path.name not in transient and not path.name.startswith(".")


def clear_temporary(folder: Path) -> None:
    """Deletes what a killed writer left half written; only the lease's holder may call it."""
    for path in folder.rglob(".*.tmp"):
        with disk_errors(path):
            os.unlink(path)
