"""A finished run that is trained again: for a file that was lost, or for more snapshots.

The second training is written to the folder `again` within the run's, and what it ends with is held
against the sums in `DONE.json` before anything of the first is touched: until then, and whenever
they differ, the run stays what it was.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from surfeit.core import ProtocolError, StoreError
from surfeit.store.checkpoint import CHECKPOINT
from surfeit.store.files import FileSum, disk_errors, make_folder
from surfeit.store.names import probe_file
from surfeit.store.probes import PROBES, Form, forms_of
from surfeit.store.record import write_done
from surfeit.store.removing import own_file, remove_file, remove_folder
from surfeit.store.run import Run
from surfeit.store.snapshots import read_mask
from surfeit.store.thinning import THINNED

AGAIN = "again"

Sums = Mapping[str, FileSum]


def is_left_behind(folder: Path) -> bool:
    """Whether a killed writer has left something beside the `DONE.json` of a finished run."""
    return (folder / CHECKPOINT).exists() or (folder / AGAIN).exists()


def clear_left_behind(folder: Path) -> None:
    """Deletes it; only the lease's holder may call it.

    Raises:
        StoreError: if the disk refuses.
    """
    remove_file(folder, CHECKPOINT)
    remove_folder(folder / AGAIN)


def again_folder(folder: Path) -> Path:
    """The folder for training a run again.

    Raises:
        StoreError: if it is a link, or no folder.
    """
    path = folder / AGAIN
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise StoreError(f"{path} is in the way, and is no folder: delete it")
    return path


def take_over(folder: Path, *, other: bool) -> None:
    """Takes from a run that was trained again what the first one lacks, and lists all of it.

    A file of the first training that is what `DONE.json` says stays as it is, and so does the table
    of a probe that the second training was not asked for; one that is made otherwise is replaced.
    If this is cut short, the next call takes the rest.

    Args:
        folder: the run's, whose `again` is finished.
        other: whether the second training may have ended otherwise; its files then count.

    Raises:
        ProtocolError: if it ended otherwise and may not have: all is left as it was, and what the
            second training wrote is deleted.
        StoreError: if the disk refuses, or what one of the two has written was damaged since.
    """
    again = again_folder(folder)
    before, after = Run(folder).done, Run(again).done
    first, second = _sums(before), _sums(after)
    kept = {n for n in first if own_file(folder, n) and first[n].differs(folder / n) is None}
    same = {name for name in first if _is_same(name, first, second, kept, folder)}
    forms, others = forms_of(before), forms_of(after)
    apart = {probe_file(name) for name in forms if forms[name] != others.get(name)}
    same -= apart
    differing = sorted(first.keys() - same - apart)
    if before.get("steps") != after["steps"]:
        differing.append("steps")
    if differing and not other:
        remove_folder(again)
        raise ProtocolError(
            f"run {folder.name[:12]} was trained again and ended with other "
            f"{', '.join(differing)}: this machine's arithmetic is not that of the first time. "
            "The first run's files were left as they are. Delete the run to train it anew"
        )
    _check_whole(second.keys() - (kept & same), second, folder)
    files = {name: first[name] if name in kept & same else second[name] for name in second}
    for name in files.keys() - (kept & same):
        _move(again, folder, name)
    if not differing:  # else they looked at another training
        files |= {name: first[name] for name in (apart & kept) - second.keys()}
    listed = {name: asdict(found) for name, found in sorted(files.items())}
    record = {**(after if differing else before), "files": listed}
    record |= _probed({**forms, **others}, files) | _still_thinned(before, files)
    write_done(folder, record)
    for name in first.keys() - files.keys():
        remove_file(folder, name)
    remove_folder(again)


def _probed(forms: Mapping[str, Form], files: Sums) -> dict[str, dict[str, Form]]:
    """How the tables that are there were made."""
    there = {name: form for name, form in forms.items() if probe_file(name) in files}
    return {PROBES: there} if forms else {}


def _still_thinned(before: Mapping[str, Any], files: Sums) -> dict[str, list[int]]:
    """The steps that were taken out of the first training and were not made again."""
    if THINNED not in before:
        return {}
    return {THINNED: [at for at in before[THINNED] if f"snapshots/{at}.safetensors" not in files]}


def _is_same(name: str, first: Sums, second: Sums, kept: set[str], folder: Path) -> bool:
    """Whether a file of the first training is also one of the second."""
    if name == "run.json" or first[name] == second.get(name):  # a record has its own date
        return True
    if name not in second or not name.startswith("mask"):
        return False
    # Earlier versions wrote equal masks with other bytes each time. One that is lost can only be
    # told by the weights that it made: those of all snapshots are compared.
    return name not in kept or _equal_masks(folder / name, folder / AGAIN / name)


def _equal_masks(one: Path, other: Path) -> bool:
    first, second = read_mask(one), read_mask(other)
    return first.keys() == second.keys() and all(first[n].equal(second[n]) for n in first)


def _check_whole(names: set[str], second: Sums, folder: Path) -> None:
    """Whether all that is to be taken is there: in `again`, or taken by a call that was killed."""
    for name in names:
        damage = second[name].differs(folder / AGAIN / name)
        if damage is not None and second[name].differs(folder / name) is not None:
            remove_folder(folder / AGAIN)
            raise StoreError(f"{damage}. Give the same command again: it is trained once more")


def _move(again: Path, folder: Path, name: str) -> None:
    source = own_file(again, name)
    if source is None:
        return  # taken already
    target = folder / name
    make_folder(target.parent)
    if target.parent.resolve() != folder.resolve() / target.parent.relative_to(folder):
        raise StoreError(f"{target.parent} is a link, and nothing is written behind it: delete it")
    with disk_errors(target):
        os.replace(source, target)


def _sums(done: dict[str, Any]) -> dict[str, FileSum]:
    return {name: FileSum(**entry) for name, entry in done["files"].items()}
