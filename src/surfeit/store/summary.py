"""A run in a few words: what lists of runs show of it."""

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from surfeit.core import StoreError
from surfeit.store.density import density_of
from surfeit.store.labels import read_labels
from surfeit.store.run import UNSAID_OBJECTIVE, Run

State = Literal["done", "running", "interrupted", "damaged"]

TAIL = 2**16
"""Bytes of the metrics' end that are read: their last row is a line of a few hundred."""

_LONGEST = 200
_LARGEST = 2**63


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """A layer as lists need it.

    Args:
        name: dotted name.
        kind: its module's class.
        shape: of its weight, units first.
        groups: of a grouped convolution; else 1.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    groups: int = 1


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What lists show of a run. It is never read for anything but showing and choosing.

    Args:
        key: of a damaged run the name of its folder.
        folder: below the store's root, with `/`.
        state: the run's status, or "damaged" if its record cannot be read.
        problem: what cannot be read of it, a sentence, or "".
        model, data: what they are called, or "".
        seed: None where there is none.
        steps, epochs: of the last row of metrics; None before the first.
        test_accuracy: of that row, a fraction; None where it was not measured.
        created: when, ISO 8601 in UTC, or "".
        size: bytes of its files.
        snapshots: how many it has.
        arm, level: what it is in a search for tickets: "ticket" or a control's name, or what else a
            procedure calls it, and the level, 0 for the dense network; "" and None elsewhere.
        density: the fraction of all layers' weights that its mask keeps at the end; None if it has
            none.
        kind: "train", or "recorded" of a loop of the user's own.
        objective: the name of what was minimised, or "" where nobody says.
        name, tags: as `surfeit.store.Labels`.
        layers: of its network.
    """

    key: str
    folder: str
    state: State
    problem: str = ""
    model: str = ""
    data: str = ""
    seed: int | None = None
    steps: int | None = None
    epochs: float | None = None
    test_accuracy: float | None = None
    created: str = ""
    size: int = 0
    snapshots: int = 0
    arm: str = ""
    level: int | None = None
    density: float | None = None
    kind: str = ""
    objective: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    layers: tuple[LayerRow, ...] = ()

    @property
    def role(self) -> str:
        """What the run is for, in words: "dense", "ticket 3", "reinit 3", "masked", "recorded"."""
        if self.arm:
            dense = self.arm == "ticket" and self.level == 0
            return "dense" if dense else " ".join([self.arm, *_number(self.level)])
        if self.density is not None:
            return "masked"
        return self.kind if self.kind == "recorded" else ""


def summary_of(folder: Path, root: Path) -> Summary:
    """The summary of the run in a folder; of one that cannot be read, what is wrong with it.

    Args:
        folder: the run's.
        root: the store's.

    Cost: reads its records, the end of its metrics and, of a masked run, its masks: under a
    millisecond for a small network.
    """
    where = folder.relative_to(root).as_posix()
    try:
        return _summary(Run(folder), where)
    except StoreError as error:
        return damaged(folder, where, str(error))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        problem = f"{folder}/run.json is damaged: it is no run's record ({error!r:.200})"
        return damaged(folder, where, problem)


def damaged(folder: Path, where: str, problem: str) -> Summary:
    """What is said of a run that cannot be read."""
    return Summary(key=folder.name, folder=where, state="damaged", problem=problem)


def _summary(run: Run, where: str) -> Summary:
    about, identity = run.about, run.identity
    problems: list[str] = []
    last = _tried(problems, {}, lambda: last_row(run.path / "metrics.jsonl"))
    labels = _tried(problems, None, lambda: read_labels(run.path))
    density = _tried(problems, None, lambda: _density(run))
    state = run.status
    size, snapshots = _tried(problems, (0, 0), lambda: _measured(run, state == "done"))
    role = about.get("role")
    role = role if isinstance(role, Mapping) else {}
    return Summary(
        key=run.key,
        folder=where,
        state=state,
        problem=" ".join(dict.fromkeys(problems)),
        model=_text(about.get("model")),
        data=_text(about.get("data")),
        seed=_whole(run.config.get("seed")),
        steps=_whole(last.get("step")),
        epochs=_real(last.get("epoch")),
        test_accuracy=_real(last.get("test_accuracy")),
        created=_text(about.get("created")),
        size=size,
        snapshots=snapshots,
        arm=_text(role.get("arm")),
        level=_whole(role.get("level")),
        density=density,
        kind=_text(identity.get("kind")),
        objective=_text(objective_name(run)),
        name=labels.name if labels else "",
        tags=labels.tags if labels else (),
        layers=tuple(_layer(row) for row in about["layers"]),
    )


def last_row(path: Path) -> dict[str, Any]:
    """The last whole row of a metrics file; empty if there is none.

    Raises:
        StoreError: if it is no regular file, or the row is damaged.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise StoreError(f"{path} is damaged: it is no regular file")
        with open(path, "rb") as file:
            file.seek(max(0, about.st_size - TAIL))
            *lines, _ = file.read(TAIL).split(b"\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    try:
        found = json.loads(lines[-1]) if lines else {}
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path} is damaged: its last row is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise StoreError(f"{path} is damaged: its last row is no record")
    return found


def objective_name(run: Run) -> str | None:
    """The name of what a run minimised; None where a training loop of the user's own did it."""
    named = run.config.get("objective")
    if isinstance(named, Mapping):
        return str(named.get("function"))
    if isinstance(named, str):
        return named
    return None if run.identity.get("kind") == "recorded" else UNSAID_OBJECTIVE


def _tried(problems: list[str], instead: Any, read: Any) -> Any:
    try:
        return read()
    except (StoreError, OSError) as error:
        problems.append(str(error))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problems.append(f"a file of the run is damaged ({error!r:.200})")
    return instead


def _density(run: Run) -> float | None:
    """What the mask in force at the end keeps."""
    mask = run.mask_at()
    return density_of(run, mask) if mask else None


def _measured(run: Run, done: bool) -> tuple[int, int]:
    """Bytes and snapshots: as the finished run's record says, else as they lie there."""
    if done:
        files = run.done["files"]
        size = sum(_whole(entry["size"]) or 0 for entry in files.values())
        size += (run.path / "DONE.json").stat().st_size
        return size, sum(name.startswith("snapshots/") for name in files)
    size = 0
    for folder, _, names in os.walk(run.path):
        size += sum(_size(Path(folder, name)) for name in names)
    return size, len(run.steps())


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # a checkpoint that was just replaced
        return 0


def _layer(row: Mapping[str, Any]) -> LayerRow:
    weights = row.get("weights") or [{}]
    return LayerRow(
        name=str(row["name"]),
        kind=str(row["kind"]),
        shape=tuple(int(side) for side in row["shape"]),
        groups=int(weights[0].get("groups", 1)),
    )


def _number(value: int | None) -> list[str]:
    return [] if value is None else [str(value)]


def _text(value: object) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    if isinstance(value, int) and type(value) is int and abs(value) < _LARGEST:
        return value
    return None


def _real(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < _LARGEST else None  # neither NaN nor infinite
