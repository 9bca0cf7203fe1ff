"""Studies by name: those of the library, which are the files of a folder, and a user's own."""

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from surfeit.core import unknown
from surfeit.core.beside import check_beside
from surfeit.core.importing import add_folder, module_of_file
from surfeit.core.own_code import place_of, told_with_place

if TYPE_CHECKING:
    from surfeit.lab.study import Study

_LIBRARY = "surfeit.studies"


def study_names() -> list[str]:
    """The names of the library's studies, from their files' names: none is imported."""
    spec = importlib.util.find_spec(_LIBRARY)
    assert spec is not None
    folders = spec.submodule_search_locations
    return sorted(one.name for one in pkgutil.iter_modules(folders) if not one.name.startswith("_"))


def library_studies() -> "list[Study]":
    """All studies of the library, by name.

    Raises:
        ValueError: if a file among them is none.
    """
    return [study_named(name) for name in study_names()]


def study_named(text: str | Path) -> "Study":
    """The study of this name, in this file or in this module.

    A file is imported by its path, by workers too, and under its own name. What lies beside it can
    be imported, after what is installed.

    Args:
        text: `distance_from_start`, `./mine.py` or `package.module`.

    Raises:
        ValueError: if there is none, the nearest are suggested, or a file of that name; it cannot
            be imported; or it is no study, see `study_of`.
    """
    target = str(text)
    file, module = target.endswith(".py") or "/" in target, "." in target
    if not (file or module or target in study_names()):
        if Path(f"{target}.py").is_file():
            raise ValueError(f"the library has no study {target!r}: did you mean ./{target}.py?")
        raise unknown("study", target, study_names())
    if module and not file and Path(target).is_file():
        raise ValueError(f"{target} is no Python file: give the study's file, such as ./mine.py")
    from surfeit.lab.protocol import study_of

    if file:
        return _own(study_of(_from_file(Path(target)), target=target))
    if target in study_names():
        return study_of(importlib.import_module(f"{_LIBRARY}.{target}"))
    return _own(study_of(_imported(target), target=target))


def _own(study: "Study") -> "Study":
    """A study from elsewhere, whose results must not stand among those of the library's."""
    if study.name in study_names() and study.digest != study_named(study.name).digest:
        raise ValueError(
            f"the library has a study {study.name} of its own: rename yours, such as "
            f"my_{study.name}.py"
        )
    return study


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"there is no file {path}: give the study's file, such as ./mine.py")
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise ValueError(
            f"{path} cannot be imported: a study's file is named like a variable and ends with "
            ".py, such as my_study.py"
        )
    _check_free(path)
    with _import_errors(path):
        module = module_of_file(path)
    add_folder(path.parent)  # what it imports later, it finds too
    return module


def _check_free(path: Path) -> None:
    """Says so if a worker that imports the file's name would get another module."""
    there = sys.modules.get(path.stem)
    file = getattr(there, "__file__", None)
    same = file is not None and Path(file).resolve() == path.resolve()
    if path.stem in sys.stdlib_module_names or (there is not None and not same):
        where = f", {file}" if file is not None else ""
        raise ValueError(
            f"{path} cannot be imported: there is another module {path.stem!r}{where}; rename the "
            f"file, such as my_{path.stem}.py"
        )


def _imported(name: str) -> ModuleType:
    add_folder(Path.cwd())
    try:
        check_beside(name.partition(".")[0], Path.cwd(), f"{name} in this folder")
        with _import_errors(name):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"there is no module {error.name!r} in this folder or among what is installed: give a "
            f"study's name ({', '.join(study_names())}), its file or its module"
        ) from error


@contextmanager
def _import_errors(what: object) -> Iterator[None]:
    """Says what a foreign file raises when it is imported; what it prints goes to stderr."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except ModuleNotFoundError as error:
        if error.name is not None and f"{what}.".startswith(f"{error.name}."):
            raise
        place = place_of(error)
        at = f" ({place})" if place else ""
        raise ValueError(f"{what} cannot be imported: {error}{at}") from error
    except (Exception, SystemExit) as error:
        if isinstance(error, ValueError) and not place_of(error):
            raise  # a sentence of the library's
        words = f"{told_with_place(error)}{_remedy(error)}"
        raise ValueError(f"{what} cannot be imported: {words}") from error


def _remedy(error: BaseException) -> str:
    """What to write, where that is known."""
    from surfeit.lab.protocol import EXAMPLES

    if isinstance(error, NameError) and error.name in EXAMPLES:
        return f"; write `{EXAMPLES[error.name]}` above"
    if isinstance(error, ValueError) and str(error).startswith("mutable default"):
        return ", or rather write a tuple: a Config must not change"  # as dataclasses say it
    return ""
