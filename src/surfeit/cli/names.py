"""The names that users type, and what they stand for."""

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from surfeit.core import Objective
    from surfeit.data import Dataset
    from surfeit.prune import Criterion
    from surfeit.store import Run
    from surfeit.train import Recipe


def names_a_function(text: str) -> bool:
    """Whether a text is of the form `package.module:function` or `path/to/file.py:function`."""
    module, colon, function = text.rpartition(":")
    return bool(colon and module) and all(part.isidentifier() for part in function.split("."))


def network_of(text: str, **options: object) -> "nn.Module":
    """The network that a function of the user's own builds.

    Args:
        text: `package.module:function`, found here or among what is installed, or
            `path/to/file.py:function`. A class counts as a function that builds its objects.
        options: what the function gets if it takes an argument of that name: `input_shape`,
            `classes`, `generator`.

    Raises:
        ValueError: if there is no such module or function, it needs other arguments, fails, or
            builds no network.
    """
    from torch import nn

    if not names_a_function(text):
        raise ValueError(
            f"{text!r} names no function that builds a network: write package.module:function or "
            "path/to/file.py:function"
        )
    where, _, name = text.rpartition(":")
    with _importable(Path(where).parent if where.endswith(".py") else None):
        build = _attribute(_module(where), where, name)
        if isinstance(build, nn.Module):
            return build
        given = _accepted(build, text, options)
        try:
            network = build(**given)
        except Exception as error:  # whatever a foreign function may raise
            raise ValueError(f"{text} failed: {_told(error)}") from error
    if not isinstance(network, nn.Module):
        raise ValueError(
            f"{text} must return the network, a torch.nn.Module, and returned an object of type "
            f"{type(network).__name__}"
        )
    return network


def dataset_of(text: str) -> "Dataset":
    """The data set that a function of the user's own makes.

    Args:
        text: `package.module:function` or `path/to/file.py:function`, as in `network_of`.

    Raises:
        ValueError: if there is no such module or name, the function needs arguments, fails, or
            makes no data set.
    """
    from surfeit.data import Dataset

    where, _, name = text.rpartition(":")
    with _importable(Path(where).parent if where.endswith(".py") else None):
        make = _attribute(_module(where), where, name)
        given = _accepted(make, text, {})
        try:
            dataset = make(**given)
        except Exception as error:  # whatever a foreign function may raise
            raise ValueError(f"{text} failed: {_told(error)}") from error
    if not isinstance(dataset, Dataset):
        raise ValueError(
            f"{text} must return a surfeit.data.Dataset, such as surfeit.data.from_tensors makes, "
            f"and returned an object of type {type(dataset).__name__}"
        )
    return dataset


def objective_of(name: str | None, run: "Run", dataset: "Dataset") -> "Objective":
    """The objective of this name, or what a run is judged by where none is given.

    Raises:
        ValueError: if there is none of the name, or the run's own cannot be made again.
    """
    from surfeit.core import objective_named
    from surfeit.report.network import objective_of as own_of

    return own_of(run, dataset, None) if name is None else objective_named(name)


@contextmanager
def _importable(folder: Path | None) -> Iterator[None]:
    """Lets modules of this folder, and of a file's own, be imported, as `python` itself does."""
    added = [str(folder.resolve())] if folder is not None else []
    added.append(os.getcwd())
    before = list(sys.path)
    sys.path[:0] = added
    try:
        yield
    finally:
        sys.path[:] = before


def _module(where: str) -> ModuleType:
    try:
        if where.endswith(".py"):
            return _module_of_file(Path(where))
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{where}.".startswith(f"{error.name}."):
            raise ValueError(
                f"there is no module {error.name!r} in this folder or among what is installed: "
                "write package.module:function or path/to/file.py:function"
            ) from error
        raise ValueError(f"{where} cannot be imported: {_told(error)}") from error
    except ValueError as error:
        if not where.endswith(".py") or Path(where).is_file():
            raise ValueError(f"{where} cannot be imported: {_told(error)}") from error
        raise
    except Exception as error:  # whatever foreign code may raise when it is imported
        raise ValueError(f"{where} cannot be imported: {_told(error)}") from error


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(path.stem)
    sys.modules[path.stem] = module  # data classes look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        if before is not None:
            sys.modules[path.stem] = before
    return module


def _attribute(module: ModuleType, where: str, name: str) -> Any:
    from torch import nn

    from surfeit.core import unknown

    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise unknown("function", f"{where}:{part}", _functions(found, where))
        found = getattr(found, part)
    if not callable(found) and not isinstance(found, nn.Module):
        raise ValueError(f"{where}:{name} is no function, but of type {type(found).__name__}")
    return found


def _functions(found: Any, where: str) -> list[str]:
    """The functions to choose from; those that a module imported itself are not its own."""
    public = [name for name in vars(found) if not name.startswith("_")]
    functions = [name for name in public if callable(getattr(found, name))]
    own = [n for n in functions if getattr(getattr(found, n), "__module__", None) == found.__name__]
    return [f"{where}:{name}" for name in own or functions]


def _accepted(build: Callable[..., Any], text: str, options: dict[str, object]) -> dict[str, Any]:
    """Those of the options that a function takes by name; it must need nothing else."""
    try:
        parameters = inspect.signature(build).parameters.values()
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


def _told(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def criteria_of(names: Iterable[str]) -> "dict[str, Criterion]":
    """The criteria by the names that tables and figures show.

    Raises:
        ValueError: if there is none of a name; the nearest are suggested.
    """
    from surfeit.core import unknown
    from surfeit.prune import CRITERIA

    found = {}
    for name in names:
        key = name.replace("-", "_")
        if key not in CRITERIA:
            raise unknown("criterion", name, [known.replace("_", "-") for known in CRITERIA])
        found[key] = CRITERIA[key]
    return found


def published_recipe(model: str, data: str) -> "Recipe":
    """How tickets of a network were trained where they were published.

    A network without published tickets is trained as the report does, or as LeNet; on digits 2,000
    steps are enough.
    """
    from dataclasses import replace

    from surfeit.procedures.tickets import PUBLISHED
    from surfeit.train import REPORT_RECIPES

    if model in PUBLISHED:
        base = PUBLISHED[model].recipe
    else:
        base = REPORT_RECIPES.get(model, PUBLISHED["lenet-300-100"].recipe)
    return replace(base, steps=2_000) if data == "digits" else base
