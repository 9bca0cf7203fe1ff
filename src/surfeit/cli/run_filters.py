"""Choosing among runs by what their summaries say: `model=lenet*`, `accuracy<0.9`, `size>100MB`."""

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from surfeit.store import Summary

Condition = Callable[["Summary"], bool]

_TEXTS: dict[str, Callable[["Summary"], list[str]]] = {
    "key": lambda run: [run.key],
    "name": lambda run: [run.name],
    "tag": lambda run: list(run.tags) or [""],
    "state": lambda run: [run.state],
    "model": lambda run: [run.model],
    "data": lambda run: [run.data],
    "role": lambda run: [run.role, run.arm],
    "arm": lambda run: [run.arm],
}
_NUMBERS: dict[str, Callable[["Summary"], float | None]] = {
    "seed": lambda run: run.seed,
    "steps": lambda run: run.steps,
    "epochs": lambda run: run.epochs,
    "accuracy": lambda run: run.test_accuracy,
    "level": lambda run: run.level,
    "density": lambda run: run.density,
    "size": lambda run: run.size,
    "snapshots": lambda run: run.snapshots,
}
_FRACTIONS = {"accuracy": "98%", "density": "20%"}
_OTHER_NAMES = {"status": "state", "tags": "tag", "test_accuracy": "accuracy", "date": "created"}
FIELDS = (*_TEXTS, *_NUMBERS, "created")

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TERM = re.compile(r"\s*([A-Za-z_]+)\s*(!=|<=|>=|==|=|<|>)(.*)", re.DOTALL)
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(%|[kKMGT]?B)?")
_UNITS = {"B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d)?)?)?)?)?", re.ASCII)
_FIRST_TIME = "0001-01-01T00:00:00"


def condition_of(terms: Iterable[str]) -> Condition:
    """What holds for a run if all terms hold; everything without one.

    A term is a field, one of `= != < <= > >=`, and a value. Texts may hold `*` and `?`, and capital
    letters count; of tags one must match. Accuracies and densities are fractions or end in `%`,
    sizes may end in `kB`, `MB`, `GB`; a time is as precise as it is given: `created=2026-01` is
    that month. What a run does not have fulfils `!=` alone; `name=` is one without a name.

    Raises:
        ValueError: if a term is none, its value is none that its field can have, or its field or
            state is not known; the nearest are suggested.
    """
    conditions = [_condition(term) for term in terms]
    return lambda run: all(holds(run) for holds in conditions)


def ordered(runs: Sequence["Summary"], field: str | None, *, reverse: bool) -> list["Summary"]:
    """The runs by a field, ascending, the oldest first among equals.

    Those without it come first in either direction, so that the end of the list, which a limit
    keeps, is of runs that have it.

    Raises:
        ValueError: if there is no such field; the nearest are suggested.
    """
    having, without = list(runs), []
    if field is not None:
        value = _value(_known(field))
        without = [run for run in runs if value(run) in (None, "")]
        having = sorted((run for run in runs if value(run) not in (None, "")), key=value)
    return without + (having[::-1] if reverse else having)


def _condition(term: str) -> Condition:
    parts = _TERM.fullmatch(term)
    if parts is None:
        raise ValueError(
            f"the filter {term!r} is not understood: give FIELD=VALUE such as model=lenet*, "
            "'accuracy<0.9' or 'size>100MB' (quoted, for the shell)"
        )
    name, sign, value = parts[1], parts[2].replace("==", "="), parts[3].strip()
    field = _known(name)
    if field in _NUMBERS:
        return _of_number(field, sign, value)
    if field == "created":
        return _of_time(sign, value)
    if sign not in ("=", "!="):
        raise ValueError(f"{field} is a text: only = and != compare it, got {term!r}")
    if field == "state":
        _check_state(value)
    texts = _TEXTS[field]

    def matches(run: "Summary") -> bool:
        return any(fnmatchcase(text, value) for text in texts(run))

    return matches if sign == "=" else lambda run: not matches(run)


def _of_number(field: str, sign: str, value: str) -> Condition:
    number = _number(field, value) if value else None
    if number is None and sign not in ("=", "!="):
        raise ValueError(f"{field}{sign} compares with a number, and none is given")
    compare, read = _COMPARISONS[sign], _NUMBERS[field]

    def holds(run: "Summary") -> bool:
        there = read(run)
        if there is None or number is None:
            return compare(there, number) if sign in ("=", "!=") else False
        return compare(there, number)

    return holds


def _number(field: str, value: str) -> float:
    parts = _NUMBER.fullmatch(value)
    unit = (parts[2] or "") if parts else ""
    allowed = {"", "%"} if field in _FRACTIONS else {"", *_UNITS} if field == "size" else {""}
    if parts is None or unit not in allowed:
        units = ", also as 100MB or 1.5GB" if field == "size" else ""
        raise ValueError(f"{field} is a number{units}, got {value!r}")
    number = float(parts[1])
    number = number / 100 if unit == "%" else number * _UNITS[unit or "B"]
    if field in _FRACTIONS and not 0 <= number <= 1:
        raise ValueError(
            f"{field} is a fraction in [0, 1] or a percentage such as {_FRACTIONS[field]}, "
            f"got {value!r}"
        )
    return number


def _check_state(value: str) -> None:
    from surfeit.core import unknown
    from surfeit.store.summary import State

    if not {"*", "?"} & {*value} and value not in get_args(State):
        raise unknown("state of a run", value, get_args(State))


def _of_time(sign: str, value: str) -> Condition:
    if not _DATE.fullmatch(value):
        raise ValueError(f"created is a time such as 2026-01-31 or 2026-01-31T12:00, got {value!r}")
    when, compare = value.replace(" ", "T"), _COMPARISONS[sign]
    try:
        datetime.fromisoformat(when + _FIRST_TIME[len(when) :])
    except ValueError as error:
        raise ValueError(f"created is a time, and there is none such as {value!r}") from error

    def holds(run: "Summary") -> bool:
        if not run.created:
            return sign == "!="
        return compare(run.created[: len(when)], when)

    return holds


def _known(name: str) -> str:
    from surfeit.core import unknown

    field = _OTHER_NAMES.get(name.lower(), name.lower())
    if field not in FIELDS:
        raise unknown("field of a run", name, FIELDS)
    return field


def _value(field: str) -> Callable[["Summary"], Any]:
    if field in _NUMBERS:
        return _NUMBERS[field]
    if field == "created":
        return lambda run: run.created
    texts = _TEXTS[field]
    return lambda run: " ".join(filter(None, texts(run)))
