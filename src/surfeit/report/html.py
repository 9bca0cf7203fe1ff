"""Small pieces of HTML: everything given is escaped, nothing asks for anything elsewhere."""

import re
from collections.abc import Sequence
from html import escape
from urllib.parse import quote

_PROLOG = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_NAMED = re.compile(r'\bid="([^"]+)"')
_USED = re.compile(r'(href="#|url\(#)([^")]+)')


def inline_svg(svg: str, *, prefix: str, label: str) -> str:
    """An SVG file's drawing, to stand in a page beside others.

    Identifiers get a prefix of their own, since all drawings of a page share one name space.

    Args:
        svg: the file's text.
        prefix: letters, digits and hyphens; another for each drawing.
        label: what a screen reader says.
    """
    bare = _METADATA.sub("", _PROLOG.sub("", svg)).strip()
    bare = _NAMED.sub(rf'id="{prefix}-\1"', bare)
    bare = _USED.sub(rf"\1{prefix}-\2", bare)
    # The size on the page is the style sheet's; the view box keeps the proportions.
    bare = re.sub(r'(<svg\b[^>]*?)\sheight="[^"]*"', r"\1", bare, count=1)
    bare = re.sub(r'(<svg\b[^>]*?)\swidth="[^"]*"', r"\1", bare, count=1)
    return bare.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)


def table(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, stacked: bool = False
) -> str:
    """A table whose first column names the row; cells repeat their heading for small screens.

    Cells may hold markup and are taken as they are; caption and headings are escaped. On a small
    screen a table is scrolled sideways, or `stacked`: each of its few rows becomes a card.
    """
    top = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    body = "\n".join(_row(head, row) for row in rows)
    kind = "wide cards" if stacked else "wide"
    return (
        f'<div class="{kind}"><table><caption>{escape(caption)}</caption>\n'
        f"<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _row(head: Sequence[str], row: Sequence[str]) -> str:
    first, *others = row
    cells = "".join(
        f'<td data-label="{escape(name)}">{cell}</td>'
        for name, cell in zip(head[1:], others, strict=True)
    )
    return f'<tr><th scope="row">{first}</th>{cells}</tr>'


def figure(drawing: str, caption: str) -> str:
    """A drawing with its caption, as wide as the page; a narrow screen shrinks it."""
    return (
        f'<figure><div class="sheet">{drawing}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def live_figure(identifier: str, state: str, drawing: str, *, captions: tuple[str, str]) -> str:
    """A drawing that a viewer takes the place of, where its script runs and on a screen.

    Args:
        identifier: the element that holds the viewer's data.
        state: how the view begins, as an address's hash.
        drawing: the still picture.
        captions: of the viewer, and of the still picture.
    """
    live, still = captions
    return (
        f'<figure><div class="surfeit" data-home="bundle" data-bundle="{escape(identifier)}" '
        f'data-address="off" data-state="{escape(state)}"></div>'
        f'<div class="sheet">{drawing}</div>'
        f'<figcaption><span class="live">{escape(live)}</span>'
        f'<span class="still">{escape(still)}</span></figcaption></figure>'
    )


def details(summary: str, body: str, *, anchor: str | None = None) -> str:
    """What is there for those who open it, or follow a link to its anchor."""
    named = "" if anchor is None else f' id="{escape(anchor)}"'
    return f"<details{named}><summary>{escape(summary)}</summary>\n{body}\n</details>"


def file_link(path: str, words: str | None = None) -> str:
    """A link to a file beside the page, by its path from there; nothing is read before a click."""
    return f'<a href="{escape(quote(path))}">{escape(words or path)}</a>'


def section(name: str, title: str, body: str) -> str:
    """A part of the page with its heading; `name` is its anchor."""
    return f'<section id="{name}"><h2>{escape(title)}</h2>\n{body}\n</section>'


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"
