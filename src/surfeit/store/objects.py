"""Tensors that trainings are sent, in the store by their content: data sets, weights, masks.

`<root>/objects/<ab>/<digest>.safetensors`. A file is named by what is in it, so that two drivers
that send the same data share it, and whoever reads it can tell whether it is whole.

Files are there for as long as somebody sends them. A driver names what it sends in a folder of
its own, `objects/calls/...`, which is marked as a living process's (see `claims`); at its end it
removes what no other call names. A call that is interrupted or killed leaves its files: jobs that
it submitted elsewhere may still read them, and the same call goes on from them. What no living
call names and nobody has sent or read for a week is removed by the next call.
"""

import fcntl
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from surfeit.core import Params, StoreError, digest
from surfeit.store.claims import claim, clear_unclaimed
from surfeit.store.files import check_regular, disk_errors, make_folder

KEPT_DAYS = 7.0
"""How long an object that nobody names is kept after it was last sent or read."""

DAMAGED = "Delete the file and give the same call again: it is written anew"
"""What to do about an object that is not what its name says."""

_CALLS, _SUFFIX = "calls", ".safetensors"
_REMEMBERED = 4
_Value = TypeVar("_Value")


class Objects:
    """The objects of a store, as one process sends or reads them.

    It remembers what it read last, so that a worker reads a data set once and not for each task.

    Args:
        root: the store's.
        call: the folder in which the sender names what it sends; see `sending_objects`.
        written: whether what is put is stored. Otherwise it is only named, by the same digest.
    """

    def __init__(self, root: Path, call: Path | None = None, *, written: bool = True) -> None:
        self.root = Path(root)
        self._call, self._written = call, written
        self._remembered: dict[Hashable, Any] = {}

    def path_of(self, name: str) -> Path:
        """The file that the object with this digest has or would have.

        Raises:
            ValueError: if it is no digest, 64 hexadecimal digits.
        """
        if len(name) != 64 or set(name) - set("0123456789abcdef"):
            raise ValueError(f"an object's digest is 64 hexadecimal digits, got {name[:80]!r}")
        return self.root / "objects" / name[:2] / f"{name}{_SUFFIX}"

    def put(self, tensors: Params) -> str:
        """Stores tensors by name and returns their digest, see `surfeit.core.digest`.

        Raises:
            DiskError: if the disk refuses.

        Cost: two passes over them, or one where they are stored already.
        """
        plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        own = {name: value.clone() for name, value in plain.items()}  # the format shares nothing
        name = digest(plain)
        self.place(name, lambda path: save_file(own, path), lambda path: _content(path) == name)
        return name

    def get(self, name: str) -> Params:
        """The tensors with this digest.

        Raises:
            StoreError: if they are not there, or their file is damaged.
        """
        path = self.path_of(name)
        check_regular(path, follow=False)
        self.touch(path)
        try:
            tensors = load_file(path)
        except (SafetensorError, OSError, ValueError) as error:
            raise StoreError(f"{path} cannot be read: {error}. {DAMAGED}") from error
        if digest(tensors) != name:
            raise StoreError(
                f"{path} is damaged: it holds other tensors than its name says. {DAMAGED}"
            )
        return tensors

    def touch(self, path: Path) -> None:
        """Notes that an object is in use, as far as its folder may be written."""
        with suppress(OSError):
            os.utime(path)

    def place(
        self, name: str, write: Callable[[Path], Any], is_whole: Callable[[Path], bool]
    ) -> Path:
        """Stores a file under its digest unless a whole one is there, and returns it.

        Args:
            name: the digest of its content.
            write: writes the file to a path that is not there yet.
            is_whole: whether a file holds that content.

        Raises:
            DiskError: if the disk refuses.
        """
        path = self.path_of(name)
        if not self._written:
            return path
        with _locked(self.root):
            self._claim(name)
            if path.is_file() and not path.is_symlink() and is_whole(path):
                self.touch(path)
                return path
        make_folder(path.parent)
        temporary = path.with_name(f".{name}.{os.getpid()}-{threading.get_ident()}.tmp")
        with disk_errors(path):
            try:
                write(temporary)
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
        return path

    def remember(self, name: Hashable, read: Callable[[], _Value]) -> _Value:
        """What `read` gives, or gave before: of a reader the last few are kept, else all."""
        if name in self._remembered:
            found = self._remembered.pop(name)
        else:
            found = read()
            if self._call is None and self._written:  # a sender holds all that it sends anyway
                while len(self._remembered) >= _REMEMBERED:
                    self._remembered.pop(next(iter(self._remembered)))
        self._remembered[name] = found  # the last one used is the last to go
        return found

    def _claim(self, name: str) -> None:
        if self._call is not None:
            with disk_errors(self._call):
                (self._call / name).touch()


@contextmanager
def sending_objects(root: Path) -> Iterator[Objects]:
    """A driver's objects, which are removed at the end unless another call sends them as well.

    If the call is interrupted they stay, see the module.

    Raises:
        DiskError: if the store cannot be written.
    """
    calls = make_folder(Path(root) / "objects" / _CALLS)
    clear_unclaimed(calls, "*")
    with disk_errors(calls):
        call = Path(tempfile.mkdtemp(dir=calls))
        owner = claim(call)
    interrupted = False
    try:
        yield Objects(root, call)
    except (KeyboardInterrupt, SystemExit):
        interrupted = True
        raise
    finally:
        sent = {path.name for path in call.glob("[0-9a-f]*")}
        with owner, suppress(OSError), _locked(root):
            shutil.rmtree(call, ignore_errors=True)
            _clear(Path(root), set() if interrupted else sent)


def _clear(root: Path, sent: set[str]) -> None:
    """Removes what was sent, and what is old, if no living call names it."""
    named = {path.name for path in (root / "objects" / _CALLS).glob("*/*")}
    oldest = time.time() - KEPT_DAYS * 86_400
    for path in (root / "objects").glob(f"??/*{_SUFFIX}"):
        name = path.name.removesuffix(_SUFFIX)
        with suppress(OSError):
            if name not in named and (name in sent or path.lstat().st_mtime < oldest):
                path.unlink()


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """One process at a time names objects or removes them; without locks they do so unguarded."""
    folder = make_folder(Path(root) / "objects")
    with disk_errors(folder):
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _content(path: Path) -> str | None:
    try:
        return digest(load_file(path))
    except (SafetensorError, OSError, ValueError):
        return None
