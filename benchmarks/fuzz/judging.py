"""What a reader may do with hostile bytes: give something, or refuse it in words of its own."""

import linecache
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import surfeit
from surfeit.core import SurfeitError

T = TypeVar("T")
_PACKAGE = str(Path(surfeit.__file__).parent)


def attempt(call: Callable[[], T]) -> T | None:
    """What a call returns; None if it refuses in words.

    Raises:
        BaseException: whatever else it raises: a fault of the reader.
    """
    try:
        return call()
    except Exception as error:
        if in_words(error):
            return None
        raise


def in_words(error: Exception) -> bool:
    """Whether an error is a sentence that surfeit itself wrote.

    A `ValueError` that Python or a library raised, `int("x")` for one, is as raw as any other: the
    line that raised it must be a `raise` of surfeit's.
    """
    own = type(error) is ValueError or type(error).__module__.partition(".")[0] == "surfeit"
    if not (own and isinstance(error, ValueError | SurfeitError) and str(error).strip()):
        return False
    file, line = origin(error)
    return file.startswith(_PACKAGE) and line_of(file, line).startswith("raise")


def origin(error: BaseException) -> tuple[str, int]:
    """The file and line that raised an error."""
    last: TracebackType | None = error.__traceback__
    assert last is not None
    while last.tb_next is not None:
        last = last.tb_next
    return last.tb_frame.f_code.co_filename, last.tb_lineno


def own_place(error: BaseException) -> tuple[str, int]:
    """The file and line of surfeit's that an error came through last; else what raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(_PACKAGE)]
    return (own[-1].filename, own[-1].lineno or 0) if own else origin(error)


def line_of(file: str, line: int) -> str:
    """A line of source without its indentation."""
    return linecache.getline(file, line).strip()
