"""The viewer inside a page that stands alone: its script, its data and what the page may do."""

import base64
import gzip
import hashlib
import re
from collections.abc import Sequence
from html import escape

# What would end a script element early, or hide its end; in strings, templates and regular
# expressions "\x3c" says the same.
_BREAKS_OUT = re.compile(r"<(?=/script|script|!--)", re.IGNORECASE)


def module_script(viewer: str) -> str:
    """The viewer's module as a script element that no text in it can end early."""
    return f'<script type="module">{_inlined(viewer)}</script>'


def plain_script(text: str) -> str:
    """A page's own script as an element that no text in it can end early."""
    return f"<script>{_inlined(text)}</script>"


def data_script(identifier: str, bundle: bytes) -> str:
    """A bundle as an element that is read and never run: base64 of its gzip.

    Args:
        identifier: the element's id, by which a mount point names it.
        bundle: as `surfeit.viewer.bundles.bundle` makes it.

    Cost: 30 ms a MB of what it is compressed from.
    """
    text = base64.b64encode(compressed(bundle)).decode("ascii")
    return f'<script type="application/octet-stream" id="{escape(identifier)}">{text}</script>'


def compressed(bundle: bytes) -> bytes:
    """The bundle's gzip, the same bytes for the same bundle: without name and time."""
    return gzip.compress(bundle, compresslevel=6, mtime=0)


def policy(
    viewer: str | None, *, scripts: Sequence[str] = (), styles: Sequence[str] | None = None
) -> str:
    """The content security policy, as a meta element, of a page that asks for nothing.

    No address can be reached, and no script but these runs, the viewer's own worker included.

    Args:
        viewer: the module's text; None for a page without it.
        scripts: the texts of the page's own scripts.
        styles: the texts of the page's style elements; None allows style attributes too, which
            drawings carry.
    """
    style = "'unsafe-inline'" if styles is None else " ".join(_sum(text) for text in styles)
    allowed = [*([] if viewer is None else [viewer]), *scripts]
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(_sum(_inlined(text)) for text in allowed) or "'none'",
        "style-src": style,
        "worker-src": "blob:",
        "img-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    content = "; ".join(f"{name} {value}" for name, value in rules.items())
    return f'<meta http-equiv="Content-Security-Policy" content="{content}">'


def _inlined(viewer: str) -> str:
    # The browser hashes what its parser has read, where every line ends in "\n".
    return _BREAKS_OUT.sub(r"\\x3c", viewer.replace("\r\n", "\n").replace("\r", "\n"))


def _sum(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
