"""What a linear model can be made of, said before anything is computed."""

import math

import torch
from torch import Tensor

from surfeit.core import check_positive, check_size

__all__ = ["check_not_negative", "check_numbers", "check_positive", "check_size"]


def check_not_negative(name: str, value: float) -> None:
    """Says so if a variance, a squared norm or a penalty is below 0 or not finite."""
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} must be at least 0 and finite, got {value}")


def check_numbers(name: str, values: Tensor, shape: tuple[int | None, ...]) -> None:
    """Says so if a tensor has another shape, no entry, or one that is not real and finite.

    Args:
        name: in words, in the plural.
        values: the tensor.
        shape: its sizes; None where any but 0 will do.
    """
    fits = len(values.shape) == len(shape) and all(
        size > 0 if wanted is None else size == wanted
        for size, wanted in zip(values.shape, shape, strict=True)
    )
    if not fits:
        sizes = ", ".join("any" if one is None else str(one) for one in shape)
        raise ValueError(f"{name} must be of shape [{sizes}], got {list(values.shape)}")
    if values.is_complex() or not bool(torch.isfinite(values).all()):
        raise ValueError(f"{name} must be real and finite: some are not")
