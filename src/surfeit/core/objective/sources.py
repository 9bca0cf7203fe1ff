"""A digest of a function's source and of all that it reads, so that a run's key can hold it."""

import dis
import hashlib
import inspect
import json
import textwrap
from collections.abc import Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import torch

_PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype)
_NAMED = (BuiltinFunctionType, FunctionType, type)
_REMEDY = "write it as a function of a module, def loss(outputs, targets): ..."


def qualified_name(function: object) -> str:
    """`module.name` of a function.

    Raises:
        ValueError: if it is no plain function, is a lambda, or captures variables.
    """
    if not isinstance(function, FunctionType):
        kind = type(function).__name__
        raise ValueError(
            f"an objective's function must be a plain function, got a {kind}: {_REMEDY}"
        )
    name = f"{function.__module__}.{function.__qualname__}"
    if function.__name__ == "<lambda>":
        raise ValueError(f"a lambda has no name and no source of its own: {_REMEDY}")
    if function.__closure__:
        captured = ", ".join(function.__code__.co_freevars)
        raise ValueError(
            f"{name} captures {captured}, whose value its source does not say: {_REMEDY}, with "
            "what it needs as constants in it"
        )
    return name


def source_digest(function: object) -> str:
    """sha256 (hex) over a function's source, the constants it reads, and its package's functions.

    Raises:
        ValueError: as `qualified_name`, or if the source cannot be read, or a global value that is
            read is no constant.
    """
    qualified_name(function)
    assert isinstance(function, FunctionType)
    parts = _parts(function, {})
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _parts(function: FunctionType, parts: dict[str, Any]) -> dict[str, Any]:
    """Source and constants by qualified name, of the function and of those that it calls."""
    name = qualified_name(function)
    if name in parts:
        return parts
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError) as error:
        raise ValueError(
            f"the source of {name} cannot be read, so no key can stand for it: {_REMEDY}, in a file"
        ) from error
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    reads = dict(_reads(function)) | {f"default {i}": value for i, value in enumerate(defaults)}
    parts[name] = {"source": source}
    parts[name] |= {key: _form(value, f"{name} reads {key}") for key, value in reads.items()}
    of_package = [value for value in reads.values() if _package(value) == _package(function)]
    for value in of_package:
        if isinstance(value, type):
            raise ValueError(
                f"{name} uses the class {value.__name__}, whose code no key can stand for: use "
                "functions and torch's own operations"
            )
        if isinstance(value, FunctionType):
            _parts(value, parts)
    return parts


def _reads(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The global values that a function's code reads, by name; built-in ones are Python's own."""
    for name in sorted(set(_globals_of(function.__code__))):
        if name in function.__globals__:
            yield name, function.__globals__[name]


def _globals_of(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_of(constant)


def _form(value: Any, words: str) -> Any:
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, tuple | list):
        return [_form(item, words) for item in value]
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, _NAMED):
        return f"{value.__module__}.{value.__qualname__}"
    raise ValueError(
        f"{words}, a {type(value).__name__}, which no key can stand for: write numbers, texts and "
        "tuples of them into the module, or compute it within the function"
    )


def _package(value: object) -> str:
    return str(getattr(value, "__module__", "")).partition(".")[0]
