"""The options of scores and criteria: which there are, and what each may be.

An option is an argument of a score's function that has a name and a default. What is checked here
by name is checked alike for every score that has it.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, get_args

from surfeit.core import Objective, binary_cross_entropy, cross_entropy, unknown

Option = float | str
"""What an option may hold."""

Mode = Literal["training", "evaluation"]
"""Which statistics batch normalisations use: those of each batch, or those that they keep."""

MINIBATCH = 10


def options_of(score: Callable[..., object]) -> dict[str, Option | None]:
    """A score's options and their defaults: its arguments that must be given by name.

    >>> options_of(SCORES["grasp"])
    {'temperature': 1.0, 'mode': None}
    """
    parameters = inspect.signature(score).parameters.values()
    return {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}


def check_options(name: str, score: Callable[..., object], options: Mapping[str, Option]) -> None:
    """Says before anything is computed which options a score would refuse.

    Args:
        name: of the score, for the message.
        score: its function.
        options: by name.

    Raises:
        ValueError: if it has no such option (the nearest are suggested), or one is out of range.
    """
    known = options_of(score)
    for option, value in options.items():
        if option not in known:
            if not known:
                raise ValueError(f"the score {name} has no options, got {option}={value!r}")
            raise unknown(f"option of {name}", option, known)
        if option in OPTIONS:
            OPTIONS[option](value)


def check_mode(mode: object) -> None:
    """Says so if there is no such mode.

    Raises:
        ValueError: the nearest are suggested.
    """
    if mode not in get_args(Mode):
        raise unknown("mode", str(mode), get_args(Mode))


def check_minibatch(minibatch: object) -> None:
    """Says so if a minibatch is no number of examples.

    Raises:
        ValueError: if it is no integer >= 1.
    """
    if isinstance(minibatch, bool) or not isinstance(minibatch, int) or minibatch < 1:
        raise ValueError(
            "minibatch must be an integer >= 1, the examples whose mean loss is differentiated at "
            f"once, got {minibatch!r}"
        )


def check_damping(damping: object) -> None:
    """Says so if a damping is no number > 0.

    Raises:
        ValueError: if it is not.
    """
    if isinstance(damping, bool) or not isinstance(damping, int | float) or not damping > 0:
        raise ValueError(f"damping must be > 0, got {damping!r}")


def check_temperature(temperature: object, objective: Objective | None = None) -> None:
    """Says so if outputs cannot be divided by a temperature before they are judged.

    Args:
        temperature: the number.
        objective: what judges them, if it is known.

    Raises:
        ValueError: if it is no finite number > 0, or not 1 and the objective judges no logits.
    """
    if (
        isinstance(temperature, bool)
        or not isinstance(temperature, int | float)
        or not 0 < temperature < math.inf
    ):
        raise ValueError(f"temperature must be finite and > 0, got {temperature!r}")
    if objective is None or objective in (cross_entropy, binary_cross_entropy) or temperature == 1:
        return
    raise ValueError(
        "a temperature divides the logits of cross_entropy and binary_cross_entropy, and "
        f"{objective.name} judges none: leave it at 1, got {temperature}"
    )


OPTIONS: Mapping[str, Callable[[object], None]] = MappingProxyType(
    {
        "damping": check_damping,
        "minibatch": check_minibatch,
        "mode": check_mode,
        "temperature": check_temperature,
    }
)
"""What checks the value of an option, by its name."""
