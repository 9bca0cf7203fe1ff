"""Code of the user's own by name: `package.module:function` or `path/to/file.py:function`."""

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from surfeit.core.beside import check_beside, check_imports
from surfeit.core.errors import unknown
from surfeit.core.own_code import told, told_with_place

SOURCE = "__source__"
"""Under this name a module that was imported by its path keeps its text, as bytes."""


def named_object(text: str, *, anew: bool = False) -> Any:
    """What a name stands for: a function, a class or another value of a module.

    Args:
        text: `package.module:name`, found in this folder or among what is installed, or
            `path/to/file.py:name`; the name may have dots.
        anew: whether a file is executed once more, and its functions and classes are new ones: so
            that random numbers drawn by its top level are the same each time.

    Raises:
        ValueError: if there is no such module, it cannot be imported, or it has no such name; the
            nearest are suggested.
    """
    where, _, name = text.rpartition(":")
    with importable_from(where):
        found: Any = _module(where, anew)
        for part in name.split("."):
            if not hasattr(found, part):
                if not where.endswith(".py"):
                    check_beside(where.partition(".")[0], Path.cwd(), text)
                raise unknown("function", f"{where}:{part}", _functions(found, where))
            found = getattr(found, part)
        return found


def reference(value: Any) -> str:
    """The name by which another process finds a function or a class: see `named_object`.

    >>> reference(surfeit.models.lenet_300_100)
    'surfeit.models.networks:lenet_300_100'

    Raises:
        ValueError: if it has none: it is a lambda, stands within a function or in the script that
            is being run, or is no function or class.
    """
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        raise ValueError(
            f"an object of type {type(value).__name__} has no name that another process could "
            "import: pass a function of a module"
        )
    if "<" in name:
        kind = "is a lambda" if name.endswith("<lambda>") else "is defined within a function"
        raise ValueError(
            f"{module}.{name} {kind}, which another process cannot import: define it at the top "
            "level of a module"
        )
    if module == "__main__":
        raise ValueError(
            f"{name} is defined in the script itself, which other processes do not import: move it "
            "into a module"
        )
    holder = sys.modules.get(module)
    found: Any = holder
    for part in name.split("."):
        found = getattr(found, part, None)
    if holder is None or found is not value:
        raise ValueError(
            f"{module}.{name} is not what its module has under that name, so another process "
            "would import something else: define it at the top level of a module"
        )
    return f"{_place(holder)}:{name}"


def absolute(text: str) -> str:
    """A name as `named_object` takes it, a file by its whole path: so it holds in any folder."""
    where, _, name = text.rpartition(":")
    return f"{os.path.abspath(where)}:{name}" if where.endswith(".py") else text


@contextmanager
def importable_from(where: str) -> Iterator[None]:
    """Lets modules of this folder, and of a file's own, be imported.

    They come after what is installed, unlike with `python FILE`: a `statistics.py` in a folder is
    nothing to the library's own imports, which may happen at any time.
    """
    before = list(sys.path)
    if where.endswith(".py"):
        add_folder(Path(where).parent)
    add_folder(Path.cwd())
    try:
        yield
    finally:
        sys.path[:] = before


def add_folder(folder: Path) -> None:
    """Lets modules of a folder be imported from here on, after what is installed."""
    text = str(folder.resolve())
    if text not in sys.path:
        sys.path.append(text)


