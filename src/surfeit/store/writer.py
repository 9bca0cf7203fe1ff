"""A run as it is written: metrics, snapshots and checkpoints that survive being killed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from surfeit.core import Params, StoreError
from surfeit.store.again import AGAIN
from surfeit.store.checkpoint import CHECKPOINT, METRICS, Checkpoint
from surfeit.store.files import FileSum, disk_errors, make_folder, sync_paths, write_json
from surfeit.store.labels import LABELS
from surfeit.store.lease import Lease
from surfeit.store.metrics_file import Cell, MetricsFile
from surfeit.store.probes import PROBES, Form, ProbeTables
from surfeit.store.record import SCHEMA, check_files, write_done
from surfeit.store.removing import own_file, remove_file
from surfeit.store.run import DISCARD, Run, mask_path, snapshot_path
from surfeit.store.snapshots import read_mask, write_mask, write_snapshot

Identity = Mapping[str, Any]

_BY_STEP = ("snapshots", "masks")


class RunWriter:
    """Writes one run's folder; its holder has the run's lease.

    Whatever is on the disk at a checkpoint is there for good; what comes after it is written again,
    bit for bit, when the run goes on. `DONE.json` comes last. What it lists was written by this
    writer, or stands under a checkpoint whose sums it has kept: nothing is taken from the disk
    unseen.

    Args:
        folder: the run's folder, made where missing.
        key: the run's key.
        identity: what the key stands for.
        about: what it does not depend on: names, versions, machine, command, layers.
        mask: bool tensors by parameter, True = kept.
        lease: gets a sign of life with every row of metrics and every checkpoint.
        probes: how the table of each probe is made, by its name.

    Raises:
        StoreError: if the disk refuses, here and in every method; if the folder's run is damaged,
            of a newer schema or another one.
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
        probes: Mapping[str, Form] | None = None,
    ) -> None:
        self.folder = folder
        self._record = {"schema": SCHEMA, "key": key, "identity": identity, "about": about}
        self._mask = mask or {}
        self._lease = lease
        self._sums: dict[str, FileSum] = {}
        self._unsynced: list[Path] = []
        make_folder(folder / "snapshots")
        check_files(folder)
        self._metrics = MetricsFile(folder / METRICS)
        self._probes = ProbeTables(folder, probes or {})
        if (folder / "run.json").exists():
            self._check_record()
            self._sums["run.json"] = FileSum.read(folder / "run.json")
            self._reopened = True
        else:
            self._reopened = False
            self._write_record()
        self._settle_mask()

    def record(self, row: Mapping[str, int | float | None]) -> None:
        """Appends a row of metrics whole or not at all; numbers that are not finite become null."""
        self._metrics.append(row)
        self._live()

    def probed(self, name: str, rows: Sequence[Mapping[str, Cell]]) -> None:
        """Appends rows to a probe's table; numbers that are not finite become null."""
        self._probes.append(name, rows)

    def snapshot(self, step: int, tensors: Mapping[str, Tensor]) -> None:
        """Writes all weights at a step."""
        path = snapshot_path(self.folder, step)
        self._sums[self._name(path)] = write_snapshot(path, tensors, self._mask)
        self._unsynced.append(path)

    def mask(self, step: int, mask: Mapping[str, Tensor]) -> None:
        """Writes the mask that is in force from a step on, of a run that prunes while it trains."""
        path = mask_path(self.folder, step)
        make_folder(path.parent)
        self._sums[self._name(path)] = write_mask(path, mask)

    def checkpoint(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Makes all so far durable, then the point from which the run goes on when killed."""
        self._sync()
        Checkpoint(
            dict(tensors), dict(state), self._sums, self._metrics.sum(), self._probes.sums()
        ).write(self.folder)
        self._live()

    def resume(self, steps: list[int]) -> tuple[Params, dict[str, Any]] | None:
        """The last checkpoint, with metrics and probes cut back to it, or None to start anew.

        Args:
            steps: the snapshots that the run is to have. If one that came before the checkpoint is
                missing, or the table of a probe, or anything before it is not what was written,
                the run starts anew, and ends the same.

        Raises:
            StoreError: if the checkpoint is damaged.

        Cost: reads and hashes all that came before the checkpoint, about 1 GB/s.
        """
        found = Checkpoint.read(self.folder)
        if found is not None and self._stands(found, steps):
            self._sums |= found.files
            self._metrics.cut(found.metrics.size)
            self._probes.cut(found.probes)
            return found.tensors, found.state
        self._start_anew()
        return None

    def finish(self, summary: Mapping[str, Any]) -> Run:
        """Writes `DONE.json` with every file's size and sha256, and returns the run."""
        self._sync()
        self._remove_strays()
        files = {name: asdict(found) for name, found in self._all_sums().items()}
        probes = {PROBES: self._probes.forms} if self._probes.forms else {}
        write_done(self.folder, {"files": files, **probes, **summary})
        remove_file(self.folder, CHECKPOINT)
        return Run(self.folder)

    def _check_record(self) -> None:
        """Whether the record that is there is this run's, before any work is done."""
        there = Run(self.folder)  # readable, or an error
        given = json.loads(json.dumps([self._record["key"], self._record["identity"]]))
        if [there.key, there.identity] != given:
            raise StoreError(
                f"{self.folder}/run.json is damaged, or of another run than the one that is to be "
                f"written here. {DISCARD}"
            )

    def _write_record(self) -> None:
        write_json(self.folder / "run.json", self._record)
        self._sums["run.json"] = FileSum.read(self.folder / "run.json")

    def _settle_mask(self) -> None:
        """Writes the mask, unless it is there; its bytes may be of an earlier version."""
        path = mask_path(self.folder)
        if not self._mask:
            remove_file(self.folder, path.name)
        elif _holds(path, self._mask):
            self._sums[path.name] = FileSum.read(path)
        else:
            self._sums[path.name] = write_mask(path, self._mask)

    def _start_anew(self) -> None:
        """Nothing that is there counts any more; names and versions are those of now."""
        remove_file(self.folder, CHECKPOINT)
        self._metrics.cut(0)
        self._probes.cut({})
        if self._reopened:
            self._write_record()

    def _sync(self) -> None:
        with disk_errors(self.folder):
            folders = [self.folder / "snapshots", self.folder]
            tables = self._metrics.written() + self._probes.written()
            sync_paths([*self._unsynced, *tables, *folders])
        self._unsynced.clear()

    def _stands(self, checkpoint: Checkpoint, steps: list[int]) -> bool:
        """Whether all that a checkpoint builds on is there, as it was."""
        wanted = [step for step in steps if step <= checkpoint.state["step"]]
        names = {self._name(snapshot_path(self.folder, step)) for step in wanted}
        return (
            names <= checkpoint.files.keys()
            and not checkpoint.problems(self.folder)
            and self._probes.continues(checkpoint.probes)
        )

    def _remove_strays(self) -> None:
        """What an earlier sitting left and this one did not come to again: snapshots, tables."""
        for path in (self.folder / PROBES).glob("*.jsonl"):
            if path.stem not in self._probes.forms:
                remove_file(self.folder, self._name(path))
        for folder in _BY_STEP:
            for path in (self.folder / folder).glob("*.safetensors"):
                if (name := self._name(path)) not in self._sums:
                    remove_file(self.folder, name)

    def _all_sums(self) -> dict[str, FileSum]:
        """The sums of what was written here, and of what else its holder put into the folder."""
        sums = dict(self._sums)
        if (metrics := self._metrics.sum()).size:
            sums[METRICS] = metrics
        sums |= self._probes.finished()
        for path in self.folder.rglob("*"):
            name = self._name(path)
            if name not in sums and _belongs(path, name) and own_file(self.folder, name):
                sums[name] = FileSum.read(path)
        return dict(sorted(sums.items()))

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _live(self) -> None:
        if self._lease is not None:
            self._lease.touch()


def _holds(path: Path, mask: Mapping[str, Tensor]) -> bool:
    """Whether the file is there and holds this mask."""
    if not path.is_file():
        return False
    try:
        found = read_mask(path)
    except StoreError:
        return False
    return found.keys() == mask.keys() and all(found[n].equal(m.cpu()) for n, m in mask.items())


def _belongs(path: Path, name: str) -> bool:
    """Whether a file is part of a finished run; temporary ones, lease and labels are not."""
    transient = ("lease", CHECKPOINT, "DONE.json", METRICS, LABELS)
    first = name.partition("/")[0]
    hidden = path.name.startswith(".")
    return not hidden and path.name not in transient and first not in (*_BY_STEP, PROBES, AGAIN)
