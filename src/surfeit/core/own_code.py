"""What a user's own code raised, and where: a sentence in place of a traceback."""

import inspect
import os
import sysconfig
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path

import surfeit


def told(error: BaseException) -> str:
    """What was raised, in one line: `KeyError: 'layers'`."""
    words = error.msg if isinstance(error, SyntaxError) else str(error)
    lines = words.strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def told_with_place(error: BaseException) -> str:
    """What was raised and, if in a user's own code, where: `KeyError: 'x' (mine.py:3)`."""
    place = place_of(error)
    return f"{told(error)} ({place})" if place else told(error)


def place_of(error: BaseException) -> str:
    """Where in a user's own code an error came from: `mine.py:27, in measured`.

    Returns:
        the innermost line that is neither of the library nor of what is installed, its file as
        seen from this folder, and the function; of a file that does not parse the line at fault.
        Empty if there is none.
    """
    if isinstance(error, SyntaxError) and error.filename and _is_own(error.filename):
        return f"{_seen_from_here(error.filename)}:{error.lineno}"
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)
    ]
    if not frames:
        return ""
    last = frames[-1]
    within = "" if last.name == "<module>" else f", in {last.name}"
    return f"{_seen_from_here(last.filename)}:{last.lineno}{within}"


def place_of_function(function: Callable[..., object]) -> str:
    """Where a user's own function begins: `mine.py:25`; empty of any other."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None or not _is_own(code.co_filename):
        return ""
    return f"{_seen_from_here(code.co_filename)}:{code.co_firstlineno}"


def _is_own(file: str) -> bool:
    return os.path.isfile(file) and not any(
        Path(file).resolve().is_relative_to(folder) for folder in _installed()
    )


@cache
def _installed() -> list[Path]:
    """The folders of the library, of Python's own and of what is installed."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    found = [*surfeit.__path__, *map(sysconfig.get_path, names)]
    return [Path(folder).resolve() for folder in found]


def _seen_from_here(file: str) -> str:
    path, here = Path(file).resolve(), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
