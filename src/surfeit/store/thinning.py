"""Taking snapshots out of finished runs, which grow with every epoch that is kept."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from surfeit.core import StoreError
from surfeit.store.files import disk_errors
from surfeit.store.lease import Lease
from surfeit.store.record import write_done
from surfeit.store.run import Run, snapshot_path
from surfeit.store.store import Store

THINNED = "thinned"
"""In `DONE.json`: the steps whose snapshots were taken out, ascending."""


@dataclass(frozen=True, kw_only=True)
class Thinning:
    """What is to be taken out of a run.

    Args:
        run: a finished run.
        removed: steps, ascending.
        size: bytes of their snapshots.
        needed: of the steps that were to go, those that stay since other runs began there.
    """

    run: Run
    removed: tuple[int, ...]
    size: int
    needed: tuple[int, ...] = ()


def evenly(steps: Collection[int], *, most: int) -> list[int]:
    """Steps at even distances, as many as `most` allows, the first and the last included.

    Args:
        steps: ascending.
        most: at least 2.

    Raises:
        ValueError: if it is less.
    """
    if most < 2:
        raise ValueError(f"at least 2 are kept, the first and the last, got {most}")
    there = list(steps)
    if len(there) <= most:
        return there
    stride = -(-(len(there) - 1) // (most - 1))
    return _every(there, stride)


def every(steps: Collection[int], *, stride: int) -> list[int]:
    """Every `stride`-th of the steps, the first and the last included.

    Raises:
        ValueError: if the stride is less than 1.
    """
    if stride < 1:
        raise ValueError(f"every must be at least 1, got {stride}")
    return _every(list(steps), stride)


def rewound_steps(store: Store) -> dict[str, set[int]]:
    """By the key of a run, the steps at which other runs began with its weights.

    A search for tickets reads them again when it goes on.

    Cost: reads the record of every run of the store.
    """
    found: dict[str, set[int]] = {}
    for run in store.runs():
        step = run.config.get("first_step", 0)
        for parent in run.identity.get("parents") or ():
            found.setdefault(parent, set()).add(step)
    return found


def thinning(run: Run, keep: Iterable[int], *, needed: Collection[int] = ()) -> Thinning:
    """What would go if these steps alone were kept; the first and the last always stay.

    Args:
        run: a finished run.
        keep: steps.
        needed: steps that stay as well: of `rewound_steps`.

    Raises:
        StoreError: if the run is not done.
        ValueError: if there is no snapshot at one of the steps.
    """
    there = run.steps()
    kept = set(keep)
    lacking = sorted(kept - set(there))
    if lacking:
        raise ValueError(
            f"run {run.key[:12]} has no snapshot at step {lacking[0]}; it has {len(there)}, from "
            f"step {there[0]} to {there[-1]}"
        )
    files = run.done["files"]
    kept |= {*there[:1], *there[-1:]}
    stay = tuple(step for step in there if step in needed and step not in kept)
    removed = tuple(step for step in there if step not in kept and step not in stay)
    size = sum(files[_name(run, step)]["size"] for step in removed)
    return Thinning(run=run, removed=removed, size=size, needed=stay)


def thin(wish: Thinning) -> None:
    """Takes the snapshots out for good. Killed at any moment, the run is whole: it has them or not.

    `DONE.json` is written first, without them and with what was taken out, so that training again
    does not miss them; then the files go. What a kill left of them goes with the next call.

    Raises:
        BusyError: if the run is being written.
        StoreError: if the run is no longer done, or the disk refuses.
    """
    run = wish.run
    with Lease(run.path, wait=False):
        record = run.done
        gone = {_name(run, step) for step in wish.removed}
        files = {name: entry for name, entry in record["files"].items() if name not in gone}
        mark_thinned(run, {**record, "files": files}, {*thinned_steps(run), *wish.removed})
        for path in (run.path / "snapshots").glob("*.safetensors"):
            if path.relative_to(run.path).as_posix() not in files:
                with disk_errors(path), suppress(FileNotFoundError):
                    path.unlink()


def thinned_steps(run: Run) -> set[int]:
    """The steps that were taken out of a finished run."""
    steps = run.done.get(THINNED, [])
    if not isinstance(steps, list) or not all(type(step) is int for step in steps):
        raise StoreError(f"{run.path}/DONE.json is damaged: {THINNED!r} holds no steps")
    return set(steps)


def mark_thinned(run: Run, record: Mapping[str, object], steps: Iterable[int]) -> None:
    """Writes a finished run's record with the steps that were taken out of it."""
    write_done(run.path, {**record, THINNED: sorted(set(steps))})


def _every(steps: list[int], stride: int) -> list[int]:
    return sorted({*steps[::stride], *steps[-1:]})


def _name(run: Run, step: int) -> str:
    path: Path = snapshot_path(run.path, step)
    return path.relative_to(run.path).as_posix()
