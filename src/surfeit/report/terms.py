"""Words explained where they stand: on hover, tap and keyboard, without a script."""

import re
from collections.abc import Mapping
from html import escape

_TAGS = re.compile(r"(<[^>]*>)")
# What is a control itself, code, or a drawing.
_APART = (
    "a",
    "button",
    "code",
    "dfn",
    "dt",
    "label",
    "output",
    "script",
    "style",
    "summary",
    "svg",
)
_NAME = re.compile(r"</?([a-z0-9]+)", re.IGNORECASE)
# Where a reader may begin to read anew.
_ANEW = ("h2", "h3", "table", "details", "li", "ul")


def marked(fragment: str, meanings: Mapping[str, str]) -> str:
    """A piece of a page in which words that have a meaning can be asked for it.

    The first of each in every part: a heading, a list's entry, a table. Of words within each other
    the longer one is taken: "raw frame potential" is no frame potential.

    Args:
        fragment: HTML that is well formed.
        meanings: plain text by word, in lower case.
    """
    if not meanings:
        return fragment
    longest = sorted(meanings, key=len, reverse=True)
    wanted = re.compile(
        rf"(?<![\w-])({'|'.join(map(_pattern, longest))})(?:s|es)?(?![\w-])", re.IGNORECASE
    )
    seen: set[str] = set()
    inside: list[str] = []
    pieces = []
    for piece in _TAGS.split(fragment):
        if piece.startswith("<"):
            name = _name(piece)
            _enter(piece, name, inside)
            if name in _ANEW:
                seen.clear()
        elif not inside:
            piece = wanted.sub(lambda found: _asked(found, meanings, seen), piece)
        pieces.append(piece)
    return "".join(pieces)


def _pattern(word: str) -> str:
    """A word's letters; a space may be one that does not break a line."""
    return r"[ \u00a0]".join(re.escape(escape(part)) for part in re.split(r"[ \u00a0]", word))


def _name(tag: str) -> str:
    found = _NAME.match(tag)
    return "" if found is None else found.group(1).lower()


def _enter(tag: str, name: str, inside: list[str]) -> None:
    """Keeps count of what the text that follows is inside of."""
    if name not in _APART or tag.endswith("/>"):
        return
    if not tag.startswith("</"):
        inside.append(name)
    elif name in inside:
        del inside[len(inside) - 1 - inside[::-1].index(name) :]


def _asked(found: re.Match[str], meanings: Mapping[str, str], seen: set[str]) -> str:
    word = found.group(1).lower().replace("\u00a0", " ")
    if word in seen:
        return found.group(0)
    seen.add(word)
    return term(found.group(0), meanings[word])


def term(words: str, meaning: str) -> str:
    """Words, as HTML, that show their meaning while they are pointed at or have the focus."""
    about = escape(meaning)
    return f'<dfn class="term" tabindex="0" aria-description="{about}">{words}</dfn>'
