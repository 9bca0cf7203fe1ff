"""Modules beside a user's file that would be imported from elsewhere: refused, naming both files.

What lies in a user's folder is found after what is installed, so that it takes nobody's place. A
file that imports `statistics` while a `statistics.py` lies beside it may mean either.
"""

import ast
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path


def check_imports(path: Path, source: bytes) -> None:
    """Checks what a file imports, and the files beside it that it imports, and so on.

    Args:
        path: of the file, whose folder is on the path of modules.
        source: its text.

    Raises:
        ValueError: if a module beside a file is not the one that it would get.
        SyntaxError: if the text is no Python.
    """
    todo, seen = {path: source}, {path}
    while todo:
        file, text = todo.popitem()
        for name in _imported(text, file):
            beside = check_beside(name, file.parent, str(file))
            if beside is not None and beside not in seen:
                seen.add(beside)
                todo[beside] = beside.read_bytes()


def check_beside(name: str, folder: Path, who: str) -> Path | None:
    """The file in a folder that a module's name stands for, or None if there is none.

    Args:
        name: of the module, without dots.
        folder: where it may lie.
        who: what imports it, as the message names it.

    Raises:
        ValueError: if there is one and the name would lead to another.
    """
    beside = _beside(name, folder)
    if beside is None:
        return None
    other = _found(name)
    if other != str(beside):
        raise ValueError(
            f"{who} would get the module {name!r} from {other}, not from {beside}: rename "
            f"{beside.parent.name + '/' if beside.name == '__init__.py' else beside.name}"
        )
    return beside


def _imported(source: bytes, path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source, str(path))):
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _beside(name: str, folder: Path) -> Path | None:
    for path in (folder / name / "__init__.py", folder / f"{name}.py"):
        if path.is_file():
            return path.resolve()
    return None


def _found(name: str) -> str:
    """What a name leads to: a file, or words for what is none."""
    loaded = sys.modules.get(name)
    if loaded is not None:
        origin = getattr(loaded, "__file__", None)
    else:
        spec = None if name in sys.builtin_module_names else PathFinder.find_spec(name)
        origin = None if spec is None else spec.origin
    if isinstance(origin, str) and Path(origin).is_file():
        return str(Path(origin).resolve())
    return "Python itself"
