"""Choosing among runs by what their summaries say: `model=lenet*`, `accuracy<0.9`, `size>100MB`."""

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

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
_UNITS = {"%": 0.01, "B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d)?)?)?)?)?")


def condition_of(terms: Iterable[str]) -> Condition:
    """What holds for a run if all terms hold; everything without one.

    A term is a field, one of `= != < <= > >=`, and a value. Texts may hold `*` and `?`, and capital
    letters count; of tags one must match. Numbers may end in `%` or `kB`, `MB`, `GB`; a time is as
    precise as it is given: `created=2026-01` is that month. What a run does not have fulfils `!=`
    alone; `name=` is one without a name.

    Raises:
        ValueError: if a term is none, or its field is not known; the nearest are suggested.
    """
    conditions = [_condition(term) for term in terms]
    return lambda run: all(holds(run) for holds in conditions)


def ordered(runs: Sequence["Summary"], field: str | None, *, reverse: bool) -> list["Summary"]:
    """The runs by a field, ascending, the oldest first among equals; those without it come first.

    Raises:
        ValueError: if there is no such field; the nearest are suggested.
    """
    found = list(runs)
    if field is not None:
        value = _value(_known(field))
        found.sort(key=lambda run: (value(run) not in (None, ""), value(run) or 0))
    return found[::-1] if reverse else found


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
    texts = _TEXTS[field]

    def matches(run: "Summary") -> bool:
        return any(fnmatchcase(text, value) for text in texts(run))

    return matches if sign == "=" else lambda run: not matches(run)


def _of_number(field: str, sign: str, value: str) -> Condition:
    parts = _NUMBER.fullmatch(value)
    if value and (parts is None or ("B" in (parts[2] or "")) > (field == "size")):
        units = ", also as 100MB or 1.5GB" if field == "size" else ""
        raise ValueError(f"{field} is a number{units}, got {value!r}")
    number = float(parts[1]) * _UNITS[parts[2] or "B"] if parts else None
    if number is None and sign not in ("=", "!="):
        raise ValueError(f"{field}{sign} compares with a number, and none is given")
    compare, read = _COMPARISONS[sign], _NUMBERS[field]

    def holds(run: "Summary") -> bool:
        there = read(run)
        if there is None or number is None:
            return compare(there, number) if sign in ("=", "!=") else False
        return compare(there, number)

    return holds


def _of_time(sign: str, value: str) -> Condition:
    if not _DATE.fullmatch(value):
        raise ValueError(f"created is a time such as 2026-01-31 or 2026-01-31T12:00, got {value!r}")
    when, compare = value.replace(" ", "T"), _COMPARISONS[sign]

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
    return lambda run: " ".join(texts(run))
