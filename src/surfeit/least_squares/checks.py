"""What a linear model can be made of, said before anything is computed."""

import math


def check_size(name: str, value: int, least: int = 1) -> None:
    """Says so if a number of features, examples or draws is no whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")


def check_not_negative(name: str, value: float) -> None:
    """Says so if a variance, a squared norm or a penalty is below 0 or not finite."""
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} must be at least 0 and finite, got {value}")


def check_positive(name: str, value: float) -> None:
    """Says so if a ratio or a squared norm is not above 0 and finite."""
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be above 0 and finite, got {value}")
