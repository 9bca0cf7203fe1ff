"""A data set's entry: its name, where its files lie, where they come from, what reads them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surfeit.data.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One way in which a data set may lie on disk: files in a folder below the root.

    Args:
        folder: below the root, such as `MNIST/raw`.
        files: names in it.
        packable: whether each may also be there gzipped, with `.gz` behind its name.
    """

    folder: str
    files: tuple[str, ...]
    packable: bool = False

    def find(self, root: Path, name: str) -> Path | None:
        """The file called `name`, in the form in which it is there, or None."""
        path = root / self.folder / name
        return find(path) if self.packable else path if path.is_file() else None

    def missing(self, root: Path) -> tuple[str, ...]:
        """The files that are not there."""
        return tuple(name for name in self.files if self.find(root, name) is None)


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One file to download.

    Args:
        path: where it goes below the root; its last part is its name at each address.
        md5: of the whole file, in hex.
        sha256, size: the same, and its bytes; None where they are not known (see `download`).
        members: of an archive, the files to unpack, by their paths below the root and in the
            archive alike; empty for a file that stays as it is.
        unpacked: bytes that the whole archive may have when it is unpacked.
    """

    path: str
    md5: str
    sha256: str | None = None
    size: int | None = None
    members: tuple[str, ...] = ()
    unpacked: int = 1 << 30

    def present(self, root: Path) -> bool:
        """Whether all that it brings is there already."""
        if self.members:
            return all((root / member).is_file() for member in self.members)
        return find(root / self.path.removesuffix(".gz")) is not None


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set by name.

    Args:
        name: what `load` is asked for.
        description: one line.
        load: reads it from a root; it imports what it reads with, so that lists of data sets do
            without PyTorch.
        layouts: how it may lie below the root, the preferred one first; none if it is embedded.
        files: what a download brings: the first layout.
        addresses: where it brings them from, the first tried first; each ends in a slash.
    """

    name: str
    description: str
    load: "Callable[[Path], Dataset]"
    layouts: tuple[Layout, ...] = ()
    files: tuple[RemoteFile, ...] = ()
    addresses: tuple[str, ...] = ()

    @property
    def embedded(self) -> bool:
        """Whether it comes with the installation."""
        return not self.layouts


def find(path: Path) -> Path | None:
    """The file at `path`, or else the one with `.gz` behind its name, or None."""
    packed = path.with_name(path.name + ".gz")
    return path if path.is_file() else packed if packed.is_file() else None


def choose_layout(layouts: tuple[Layout, ...], root: Path) -> Layout:
    """The layout that lacks the smallest share of its files; the first of equals."""
    return min(layouts, key=lambda layout: len(layout.missing(root)) / len(layout.files))
