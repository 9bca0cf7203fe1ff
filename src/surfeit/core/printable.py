"""Text from files as a terminal may show it."""

import unicodedata

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str, *, lines: bool = False) -> str:
    r"""The text with all that is not seen written as Python writes it: `\x1b`, `\u202e`, `\udce9`.

    Names come from files, and files from anywhere: an escape sequence in one could retitle a
    terminal, hide what stands before it or pretend to be a line of its own. So control and format
    characters (also those that turn the direction of writing), separators of lines and paragraphs
    and lone surrogates, which no output can encode, become visible; all else stays.

    >>> printable("mlp\x1b[2J")
    'mlp\\x1b[2J'

    Args:
        text: any text.
        lines: whether line breaks and tabs stay, as in a message of several lines.
    """
    if text.isprintable():
        return text
    stay = "\n\t" if lines else ""
    return "".join(
        char
        if char in stay or unicodedata.category(char) not in _UNSEEN
        else char.encode("unicode_escape").decode()
        for char in text
    )
