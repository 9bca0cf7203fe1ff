"""What people call a run: a name and tags, beside the run and no part of it."""

import json
import re
import stat
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from surfeit.core import StoreError
from surfeit.store.files import write_json

LABELS = "labels.json"
_MOST_BYTES = 2**16
_LONGEST = 64
_MOST_TAGS = 100
_WORD = re.compile(rf"\w[\w.+-]{{0,{_LONGEST - 1}}}")
_KEY_BEGINNING = re.compile(r"[0-9a-fA-F]{4,}")


@dataclass(frozen=True, kw_only=True)
class Labels:
    """A run's name and tags.

    Args:
        name: what it may be called wherever a run is asked for, or "".
        tags: words in any number, sorted.

    Raises:
        ValueError: if a name or a tag is not a word of 1 to 64 letters, digits and `.+-_`, the name
            could be the beginning of a key, or there are more than 100 tags.
    """

    name: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.name:
            object.__setattr__(self, "name", _word("name", self.name))
        if _KEY_BEGINNING.fullmatch(self.name):
            raise ValueError(
                f"the name {self.name!r} could be the beginning of a key: add another letter"
            )
        if len(self.tags) > _MOST_TAGS:
            raise ValueError(f"a run has at most {_MOST_TAGS} tags, got {len(self.tags)}")
        tags = tuple(sorted({_word("tag", tag) for tag in self.tags}))
        object.__setattr__(self, "tags", tags)

    def __bool__(self) -> bool:
        return bool(self.name or self.tags)


def read_labels(folder: Path) -> Labels:
    """The labels of the run in this folder; none where nobody gave it any.

    Raises:
        StoreError: if their file is damaged.
    """
    path = folder / LABELS
    try:
        about = path.stat()
    except OSError:
        return Labels()
    try:
        if not stat.S_ISREG(about.st_mode) or about.st_size > _MOST_BYTES:
            raise ValueError("it is no file of labels")
        record = json.loads(path.read_bytes())
        return Labels(name=record["name"], tags=tuple(record["tags"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"{path} is damaged ({error}): delete it and name the run anew") from error


def write_labels(folder: Path, labels: Labels) -> None:
    """Labels the run in this folder, in place of what it was labelled before.

    Raises:
        StoreError: if the disk refuses.
    """
    write_json(folder / LABELS, {"name": labels.name, "tags": list(labels.tags)})


def named(folders: Iterable[Path], name: str) -> list[Path]:
    """Those of these folders whose run has this very name. Damaged labels name nothing.

    No run is called "": that is what the labels of one without a name say.
    """
    if not name:
        return []
    found, name = [], unicodedata.normalize("NFC", name)
    for folder in folders:
        try:
            if (folder / LABELS).is_file() and read_labels(folder).name == name:
                found.append(folder)
        except StoreError:
            continue
    return found


def _word(kind: str, given: object) -> str:
    text = unicodedata.normalize("NFC", given) if isinstance(given, str) else ""
    if not _WORD.fullmatch(text):
        raise ValueError(
            f"a {kind} is a word of 1 to {_LONGEST} letters, digits and . + - _ that begins with a "
            f"letter or a digit, got {given!r}"
        )
    return text
