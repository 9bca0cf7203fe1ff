"""What a reader is, to the fuzzer and to the replay of what it found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Reader:
    """One reader of files that may come from anywhere.

    Args:
        name: what it is called; the name of its folder of found inputs.
        seeds: real small inputs by name, from which the fuzzer starts.
        read: `read(content, folder)` reads these bytes with `folder` for its files, each call
            wrapped in `attempt`; the same folder is given again and again.
    """

    name: str
    seeds: Callable[[], Mapping[str, bytes]]
    read: Callable[[bytes, Path], None]


def write(folder: Path, name: str, content: bytes) -> Path:
    """A file of this content; what was there is replaced."""
    path = folder / name
    path.write_bytes(content)
    return path
