"""Numbers that have to lie in a range, said before anything is computed."""

import math


def check_size(name: str, value: int, least: int = 1) -> None:
    """Says so if a number of things is no whole number of at least `least`.

    Raises:
        ValueError: then.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")


def check_positive(name: str, value: float) -> None:
    """Says so if a number is not above 0 and finite.

    Raises:
        ValueError: then.
    """
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be above 0 and finite, got {value}")
