"""What a measuring function may give, checked where it gives it.

A row is a dict by column. Its values are texts, numbers, truth values and None, or lists and dicts
of them; NumPy's numbers become Python's. None says that nothing was measured, and nothing else
does: a NaN may as well be a fault, such as the mean of nothing, so it is refused. Infinity is a
number here; a verdict counts it as missing.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from surfeit.core.own_code import place_of_function
from surfeit.execute.work import Measurement


def rows_of(function: Callable[..., Any], given: Any) -> Iterator[dict[str, Any]]:
    """The rows that a function gave, as JSON has them.

    Args:
        function: for messages.
        given: what it returned, as a rule a generator.

    Raises:
        ValueError: if they are no rows, or hold what they may not.
        Exception: whatever the function raises.
    """
    who = _who(function)
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise ValueError(
            f"{who} must yield rows, dicts by column, and returned {_told(given)}: write "
            'yield {"column": value}'
        )
    for row in given:
        if not isinstance(row, Mapping):
            raise ValueError(f"{who} must yield rows, dicts by column, got {row!r:.100}")
        yield {_text(who, name): _plain(value, who, name) for name, value in row.items()}


def check_call(one: Measurement) -> None:
    """Checks that a measurement's function takes what it will be called with.

    Raises:
        ValueError: if it does not: what it takes, and what it would be given.
    """
    given = [f"run {n + 1}" if len(one.runs) > 1 else "a run" for n in range(len(one.runs))]
    given += [] if one.dataset is None else ["a data set"]
    try:
        signature = inspect.signature(one.function)
    except (TypeError, ValueError):  # some built-in functions tell nothing
        return
    try:
        signature.bind(*given, **one.arguments)
    except TypeError as error:
        takes, words = ", ".join(signature.parameters), ", ".join([*given, *one.arguments])
        raise ValueError(
            f"{_who(one.function)} takes ({takes}), and would be called with ({words}): {error}"
        ) from error


def _plain(value: Any, who: str, column: str) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        raise ValueError(
            f"a row of {who} holds NaN in {column!r}: give None where nothing was measured, and "
            "look where it comes from where something was"
        )
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain(one, who, column) for one in value]
    if isinstance(value, Mapping):
        return {_text(who, name): _plain(one, who, column) for name, one in value.items()}
    raise ValueError(
        f"a row of {who} holds an object of type {type(value).__name__} in {column!r}: give "
        "numbers, texts, None and lists of them, such as tensor.item()"
    )


def _text(who: str, name: Any) -> str:
    if not isinstance(name, str):
        raise ValueError(f"a row of {who} has the name {name!r}: columns are named by texts")
    return name


def _told(given: Any) -> str:
    return "None" if given is None else f"an object of type {type(given).__name__}"


def _who(function: Callable[..., Any]) -> str:
    """The function and, of a user's own, where it stands."""
    name, place = getattr(function, "__qualname__", repr(function)), place_of_function(function)
    return f"{name} ({place})" if place else name
