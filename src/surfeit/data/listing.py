"""The image files in one folder a class: found in one fixed order, without following links."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from surfeit.core import DataError

_SPLITS = ("train", "validation", "test")
_SUFFIXES = (
    *(".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)
_LITTER = ("desktop.ini", "thumbs.db")  # what file managers leave

Files = list[tuple[Path, int]]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Image files with their labels.

    Args:
        splits: by name; "train" alone where the classes' folders are not divided.
        class_names: the names of the classes' folders.
        is_divided: whether there is a folder a split.
    """

    splits: Mapping[str, Files]
    class_names: tuple[str, ...]
    is_divided: bool


def list_splits(root: Path) -> Listing:
    """The images below a folder, sorted by their paths.

    Raises:
        DataError: if the folder is not there, holds no classes, or a folder or file in it is empty,
            a link or nothing that belongs there.
    """
    if not root.is_dir():
        raise DataError(f"{root}: found no such folder")
    there = {path.name: path for path in _folders(root)}
    if "train" not in there:
        names = _class_names(root)
        return Listing(splits={"train": _files(root, names)}, class_names=names, is_divided=False)
    others = sorted(there.keys() - set(_SPLITS))
    if others:
        raise DataError(
            f"{root}: found {', '.join(others[:5])} beside train: expected train, validation and "
            "test alone, or one folder a class and none of these"
        )
    names = _class_names(there["train"])
    splits = {key: _files(there[key], names) for key in _SPLITS if key in there}
    return Listing(splits=splits, class_names=names, is_divided=True)


def _class_names(folder: Path) -> tuple[str, ...]:
    names = tuple(path.name for path in _folders(folder))
    if not names:
        raise DataError(f"{folder}: found no folders, expected one a class with its images")
    return names


def _files(folder: Path, class_names: tuple[str, ...]) -> Files:
    """The images of one split: all of them are of classes that the training images have."""
    own = {path.name: path for path in _folders(folder)}
    strange = sorted(own.keys() - set(class_names))
    if strange:
        raise DataError(
            f"{folder / strange[0]}: there is no such class among the training images: "
            f"{', '.join(class_names[:5])}{', ...' if len(class_names) > 5 else ''}"
        )
    files = []
    for label, name in enumerate(class_names):
        if name in own:
            files += [(path, label) for path in _images(own[name])]
    if not files:
        raise DataError(f"{folder}: found no images")
    return files


def _images(folder: Path) -> list[Path]:
    found = []
    for path in _visible(folder):
        if path.name.lower() in _LITTER:
            continue
        if path.suffix.lower() not in _SUFFIXES or not path.is_file():
            kind = "a folder" if path.is_dir() else "no image by its name or kind"
            raise DataError(
                f"{path}: found {kind}, expected image files alone ({', '.join(_SUFFIXES)}): move "
                "it away"
            )
        found.append(path)
    if not found:
        raise DataError(f"{folder}: found no images in the folder of a class")
    return found


def _folders(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if path.is_dir()]


def _visible(folder: Path) -> list[Path]:
    """What is in a folder and not hidden, sorted by name; no link among it."""
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: expected a readable folder: {error.strerror}") from error
    for path in paths:
        if path.is_symlink():
            raise DataError(
                f"{path}: found a symbolic link, which is not followed: put the files themselves "
                "there"
            )
    return paths
