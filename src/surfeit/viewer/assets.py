"""The viewer's module as the build left it in the package, and the page that loads it."""

from pathlib import Path

from surfeit.core import SurfeitError

_HERE = Path(__file__).parent
_STATIC = _HERE / "static"
_SOURCE = _HERE.parents[2]


class BuildError(SurfeitError):
    """The viewer was not built when Surfeit was installed."""


def viewer_script() -> str:
    """The viewer: one ES module, its worker and style inside.

    Raises:
        BuildError: if it was not built; the message says how it is.
    """
    return _read("viewer.js")


def notices() -> str:
    """The licences of the packages that the viewer contains.

    Raises:
        BuildError: if the viewer was not built.
    """
    return _read("NOTICES.txt")


def page() -> str:
    """The page that a server gives: it loads the viewer and holds no script itself."""
    return (_HERE / "page.html").read_text(encoding="utf-8")


def page_style() -> str:
    """The style of that page; the viewer brings its own."""
    return (_HERE / "page.css").read_text(encoding="utf-8")


def complaint() -> str | None:
    """What is wrong with a viewer that is there, a sentence, or None.

    One that could not be built anew is older than the rest.
    """
    why = _why_not()
    return f"this viewer is an older one, building it anew failed{why}: {_how()}" if why else None


def _read(name: str) -> str:
    path = _STATIC / name
    if not path.is_file():
        raise BuildError(f"the viewer was not built with this installation{_why_not()}: {_how()}")
    return path.read_text(encoding="utf-8")


def _why_not() -> str:
    """What the build that failed said first, in parentheses, if it left its words."""
    left = _STATIC / "failure.txt"
    said = left.read_text(encoding="utf-8").strip() if left.is_file() else ""
    return f" ({said.splitlines()[0]})" if said else ""


def _how() -> str:
    if (_SOURCE / "web" / "building.py").is_file():
        return f"'pip install --no-deps --editable {_SOURCE}' builds it"
    return "'pip install --force-reinstall --no-deps --no-cache-dir surfeit' builds it"
