"""The index of a store: summaries of all its runs, kept in one file so that lists come at once.

The file is a cache and nothing else: it may be deleted, damaged, older than the runs or from
somebody else at any moment. What is off is read anew from the runs' own folders.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import platformdirs

from surfeit.core import StoreError
from surfeit.store.files import make_folder, read_bytes, write_atomically
from surfeit.store.labels import LABELS
from surfeit.store.record import read_done
from surfeit.store.store import BEFORE_A_RUN, Store
from surfeit.store.summary import LayerRow, Summary, damaged, summary_of

FILE = "index.json"
_FORMAT = "surfeit-index"
_VERSION = 1
"""Goes up when a summary of the same files changes, so that older ones are not shown."""

_MOST_BYTES = 2**28
_WATCHED = ("run.json", "DONE.json", "metrics.jsonl", LABELS)

Stamp = tuple[tuple[int, int] | None, ...]
Entries = dict[str, tuple[Stamp, Summary]]


class Index:
    """The summaries of a store's runs. May be asked from several threads.

    A finished run is read once, and again when its record, `DONE.json`, metrics or labels have
    another time stamp or size; what is unfinished or damaged is read at every call. The cache is
    `index.json` in the store's root, or, where that cannot be written, a file of the user's cache
    folder. Two processes that write it at once do no harm: it holds what one of them saw.

    Args:
        store: whose runs.
        cached: whether to read and write that file; without it every run is read.
    """

    def __init__(self, store: Store, *, cached: bool = True) -> None:
        self._store = store
        self._file = _file_of(store.root) if cached else None
        self._lock = threading.Lock()
        self._entries: Entries | None = None
        self._links: set[str] = set()

    def summaries(self) -> list[Summary]:
        """All runs, also those that cannot be read, the oldest first.

        Raises:
            StoreError: if the root is a file.

        Cost: 20 µs a run that is known, under a millisecond of one that is not.
        """
        with self._lock:
            before = self._known()
            entries: Entries = {}
            found: list[Summary] = []
            self._links = set()
            astray: dict[str, str] = {}
            for folder in _folders(self._store.root, self._links, astray):
                summary, entry = self._look(folder, before)
                found += [summary] if summary is not None else []
                if entry is not None:
                    entries[folder] = entry
            for folder, problem in astray.items():
                found.append(damaged(self._store.root / folder, folder, problem))
            if entries != before:
                self._entries = entries
                self._write(entries)
        return sorted(found, key=lambda summary: (summary.created, summary.key))

    def is_linked(self, summary: Summary) -> bool:
        """Whether a run's folder was a link, or lay in one, when it was listed last."""
        parts = summary.folder.split("/")
        with self._lock:
            return any("/".join(parts[:end]) in self._links for end in range(1, len(parts) + 1))

    def _look(
        self, folder: str, before: Entries
    ) -> tuple[Summary | None, tuple[Stamp, Summary] | None]:
        """A folder's summary, None of what is no run yet, and what the file is to keep of it."""
        root = self._store.root
        path = os.path.join(root, folder)
        stamp = _stamp(path)
        known = before.get(folder)
        if known is not None and known[0] == stamp:
            return known[1], known
        if stamp[0] is None and _is_begun(path):
            return None, None
        summary = summary_of(Path(path), root)
        if folder.startswith("runs/") and summary.key != os.path.basename(folder):
            problem = f"{path} holds the record of another run: its key is {summary.key[:80]}"
            summary = damaged(Path(path), folder, problem)
        if summary.state == "done" and summary.problem and not _is_finished(Path(path)):
            summary = replace(summary, state="damaged")
        settled = summary.state == "done" and not summary.problem
        return summary, ((stamp, summary) if settled else None)

    def _known(self) -> Entries:
        if self._entries is None:
            self._entries = {} if self._file is None else _read(self._file)
        return self._entries

    def _write(self, entries: Entries) -> None:
        if self._file is None or not self._store.root.is_dir():
            return
        # A list that cannot be kept is still to be seen: a full disk takes nothing away.
        with suppress(StoreError, OSError):
            make_folder(self._file.parent)
            write_atomically(self._file, _packed(entries), sync=False)


def _file_of(root: Path) -> Path:
    if os.access(root, os.W_OK):
        return root / FILE
    digest = hashlib.sha256(str(root.resolve()).encode(errors="surrogateescape")).hexdigest()
    cache = Path(platformdirs.user_cache_dir("surfeit", appauthor=False))
    return cache / "index" / f"{digest[:32]}.json"


def _folders(root: Path, links: set[str], astray: dict[str, str]) -> Iterator[str]:
    """The folders of runs, in `runs` or right below the root.

    Links are added to `links`; those that cannot be followed, such as one to itself, to `astray`,
    with a sentence about each.
    """
    if root.is_file():
        raise StoreError(f"{root} is a file, not a folder of runs")
    if os.path.islink(os.path.join(root, "runs")):
        links.add("runs")
    for shelf in _folders_in(root, "runs", links, astray):
        if len(shelf.rpartition("/")[2]) == 2:
            yield from _folders_in(root, shelf, links, astray)
    for folder in _folders_in(root, "", links, astray):
        if os.path.lexists(os.path.join(root, folder, "run.json")):
            yield folder


