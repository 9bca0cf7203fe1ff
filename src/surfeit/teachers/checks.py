"""What a student and its teacher can be, said before anything is computed."""

import math

from torch import Tensor

from surfeit.core import check_positive, check_size

__all__ = [
    "check_noise",
    "check_positive",
    "check_rate",
    "check_shape",
    "check_size",
    "check_wide_enough",
]


def check_rate(rate: float) -> None:
    """Says so if a rate is not above 0 and finite."""
    if not 0 < rate < math.inf:
        raise ValueError(f"rate must be above 0 and finite, got {rate}: without it nothing learns")


def check_noise(noise: float) -> None:
    """Says so if the noise, a standard deviation, is below 0 or not finite."""
    if not 0 <= noise < math.inf:
        raise ValueError(f"noise must be a standard deviation, at least 0 and finite, got {noise}")


def check_shape(name: str, values: Tensor, shape: tuple[int, ...]) -> None:
    """Says so if a tensor has another shape."""
    if tuple(values.shape) != shape:
        raise ValueError(f"{name} must be of shape {list(shape)}, got {list(values.shape)}")


def check_wide_enough(units: int, teacher: int) -> None:
    """Says so if a student that is to hold its teacher is narrower."""
    if units < teacher:
        raise ValueError(
            f"a student must have at least its teacher's {teacher} units to be equal to it, got "
            f"{units}"
        )
