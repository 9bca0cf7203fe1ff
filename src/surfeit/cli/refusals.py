"""A command that is not understood: what is wrong with it, in one sentence."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

from cyclopts import CycloptsError
from cyclopts.exceptions import (
    CoercionError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
    ValidationError,
)

_KINDS = {float: "a number", int: "a whole number", bool: "true or false"}


def sentence(error: CycloptsError) -> str:
    """What is wrong with a command, what was given, and where to look.

    Args:
        error: as the parser raises it.
    """
    command = " ".join(("surfeit", *(error.command_chain or ())))
    fault = _fault(error, command)
    return f"{fault}{' ' if fault.endswith('?') else '; '}'{command} --help' tells more"


def _fault(error: CycloptsError, command: str) -> str:
    if isinstance(error, UnknownCommandError):
        return _unknown("command", (error.unused_tokens or [""])[0], "", _commands(error))
    if isinstance(error, UnknownOptionError):
        given = (error.token.keyword or error.token.value).partition("=")[0]
        return _unknown("flag", given, f" of '{command}'", _flags(error))
    if isinstance(error, UnusedCliTokensError):
        given = (error.unused_tokens or [""])[0]
        return _unknown("word", given, f" after '{command}'", _words(error))
    if isinstance(error, RepeatArgumentError):
        return f"{error.token.keyword} is given more than once"
    if isinstance(error, MissingArgumentError):
        return _missing(error, command)
    if isinstance(error, CoercionError):
        return _value(error)
    if isinstance(error, ValidationError) and error.argument is not None:
        return f"{error.argument.name} {error.exception_message}"
    return "".join(c if c.isprintable() else " " for c in str(error)).strip().rstrip(".")


def _unknown(kind: str, given: str, where: str, known: Iterable[str]) -> str:
    return f"unknown {kind} {given!r}{where}{_hint(given, known)}"


def _hint(given: str, known: Iterable[str]) -> str:
    near = get_close_matches(given, list(known), n=1, cutoff=0.6)
    return f": did you mean {near[0]!r}?" if near else ""


def _missing(error: MissingArgumentError, command: str) -> str:
    assert error.argument is not None
    name = error.argument.name
    given = error.keyword or next((token.keyword for token in error.argument.tokens), None)
    if given:
        return f"{given} needs a value"
    what = name.lstrip("-").upper() if error.argument.field_info.is_positional else name
    mistyped = get_close_matches(name, error.unused_tokens or [], n=1, cutoff=0.6)
    return f"'{command}' needs {what}" + (f", and {mistyped[0]!r} is unknown" if mistyped else "")


def _value(error: CoercionError) -> str:
    name = _name(error)
    if error.msg is not None:  # a converter's own words
        return f"{name} {error.msg}"
    given = "" if error.token is None else f", got {error.token.value!r}"
    target: Any = error.target_type
    if get_origin(target) is not Literal:
        return f"{name} must be {_KINDS.get(target, 'another kind of value')}{given}"
    choices = [str(choice) for choice in get_args(target)]
    hint = _hint(error.token.value, choices) if error.token else ""
    return f"{name} must be one of {', '.join(choices)}{given}{hint}"


def _name(error: CoercionError) -> str:
    if error.token is not None and error.token.keyword:
        return error.token.keyword
    return "" if error.argument is None else error.argument.name.lstrip("-").upper()


def _flags(error: UnknownOptionError) -> list[str]:
    known = [name for argument in error.argument_collection for name in argument.names]
    return [*known, "--help", "--version"]


def _commands(error: CycloptsError) -> list[str]:
    return [] if error.app is None else [name for name in error.app if not name.startswith("-")]


def _words(error: UnusedCliTokensError) -> list[str]:
    """What could have been meant: a group's commands, or a flag without its dashes."""
    arguments = () if error.app is None else error.app.assemble_argument_collection()
    flags = [name for argument in arguments for name in argument.names if name.startswith("--")]
    return _commands(error) + flags