def module_of_file(path: Path, *, anew: bool = False) -> ModuleType:
    """A file as a module, imported once as long as its text is the same.

    A class of it is then one class, whichever function of the file made an object of it. It goes by
    the file's name or, where another module has that, by `name@folder`.

    Args:
        path: of the file.
        anew: as of `named_object`.

    Raises:
        ValueError: if there is no such file, or it imports a module that lies beside it and would
            come from elsewhere.
        Exception: whatever the file raises.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    path = path.resolve()
    source = path.read_bytes()
    names = (path.stem, f"{path.stem}@{path.parent}")
    for name in () if anew else names:
        if _file(sys.modules.get(name)) == path and _source(sys.modules[name]) == source:
            return sys.modules[name]
    taken = sys.modules.get(path.stem)
    free = taken is None or _file(taken) == path
    with importable_from(str(path)):
        check_imports(path, source)
        return _executed(names[0] if free or anew else names[1], path, source, keep=not anew)


def _file(module: ModuleType | None) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if isinstance(file, str) else None


def _source(module: ModuleType) -> bytes | None:
    return getattr(module, SOURCE, None)


def code_path() -> list[str]:
    """The folders that this process imports from, so that another can import the same."""
    return [os.path.abspath(entry) for entry in sys.path if isinstance(entry, str)]


def call_named(text: str, function: Any, **options: object) -> Any:
    """What a function of the user's own returns; it may import what lies beside it.

    Args:
        text: its name, see `named_object`.
        function: what the name stands for.
        options: what it gets if it takes an argument of that name.

    Raises:
        ValueError: if it is no function, needs other arguments, or fails.
    """
    if not callable(function):
        raise ValueError(f"{text} is no function, but of type {type(function).__name__}")
    given = _accepted(function, text, options)
    with importable_from(text.rpartition(":")[0]):
        try:
            return function(**given)
        except Exception as error:  # whatever a foreign function may raise
            raise ValueError(f"{text} failed: {told(error)}") from error


def _accepted(function: Callable[..., Any], text: str, options: Mapping[str, Any]) -> dict:
    """Those of the options that a function takes by name; it must need nothing else."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # built-in functions may tell nothing
        return {}
    usual = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = {one.name for one in parameters if one.kind in usual}
    needed = {
        one.name
        for one in parameters
        if one.default is one.empty
        and one.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    }
    missing = sorted(needed - options.keys())
    if missing:
        raise ValueError(
            f"{text} needs {', '.join(map(repr, missing))}, which nobody can give it here: it may "
            f"take {', '.join(options) or 'no arguments'}; name a function that takes no more"
        )
    return {name: value for name, value in options.items() if name in named}


def _place(module: ModuleType) -> str:
    """A module's name or, where its name leads to another file or to none, its own file."""
    name, origin = module.__name__, getattr(module.__spec__, "origin", None)
    if "." in name and name.partition(".")[0] in sys.modules:
        return name
    file = os.path.abspath(origin) if origin is not None and origin.endswith(".py") else None
    if file is not None and _source(module) is not None:
        return file
    spec = PathFinder.find_spec(name, [*sys.path, os.getcwd()])
    same = spec is not None and (origin is None or spec.origin == origin)
    return name if same or file is None else file


def _module(where: str, anew: bool) -> ModuleType:
    try:
        if where.endswith(".py"):
            return module_of_file(Path(where), anew=anew)
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{where}.".startswith(f"{error.name}."):
            raise ValueError(
                f"there is no module {error.name!r} in this folder or among what is installed: "
                "write package.module:function or path/to/file.py:function"
            ) from error
        raise ValueError(f"{where} cannot be imported: {told_with_place(error)}") from error
    except ValueError as error:
        if not where.endswith(".py") or Path(where).is_file():
            raise ValueError(f"{where} cannot be imported: {told_with_place(error)}") from error
        raise
    except Exception as error:  # whatever foreign code may raise when it is imported
        raise ValueError(f"{where} cannot be imported: {told_with_place(error)}") from error


def _executed(name: str, path: Path, source: bytes, *, keep: bool) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    # Its text is compiled here, so that what runs is what the text says, whatever the cache has.
    setattr(module, SOURCE, source)
    before = sys.modules.get(name)
    sys.modules[name] = module  # data classes look their module up
    done = False
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
        done = True
    finally:
        if not done or (before is not None and not keep):
            sys.modules.pop(name, None)
            if before is not None:
                sys.modules[name] = before
    return module


def _functions(found: Any, where: str) -> list[str]:
    """The functions to choose from; those that a module imported itself are not its own."""
    public = [name for name in vars(found) if not name.startswith("_")]
    functions = [name for name in public if callable(getattr(found, name))]
    own = [n for n in functions if getattr(getattr(found, n), "__module__", None) == found.__name__]
    return [f"{where}:{name}" for name in own or functions]
