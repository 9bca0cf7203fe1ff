"""How values are written: whole numbers as such, and lists in one way in all commands.

A list is written with spaces, with commas, or with the flag again: `--layers fc1 fc2`,
`--layers fc1,fc2` and `--layers fc1 --layers fc2` are the same.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, Token

LISTS = "Lists are written with spaces, with commas or with the flag again: --layers fc1,fc2."


def whole_numbers(kind: object, tokens: Sequence[Token]) -> int | tuple[int, ...]:
    """Whole numbers as they are written; left to itself the parser rounds 1.5 to 2.

    Args:
        kind: what they are for: int for a single one, a tuple for a list.
        tokens: as the parser gives them.

    Raises:
        ValueError: if a text is none.
    """
    if kind in (int, int | None):
        return _whole(tokens[-1].value, "a whole number")
    texts = pieces(token.value for token in tokens)
    return tuple(_whole(text, "whole numbers") for text in texts)


def numbers(kind: object, tokens: Sequence[Token]) -> tuple[float, ...]:
    """A list of numbers.

    Raises:
        ValueError: if a text is none.
    """
    return tuple(_number(text) for text in pieces(token.value for token in tokens))


def words(kind: object, tokens: Sequence[Token]) -> tuple[str, ...]:
    """A list of words; a backslash before a comma makes it part of the word."""
    return tuple(pieces(token.value for token in tokens))


def seeds(kind: object, tokens: Sequence[Token]) -> int:
    """A seed.

    Raises:
        ValueError: if the text is no whole number from 0 on.
    """
    given = tokens[-1].value
    number = _whole(given, "a whole number >= 0")
    if number < 0:
        raise ValueError(f"must be a whole number >= 0, got {given!r}")
    return number


def paths(kind: object, tokens: Sequence[Token]) -> Path:
    """A path; left to itself the parser takes an empty text for this folder.

    Raises:
        ValueError: if the text is empty.
    """
    given = tokens[-1].value
    if not given:
        raise ValueError("must be a path, got an empty text: '.' is this folder")
    return Path(given)


def pieces(texts: Iterable[str]) -> list[str]:
    r"""The items of a list that is given in so many texts.

    >>> pieces(["fc1,fc2", "conv1", r"a\,b"])
    ['fc1', 'fc2', 'conv1', 'a,b']

    Raises:
        ValueError: if there is nothing before or after a comma.
    """
    found: list[str] = []
    for text in texts:
        items = [item.strip() for item in re.split(r"(?<!\\),", text)]
        if len(items) > 1 and "" in items:
            raise ValueError(f"must not have an empty item, got {text!r}")
        found += [item.replace("\\,", ",") for item in items]
    return found


def runs_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Runs that are given one after another or with commas; what is there as a folder is one.

    Raises:
        ValueError: as `pieces`.
    """
    found: list[str] = []
    for text in texts:
        try:
            found += [text] if Path(text).exists() else pieces([text])
        except ValueError as error:
            raise ValueError(f"the list of runs {error}") from error
    return tuple(found)


def _whole(text: str, wanted: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise ValueError(f"must be {wanted}, got {text!r}") from error


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"must be numbers, got {text!r}") from error


def _some(kind: object, given: object) -> None:
    if given == ():
        raise ValueError("needs at least one item")


def _shown(default: Iterable[object] | None) -> str | None:
    return None if default is None else ",".join(str(item) for item in default)


Whole = Annotated[int, Parameter(converter=whole_numbers)]
"""A flag that takes a whole number."""

Seed = Annotated[int, Parameter(converter=seeds)]
"""A flag that takes a seed; each command's help says what is drawn by it."""

SomePath = Annotated[Path, Parameter(converter=paths)]
"""A flag that takes a path."""

Flag = Annotated[bool, Parameter(negative=())]
"""A flag that is given or not."""

LIST = Parameter(consume_multiple=True, negative=(), validator=_some, show_default=_shown)

WholeNumbers = Annotated[tuple[int, ...], LIST, Parameter(converter=whole_numbers)]
"""A flag that takes a list of whole numbers."""

Numbers = Annotated[tuple[float, ...], LIST, Parameter(converter=numbers)]
"""A flag that takes a list of numbers."""

Words = Annotated[tuple[str, ...], LIST, Parameter(converter=words)]
"""A flag that takes a list of words."""