def _folders_in(root: Path, folder: str, links: set[str], astray: dict[str, str]) -> list[str]:
    found = []
    try:
        with os.scandir(os.path.join(root, folder)) as entries:
            for entry in entries:
                where = f"{folder}/{entry.name}" if folder else entry.name
                if _is_folder(entry, where, astray):
                    found.append(where)
                    if entry.is_symlink():
                        links.add(where)
    except OSError:  # none is there, or it was deleted a moment ago
        return []
    return sorted(found)


def _is_folder(entry: os.DirEntry[str], where: str, astray: dict[str, str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        why = f"{entry.path} cannot be followed: {error.strerror}"
        astray[where] = f"{why}. If it is a link, delete it: what it leads to stays"
        return False


def _is_finished(folder: Path) -> bool:
    """Whether what says that a run is done can be read."""
    try:
        read_done(folder)
    except StoreError:
        return False
    return True


def _stamp(folder: str) -> Stamp:
    return tuple(_file_stamp(f"{folder}/{name}") for name in _WATCHED)


def _file_stamp(path: str) -> tuple[int, int] | None:
    try:
        about = os.stat(path)
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size


def _is_begun(folder: str) -> bool:
    """Whether a folder without a record is one that a writer has just made."""
    try:
        return set(os.listdir(folder)) <= BEFORE_A_RUN
    except OSError:
        return True


def _packed(entries: Entries) -> bytes:
    layers = list(dict.fromkeys(summary.layers for _, summary in entries.values()))
    places = {rows: place for place, rows in enumerate(layers)}
    record = {
        "format": _FORMAT,
        "version": _VERSION,
        "fields": _FIELDS,
        "layers": [[_row(layer) for layer in rows] for rows in layers],
        "runs": {
            folder: [stamp, places[summary.layers], *(getattr(summary, name) for name in _FIELDS)]
            for folder, (stamp, summary) in entries.items()
        },
    }
    return json.dumps(record, separators=(",", ":")).encode()


def _read(path: Path) -> Entries:
    """What the file keeps; nothing if anything in it is off."""
    try:
        return _unpacked(json.loads(read_bytes(path, most=_MOST_BYTES)))
    except _OFF:
        return {}


def _unpacked(record: Any) -> Entries:
    head = record["format"], record["version"], record["fields"]
    if head != (_FORMAT, _VERSION, list(_FIELDS)):
        return {}
    layers = [tuple(map(_layer, rows)) for rows in record["layers"]]
    return {
        folder: (_checked_stamp(row[0]), _summary(folder, row[2:], layers[_whole(row[1])]))
        for folder, row in record["runs"].items()
    }


def _summary(folder: str, row: list[Any], layers: tuple[LayerRow, ...]) -> Summary:
    for value, kinds in zip(row, _KINDS, strict=True):
        if type(value) not in kinds:
            raise ValueError(f"{value!r:.80} in a row of a run")
    values = dict(zip(_FIELDS, row, strict=True))
    values["tags"] = tuple(values["tags"])
    named = not folder.startswith("runs/") or folder.endswith(f"/{values['key']}")
    named &= values["folder"] == folder
    if not named or values["state"] != "done" or values["problem"]:
        raise ValueError("no row of a finished run")
    if not all(isinstance(tag, str) for tag in values["tags"]):
        raise ValueError("no tags of a run")
    return Summary(**values, layers=layers)


def _row(layer: LayerRow) -> list[Any]:
    return [layer.name, layer.kind, layer.shape, layer.groups]


def _layer(row: Any) -> LayerRow:
    name, kind, shape, groups = row
    if not isinstance(name, str) or not isinstance(kind, str):
        raise ValueError("no row of a layer")
    return LayerRow(
        name=name, kind=kind, shape=tuple(map(_whole, shape)), groups=max(1, _whole(groups))
    )


def _checked_stamp(row: Any) -> Stamp:
    return tuple(None if one is None else (_whole(one[0]), _whole(one[1])) for one in row)


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r:.80} is no whole number")
    return value


_FIELDS = tuple(name for name in Summary.__dataclass_fields__ if name != "layers")
_OFF = (StoreError, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
_MAYBE_WHOLE, _MAYBE_REAL = (int, type(None)), (float, type(None))
_KIND_OF: dict[str, tuple[type, ...]] = {
    "seed": _MAYBE_WHOLE,
    "steps": _MAYBE_WHOLE,
    "level": _MAYBE_WHOLE,
    "epochs": _MAYBE_REAL,
    "test_accuracy": _MAYBE_REAL,
    "density": _MAYBE_REAL,
    "size": (int,),
    "snapshots": (int,),
    "tags": (list,),
}
_KINDS = tuple(_KIND_OF.get(name, (str,)) for name in _FIELDS)
