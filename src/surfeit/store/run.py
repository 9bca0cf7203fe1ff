"""A run as it is read: one training with its snapshots and metrics."""

import fcntl
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import (
    Objective,
    Params,
    StoreError,
    converted_,
    cross_entropy,
    load_,
    objective_named,
    unknown,
    unwrapped,
)
from surfeit.models import rebuild
from surfeit.models.structure import COMPUTED, recorded_matrix
from surfeit.store.files import FileSum, read_json
from surfeit.store.keys import SCHEMA
from surfeit.store.snapshots import places, read_layer, read_mask, read_snapshot

Status = Literal["done", "running", "interrupted"]

REPAIR = (
    "The command that made the run makes missing files again, bit for bit: delete what is damaged "
    "and give it once more"
)
DISCARD = "Delete this folder and give the command that made the run again"


class Run:
    """One training: its configuration, its metrics and its weights over time.

    Args:
        path: the run's folder.

    Raises:
        StoreError: if there is no run in the folder, or it was written by a newer schema.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not (self.path / "run.json").is_file():
            raise StoreError(f"{self.path} holds no run: it has no run.json")
        try:
            record = read_json(self.path / "run.json")
        except StoreError as error:
            raise StoreError(f"{error}. {DISCARD}") from error
        if not isinstance(record, dict):
            raise StoreError(f"{self.path}/run.json is damaged: it holds no record. {DISCARD}")
        schema = record.get("schema")
        if not isinstance(schema, int) or schema > SCHEMA:
            raise StoreError(
                f"{self.path} was written with schema {schema}, this version of surfeit reads "
                f"up to {SCHEMA}: update surfeit"
            )
        try:
            self.key: str = record["key"]
            self.identity: dict[str, Any] = record["identity"]
            self.about: dict[str, Any] = record["about"]
        except KeyError as error:
            raise StoreError(
                f"{self.path}/run.json is damaged: it has no {error}. {DISCARD}"
            ) from error

    def __repr__(self) -> str:
        return f"Run({self.key[:12]}, {self.about.get('model')}, {self.status})"

    @property
    def config(self) -> dict[str, Any]:
        """The fully resolved configuration that the key stands for."""
        return self.identity["config"]

    @property
    def objective(self) -> Objective | None:
        """What the run was trained by; None where a loop of the user's own does not say.

        Such a loop says it by its recorder's settings: `settings={"objective": "squared_error"}`.

        Raises:
            ValueError: if it is a function of the user's own, which the store cannot make again, or
                there is no objective of the name.
        """
        own_loop = self.identity.get("kind") == "recorded"
        said = self.config.get("settings", {}) if own_loop else self.config
        recorded = said.get("objective", None if own_loop else cross_entropy.name)
        if recorded is None:
            return None
        if isinstance(recorded, str):
            return objective_named(recorded)
        raise ValueError(
            f"run {self.key[:12]} was trained by {recorded.get('function')!r}, a function that the "
            "store cannot make again: pass it as objective=own_objective(...)"
        )

    @property
    def architecture(self) -> dict[str, Any]:
        """What is known of the network, for `surfeit.models.rebuild`."""
        return self.about.get("architecture", self.config["architecture"])

    @property
    def status(self) -> Status:
        """`done`, `running` (another process holds the lease) or `interrupted`."""
        if (self.path / "DONE.json").is_file():
            return "done"
        return "running" if _is_held(self.path / "lease") else "interrupted"

    @property
    def done(self) -> dict[str, Any]:
        """What was written last: files with their sums, steps, seconds.

        Raises:
            StoreError: if the run is not done, or the record of that is damaged.
        """
        if not (self.path / "DONE.json").is_file():
            raise StoreError(
                f"run {self.key[:12]} is not done: give the command that started it again"
            )
        found = read_json(self.path / "DONE.json")
        if not isinstance(found, dict) or not isinstance(found.get("files"), dict):
            raise StoreError(
                f"{self.path}/DONE.json is damaged: it does not list the run's files. {REPAIR}"
            )
        return found

    @property
    def layers(self) -> list[str]:
        """The names of the layers, in the order of the model."""
        return [layer["name"] for layer in self.about["layers"]]

    def steps(self) -> list[int]:
        """The steps of the snapshots, ascending; in a finished run, of those it finished with."""
        return self._steps_in("snapshots")

    def weights(
        self, layer: str, steps: list[int] | None = None
    ) -> Float[Tensor, "snapshots units inputs"]:
        """The layer's weight matrix in every snapshot, in the order of `steps()`.

        Args:
            layer: a layer's dotted name.
            steps: the snapshots to read, each in `steps()`; all of them if not given.

        Raises:
            ValueError: if there is no such layer or snapshot; the nearest are suggested.
            StoreError: if a snapshot is missing or has another size.

        Cost: reads the layer's own bytes of each file and nothing else; so a changed byte goes
        unseen here, which `verify` and, for one snapshot, `tensors` would see.
        """
        if layer not in self.layers:
            raise unknown("layer", layer, self.layers)
        paths = self._snapshots(self._steps() if steps is None else steps)
        record = next(row for row in self.about["layers"] if row["name"] == layer)
        return recorded_matrix(record, lambda name: read_layer(paths, name, self.mask.get(name)))

    def tensors(self, step: int | None = None) -> Params:
        """All parameters and buffers at a step (the last if not given), masked weights as zeros.

        Raises:
            ValueError: if there is no snapshot at this step; those that exist are named.
            StoreError: if the snapshot is damaged; of a finished run each byte is checked.
        """
        (path,) = self._snapshots([self._steps()[-1] if step is None else step])
        if self.status == "done":
            expected = FileSum(**self.done["files"][str(path.relative_to(self.path))])
            damage = expected.differs(path)
            if damage is not None:
                raise StoreError(f"{damage}. {REPAIR}")
        stored = read_snapshot(path, self.mask)
        return {name: value for name, value in stored.items() if not name.startswith(COMPUTED)}

    def model(self, step: int | None = None, *, into: nn.Module | None = None) -> nn.Module:
        """The network at a step (the last if not given), in evaluation mode, on the CPU.

        Its weights are the snapshot's to the last bit, and so in the run's precision.

        Args:
            step: one of `steps()`.
            into: the module to load the weights into; needed where the run's model was a class
                of the user's own, which its description cannot build. Of a compiled or parallel
                one the network within is loaded and returned: its parameters are the wrapper's.

        Raises:
            ValueError: if there is no snapshot at this step, the module's weights differ, or it is
                no module.
            StoreError: if the snapshot is damaged.
        """
        own = None if into is None else unwrapped(into)
        tensors = self.tensors(step)
        model = rebuild(self.architecture) if own is None else own
        if into is None:
            floats = [value.dtype for value in tensors.values() if value.is_floating_point()]
            converted_(model, floats[0] if floats else torch.float32)
        return load_(model, tensors).eval()

    def metrics(self) -> pa.Table:
        """The metrics, one row a measurement: accuracies as fractions, losses in nats, NaN as null.

        Columns of `surfeit.train`: step, epoch, learning_rate, then loss and accuracy for each of
        train, validation and test. Its rows are of each epoch's end; of steps between, where the
        recipe measures them (`evaluate_every`), with the validation's figures alone. A run that
        prunes has `density` too: of all parameters that may be masked. A run being written shows
        its rows so far.

        Raises:
            StoreError: if a whole line is damaged, or a finished run's file is missing.
        """
        path = self.path / "metrics.jsonl"
        if not path.exists() and self.status == "done" and path.name in self.done["files"]:
            raise StoreError(f"{path} is missing. {REPAIR}")
        rows = read_metrics(path)
        names = list(dict.fromkeys(name for row in rows for name in row))
        kinds = {name: pa.int64() if name == "step" else pa.float64() for name in names}
        return pa.table(
            {name: pa.array([row.get(name) for row in rows], kinds[name]) for name in names}
        )

    @cached_property
    def mask(self) -> Mapping[str, Tensor]:
        """The mask that the run was trained under, bool tensors by parameter; empty if none."""
        path = mask_path(self.path)
        finished_with = self.status == "done" and path.name in self.done["files"]
        return read_mask(path) if path.exists() or finished_with else {}

    def mask_at(self, step: int | None = None) -> Mapping[str, Tensor]:
        """The mask in force after a step (the end if not given), bool tensors by parameter.

        Of a run that prunes while it trains, that of its last pruning until then; of any other
        run `mask`.

        Raises:
            StoreError: if the mask's file is missing or damaged.
        """
        until = [moment for moment in self._steps_in("masks") if step is None or moment <= step]
        return read_mask(mask_path(self.path, until[-1])) if until else self.mask

    def verify(self) -> list[str]:
        """What is wrong with the run's files, a sentence each; empty if nothing is.

        Cost: reads and hashes every file of a finished run, the headers of an unfinished one.
        """
        try:
            if self.status != "done":
                return self._unreadable()
            sums = self.done["files"].items()
        except StoreError as error:
            return [str(error)]
        found = [(self.path / name, FileSum(**expected)) for name, expected in sums]
        return [words for path, expected in found if (words := expected.differs(path)) is not None]

    def lacks(self) -> list[str]:
        """The names of a finished run's files that are missing or have another size.

        Cost: a look at the folder; `verify` also reads what is in the files.
        """
        files = self.done["files"]
        return [name for name in files if _size(self.path / name) != files[name]["size"]]

    def _unreadable(self) -> list[str]:
        paths = sorted((self.path / "snapshots").glob("*.safetensors"))
        checkpoint = self.path / "checkpoint.safetensors"
        problems = []
        for path in [*paths, *([checkpoint] if checkpoint.exists() else [])]:
            try:
                places(path)
            except StoreError as error:
                problems.append(str(error))
        return problems

    def _steps_in(self, folder: str) -> list[int]:
        if self.status == "done":
            paths = [Path(name) for name in self.done["files"] if name.startswith(f"{folder}/")]
        else:
            paths = list((self.path / folder).glob("*.safetensors"))
        return sorted(int(path.stem) for path in paths if path.stem.isdigit())

    def _steps(self) -> list[int]:
        steps = self.steps()
        if not steps:
            raise StoreError(f"run {self.key[:12]} has no snapshots")
        return steps

    def _snapshots(self, steps: list[int]) -> list[Path]:
        there = self.steps()
        if not steps:
            raise ValueError(f"no step is asked for; run {self.key[:12]} has {_listed(there)}")
        for step in steps:
            path = snapshot_path(self.path, step)
            if step not in there:
                raise ValueError(
                    f"run {self.key[:12]} has no snapshot at step {step}; it has {_listed(there)}"
                )
            if not path.exists():
                raise StoreError(f"{path} is missing. {REPAIR}")
        return [snapshot_path(self.path, step) for step in steps]


def snapshot_path(folder: Path, step: int) -> Path:
    """Where the snapshot of a step stands in a run's folder."""
    return folder / "snapshots" / f"{step}.safetensors"


def mask_path(folder: Path, step: int | None = None) -> Path:
    """Where a run's mask stands in its folder: of the start, or in force from a step on."""
    return folder / ("mask.safetensors" if step is None else f"masks/{step}.safetensors")


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics file; a last line still being written is left out.

    Raises:
        StoreError: if a whole line is no JSON.
    """
    if not path.exists():
        return []
    *lines, _ = path.read_text(encoding="utf-8").split("\n")
    try:
        return [json.loads(line) for line in lines]
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {error}") from error


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _is_held(lease: Path) -> bool:
    try:
        with open(lease, encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _listed(steps: list[int]) -> str:
    if len(steps) <= 8:
        return ", ".join(map(str, steps)) or "none"
    return f"{len(steps)}: {', '.join(map(str, steps[:4]))}, ..., {steps[-1]}"
