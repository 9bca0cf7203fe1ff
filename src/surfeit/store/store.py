"""A store: a folder of runs, each found by its key, a beginning of it, its name or its folder."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import platformdirs

from surfeit.core import StoreError, printable
from surfeit.store.files import disk_errors
from surfeit.store.labels import named
from surfeit.store.lease import Lease
from surfeit.store.run import Run

ROOT_VARIABLE = "SURFEIT_STORE"
_SHORTEST_PREFIX = 4
BEFORE_A_RUN = {"lease", "snapshots"}  # what a writer makes before the run's record


def default_root() -> Path:
    """Where runs are kept if nothing else is said: `SURFEIT_STORE`, or the user's data folder."""
    named = os.environ.get(ROOT_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_data_dir("surfeit")) / "store"


class Store:
    """A folder of runs, `<root>/runs/<ab>/<key>`; the index is read from the folders themselves.

    Runs that a loop of the user's own recorded stand right below the root, `<root>/<name>`.

    Args:
        root: the folder; if not given, `SURFEIT_STORE` or the user's data folder.
    """

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = default_root() if root is None else Path(root)

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r})"

    def path_of(self, key: str) -> Path:
        """The folder that a run with this key has or would have.

        Raises:
            ValueError: if it could lead anywhere else.
        """
        if re.fullmatch(r"[^./\0][^/\0]*", key) is None:
            raise ValueError(f"a run's key is 64 hexadecimal digits, got {key[:80]!r}")
        return self.root / "runs" / key[:2] / key

    def runs(self) -> list[Run]:
        """All runs that can be read, the oldest first. `problems()` names the others.

        Raises:
            StoreError: if the root is a file.
        """
        runs = [run for _, run in self._read() if isinstance(run, Run)]
        return sorted(runs, key=lambda run: (run.about.get("created", ""), run.key))

    def problems(self) -> list[str]:
        """The runs that cannot be read at all, a sentence each."""
        return [printable(str(found)) for _, found in self._read() if isinstance(found, StoreError)]

    def find(self, text: str | Path) -> Run:
        """The run with this key, whose key begins so, of this name, or in this folder.

        Args:
            text: a key, at least four of its first digits, a name (`Labels`), or a path.

        Raises:
            StoreError: if no run or more than one answers, it cannot be read, or the text is empty.
        """
        if not str(text).strip():
            raise StoreError(
                f"which run? {str(text)!r} names none: give a key, at least four of its first "
                "digits, a name or a folder"
            )
        folder = Path(text)
        with suppress(OSError):  # a text too long for a path is no folder
            if os.path.lexists(folder / "run.json"):
                return Run(folder)
        prefix = str(text)
        called = named([*(self.root / "runs").glob("??/*"), *self.root.glob("*")], prefix)
        if len(called) > 1:
            keys = ", ".join(sorted(path.name[:12] for path in called))
            raise StoreError(f"{len(called)} runs are called {prefix!r}: {keys}; give a key")
        keys = {path: key for path, key in self._keys() if key.startswith(prefix)}
        paths = called or list(keys)
        if not paths or (not called and len(prefix) < _SHORTEST_PREFIX):
            if not self.root.is_dir():
                raise StoreError(f"no run {prefix!r}: there is no folder {self.root}; give --root")
            few = " (give at least four digits)" if len(prefix) < _SHORTEST_PREFIX else ""
            raise StoreError(
                f"no run {prefix!r} in {self.root}{few}: 'surfeit runs' lists those that are there"
            )
        if len(paths) > 1:
            raise StoreError(f"{prefix!r} {_told_apart(keys, len(prefix))}")
        return Run(paths[0])

    def delete(self, run: Run) -> None:
        """Deletes a run's folder.

        Raises:
            BusyError: if it is being written.
            StoreError: if the disk refuses, or the folder is a link, whose target may be anywhere.
        """
        if run.path.is_symlink():
            raise StoreError(f"{run.path} is a link: delete what it leads to, and then the link")
        with Lease(run.path, wait=False), disk_errors(run.path):
            # The record goes first: a deletion cut short must not leave what looks like a run.
            (run.path / "run.json").unlink()
            shutil.rmtree(run.path)

    def _folders(self) -> Iterator[Path]:
        if self.root.is_file():
            raise StoreError(f"{self.root} is a file, not a folder of runs")
        for path in (self.root / "runs").glob("??/*"):
            try:
                if path.is_dir() and not {file.name for file in path.iterdir()} <= BEFORE_A_RUN:
                    yield path
            except OSError:  # it may not be read: whoever opens it hears of that
                yield path
        yield from (path.parent for path in self.root.glob("*/run.json"))

    def _keys(self) -> Iterator[tuple[Path, str]]:
        """The runs' folders with their keys, which a recorded run's own record alone says."""
        for path in self._folders():
            if path.parent != self.root:
                yield path, path.name
                continue
            with suppress(StoreError):  # `problems` names it
                yield path, Run(path).key

    def _read(self) -> Iterator[tuple[Path, Run | StoreError]]:
        for path in self._folders():
            try:
                yield path, Run(path)
            except StoreError as error:
                yield path, error


def _told_apart(keys: Mapping[Path, str], shown: int) -> str:
    """Which runs a beginning stands for: by as many digits as it takes, or by their folders."""
    names = sorted(set(keys.values()))
    if len(names) == 1:
        folders = ", ".join(sorted(map(str, keys)))
        return f"is a run that stands in {len(keys)} folders, name one: {folders}"
    while len({name[:shown] for name in names}) < len(names):
        shown += 1
    beginnings = ", ".join(name[: shown + 5] for name in names)
    return f"begins the keys of {len(names)} runs: {beginnings}"
