"""What the options of scores may be: minibatches, temperatures, dampings."""

import math

from surfeit.core import Objective, binary_cross_entropy, cross_entropy

MINIBATCH = 10


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
