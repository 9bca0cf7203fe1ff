"""Long entries of a list in a terminal: a heading, a sentence, and what is known of it."""

import shutil
import textwrap
from collections.abc import Mapping

_WIDEST = 96


def paragraph(heading: str, sentence: str, about: Mapping[str, str]) -> str:
    """An entry, no line wider than the terminal; what is empty is left out.

    Args:
        heading: what it begins with.
        sentence: what it is, indented.
        about: more by name, in a column.
    """
    width = min(_WIDEST, shutil.get_terminal_size().columns) - 1
    lines = [
        *_wrapped(heading, width, first="", indent="  "),
        *_wrapped(sentence, width, first="  ", indent="  "),
    ]
    column = max((len(name) for name, text in about.items() if text), default=0)
    for name, text in about.items():
        if text:
            first = f"  {name.ljust(column)}  "
            lines += _wrapped(text, width, first=first, indent=" " * len(first))
    return "\n".join(lines)


def _wrapped(text: str, width: int, *, first: str, indent: str) -> list[str]:
    from surfeit.core import printable

    return textwrap.wrap(
        printable(text),
        max(width, len(indent) + 20),
        initial_indent=first,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
