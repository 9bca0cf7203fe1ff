"""A run as it is read: one training with its snapshots and metrics."""

import math
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from surfeit.core import StoreError, lacks_memory, printable, unknown
from surfeit.store.files import FileSum
from surfeit.store.lease import is_held
from surfeit.store.names import is_run_file, probe_file, probe_of, step_of
from surfeit.store.record import DISCARD as DISCARD
from surfeit.store.record import REPAIR as REPAIR
from surfeit.store.record import read_done, read_record

# Lists of runs read records alone: tensors, tables and networks are imported by who asks for them.
if TYPE_CHECKING:
    import pyarrow as pa
    from jaxtyping import Float
    from torch import Tensor, nn

    from surfeit.core import Objective, Params

Status = Literal["done", "running", "interrupted"]

UNSAID_OBJECTIVE = "cross_entropy"
"""What a training minimised whose configuration names no objective."""


class Run:
    """One training: its configuration, its metrics and its weights over time.

    Args:
        path: the run's folder.

    Raises:
        StoreError: if there is no run in the folder, it was written by a newer schema, or its
            record is damaged; then what a file or a name in it leads to is not looked at.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        record = read_record(self.path)
        self.key: str = record.key
        self.identity: dict[str, Any] = record.identity
        self.about: dict[str, Any] = record.about

    def __repr__(self) -> str:
        return f"Run({self.key[:12]}, {self.about.get('model')}, {self.status})"

    @property
    def config(self) -> dict[str, Any]:
        """The fully resolved configuration that the key stands for."""
        return self.identity["config"]

    @property
    def objective(self) -> "Objective | None":
        """What the run was trained by; None where a loop of the user's own does not say.

        Such a loop says it by its recorder's settings: `settings={"objective": "squared_error"}`.

        Raises:
            ValueError: if it is a function of the user's own, which the store cannot make again, or
                there is no objective of the name.
        """
        own_loop = self.identity.get("kind") == "recorded"
        said = self.config.get("settings", {}) if own_loop else self.config
        recorded = said.get("objective", None if own_loop else UNSAID_OBJECTIVE)
        if recorded is None:
            return None
        if isinstance(recorded, str):
            from surfeit.core import objective_named

            return objective_named(recorded)
        function = recorded.get("function") if isinstance(recorded, dict) else recorded
        raise ValueError(
            f"run {self.key[:12]} was trained by {function!r}, a function that the "
            "store cannot make again: pass it as objective=own_objective(...)"
        )

    @property
    def architecture(self) -> dict[str, Any]:
        """What is known of the network, for `surfeit.models.rebuild`.

        Of one that only its own code builds that has, as `builder`, the function's name if known.

        Raises:
            StoreError: if nothing is.
        """
        from surfeit.models import is_rebuildable

        for said in (self.about, self.config):
            if "architecture" in said:
                found, builder = said["architecture"], self.about.get("builder")
                foreign = not is_rebuildable(found) and isinstance(builder, str)
                return {**found, "builder": builder} if foreign else found
        raise StoreError(f"{self.path}/run.json is damaged: it has no architecture. {DISCARD}")

    @property
    def status(self) -> Status:
        """`done`, `running` (a process holds the lease) or `interrupted`; looking locks nothing."""
        if os.path.lexists(self.path / "DONE.json"):
            return "done"
        return "running" if is_held(self.path) else "interrupted"

    @property
    def done(self) -> dict[str, Any]:
        """What was written last: files with their sums, steps, seconds.

        The names of `files` are those that a writer gives, none of which leads out of the folder.

        Raises:
            StoreError: if the run is not done, or the record of that is damaged.
        """
        if self.status != "done":
            raise StoreError(
                f"run {self.key[:12]} is not done: give the command that started it again"
            )
        record = read_done(self.path)
        if "steps" not in record and self.identity.get("kind") == "train":
            raise StoreError(
                f"{self.path}/DONE.json is damaged: it does not say after how many steps the "
                f"training ended. {REPAIR}"
            )
        return record

    @property
    def layers(self) -> list[str]:
        """The names of the layers, in the order of the model."""
        return [layer["name"] for layer in self.about["layers"]]

    def steps(self) -> list[int]:
        """The steps of the snapshots, ascending; in a finished run, of those it finished with."""
        return self._steps_in("snapshots")

    def weights(
        self, layer: str, steps: list[int] | None = None
    ) -> "Float[Tensor, 'snapshots units inputs']":
        """The layer's weight matrix in every snapshot, in the order of `steps()`.

        Args:
            layer: a layer's dotted name.
            steps: the snapshots to read, each in `steps()`; all of them if not given.

        Raises:
            ValueError: if there is no such layer or snapshot; the nearest are suggested.
            StoreError: if a snapshot is missing or has another size, or its tensors do not fit the
                layer that the record describes.

        Cost: reads the layer's own bytes of each file and nothing else; so a changed byte goes
        unseen here, which `verify` and, for one snapshot, `tensors` would see.
        """
        from surfeit.models.structure import recorded_matrix
        from surfeit.store.snapshots import read_layer

        if layer not in self.layers:
            raise unknown("layer", layer, self.layers)
        paths = self._snapshots(self._steps() if steps is None else steps)
        record = next(row for row in self.about["layers"] if row["name"] == layer)
        try:
            found = recorded_matrix(record, lambda n: read_layer(paths, n, self.mask.get(n)))
        except (RuntimeError, IndexError, ValueError, TypeError) as error:
            if lacks_memory(error):
                raise
            raise self._unfitting(layer, str(error)) from error
        units, *sides = record["shape"]
        if found.shape[1:] != (units, math.prod(sides)):
            raise self._unfitting(layer, f"they make a matrix of {list(found.shape[1:])}")
        return found

    def tensors(self, step: int | None = None) -> "Params":
        """All parameters and buffers at a step (the last if not given), masked weights as zeros.

        Raises:
            ValueError: if there is no snapshot at this step; those that exist are named.
            StoreError: if the snapshot is damaged; of a finished run each byte is checked.
        """
        from surfeit.models.structure import COMPUTED
        from surfeit.store.snapshots import read_snapshot

        (path,) = self._snapshots([self._steps()[-1] if step is None else step])
        if self.status == "done":
            entry = self.done["files"][path.relative_to(self.path).as_posix()]
            damage = FileSum(**entry).differs(path)
            if damage is not None:
                raise StoreError(f"{damage}. {REPAIR}")
        stored = read_snapshot(path, self.mask)
        return {name: value for name, value in stored.items() if not name.startswith(COMPUTED)}

    def model(self, step: int | None = None, *, into: "nn.Module | None" = None) -> "nn.Module":
        """The network at a step (the last if not given), in evaluation mode, on the CPU.

        Its weights are the snapshot's to the last bit, and so in the run's precision. Parameters
        that were frozen in the training are frozen here (`requires_grad=False`).

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
        import torch

        from surfeit.core import converted_, load_, unwrapped
        from surfeit.store.rebuilt import rebuilt

        own = None if into is None else unwrapped(into)
        tensors = self.tensors(step)
        model = rebuilt(self.architecture, tensors, self.path) if own is None else own
        if into is None:
            floats = [value.dtype for value in tensors.values() if value.is_floating_point()]
            converted_(model, floats[0] if floats else torch.float32)
        frozen = {*self.about.get("frozen", ()), *self.config.get("frozen", ())}
        for name, value in model.named_parameters():
            if name in frozen:
                value.requires_grad_(False)
        return load_(model, tensors).eval()

    def metrics(self) -> "pa.Table":
        """The metrics, one row a measurement: accuracies as fractions, losses in nats, NaN as null.

        Columns of `surfeit.train`: step, epoch, learning_rate, then loss and accuracy for each of
        train, validation and test. Its rows are of each epoch's end; of steps between, where the
        recipe measures them (`evaluate_every`), with the validation's figures alone. A run that
        prunes has `density` too: of all parameters that may be masked. A run being written shows
        its rows so far.

        Raises:
            StoreError: if a whole line is damaged, or a finished run's file is missing.
        """
        import pyarrow as pa

        from surfeit.store.metrics import read_metrics

        path = self.path / "metrics.jsonl"
        if not os.path.lexists(path):
            if self.status == "done" and path.name in self.done["files"]:
                raise StoreError(f"{path} is missing. {REPAIR}")
            return pa.table({})
        return read_metrics(path)

    @property
    def probes(self) -> list[str]:
        """The names of the probes that looked at the training, each with a table: `probe`."""
        if self.status == "done":
            names = list(self.done["files"])
        else:
            names = [f"probes/{path.name}" for path in (self.path / "probes").glob("*.jsonl")]
        return sorted(found for found in map(probe_of, names) if found is not None)

    def probe(self, name: str) -> "pa.Table":
        """What a probe saw: a row, or several, for each step that it looked at.

        Column `step` holds the updates that were made before; null where a number was not finite or
        there was none. A run being written shows its rows so far.

        Args:
            name: one of `probes`, with dashes or underscores.

        Raises:
            ValueError: if no probe, or none of that name, looked; the nearest are suggested.
            StoreError: if its table is missing or damaged.
        """
        from surfeit.store.metrics import read_rows

        there, key = self.probes, name.replace("-", "_")
        if not there:
            raise ValueError(
                f"no probe looked at run {self.key[:12]}: give the command that trained it again, "
                f"with --probe {name}"
            )
        if key not in there:
            raise unknown(f"probe of run {self.key[:12]}", name, there)
        path = self.path / probe_file(key)
        if not os.path.lexists(path):
            raise StoreError(f"{path} is missing. {REPAIR}")
        return read_rows(path)

    @cached_property
    def mask(self) -> "Mapping[str, Tensor]":
        """The mask that the run was trained under, bool tensors by parameter; empty if none."""
        path = mask_path(self.path)
        if not os.path.lexists(path):
            finished_with = self.status == "done" and path.name in self.done["files"]
            if not finished_with:
                return {}
        from surfeit.store.snapshots import read_mask

        return read_mask(path)

    def mask_at(self, step: int | None = None) -> "Mapping[str, Tensor]":
        """The mask in force after a step (the end if not given), bool tensors by parameter.

        Of a run that prunes while it trains, that of its last pruning until then; of any other
        run `mask`.

        Raises:
            StoreError: if the mask's file is missing or damaged.
        """
        until = [moment for moment in self._steps_in("masks") if step is None or moment <= step]
        if not until:
            return self.mask
        from surfeit.store.snapshots import read_mask

        return read_mask(mask_path(self.path, until[-1]))

    def verify(self) -> list[str]:
        """What is wrong with the run's files, a sentence each; empty if nothing is.

        Cost: reads and hashes every file of a finished run; of an unfinished one all that came
        before its checkpoint, and reads headers, masks and metrics since.
        """
        try:
            if self.status != "done":
                return self._unreadable()
            done = self.done
        except StoreError as error:
            return [printable(str(error))]
        sums = done["files"].items()
        found = [(self.path / name, FileSum(**expected)) for name, expected in sums]
        damage = [expected.differs(path) for path, expected in found]
        told = [words for words in damage if words is not None] + self._unlisted(done)
        return [printable(words) for words in told]

    def _unlisted(self, done: Mapping[str, Any]) -> list[str]:
        """What looks like the run's own and is not among the files that it finished with."""
        names = [path.relative_to(self.path).as_posix() for path in self.path.glob("*/*.*")]
        names += [path.name for path in self.path.glob("*.*")]
        thinned = done.get("thinned")
        steps = thinned if isinstance(thinned, list) else []
        gone = {f"snapshots/{step}.safetensors" for step in steps}
        own = (name for name in names if is_run_file(name) and name not in gone)
        odd = sorted(name for name in own if name not in done["files"])
        return [f"{self.path / name} is not among the files that DONE.json lists" for name in odd]

    def lacks(self) -> list[str]:
        """The names of a finished run's files that are missing or have another size.

        Cost: a look at the folder; `verify` also reads what is in the files.
        """
        files = self.done["files"]
        return [name for name in files if _size(self.path / name) != files[name]["size"]]

    def _unreadable(self) -> list[str]:
        from surfeit.store.checkpoint import damage
        from surfeit.store.metrics import read_metrics, read_rows
        from surfeit.store.snapshots import places, read_mask

        problems = damage(self.path)
        snapshots = [snapshot_path(self.path, step) for step in self._steps_in("snapshots")]
        masks = [mask_path(self.path, step) for step in self._steps_in("masks")]
        reads = [(places, path) for path in snapshots]
        reads += [(read_mask, path) for path in [mask_path(self.path), *masks]]
        reads += [(read_metrics, self.path / "metrics.jsonl")]
        reads += [(read_rows, self.path / probe_file(name)) for name in self.probes]
        for read, path in reads:
            if any(words.startswith(f"{path} ") for words in problems):
                continue
            try:
                if os.path.lexists(path):
                    read(path)
            except StoreError as error:
                problems.append(printable(str(error)))
        return problems

    def _unfitting(self, layer: str, why: str) -> StoreError:
        return StoreError(
            f"{self.path} is damaged: the stored weights of layer {layer!r} are not those that "
            f"run.json describes ({why}). {DISCARD}"
        )

    def _steps_in(self, folder: str) -> list[int]:
        if self.status == "done":
            names = self.done["files"]
        else:
            names = [f"{folder}/{path.name}" for path in (self.path / folder).glob("*.safetensors")]
        steps = (step_of(name, folder) for name in names)
        return sorted(step for step in steps if step is not None)

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
            if not os.path.lexists(path):
                raise StoreError(f"{path} is missing. {REPAIR}")
        return [snapshot_path(self.path, step) for step in steps]


def snapshot_path(folder: Path, step: int) -> Path:
    """Where the snapshot of a step stands in a run's folder."""
    return folder / "snapshots" / f"{step}.safetensors"


def mask_path(folder: Path, step: int | None = None) -> Path:
    """Where a run's mask stands in its folder: of the start, or in force from a step on."""
    return folder / ("mask.safetensors" if step is None else f"masks/{step}.safetensors")


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None


def _listed(steps: list[int]) -> str:
    if len(steps) <= 8:
        return ", ".join(map(str, steps)) or "none"
    return f"{len(steps)}: {', '.join(map(str, steps[:4]))}, ..., {steps[-1]}"
