"""Lengths and angles of all parameters together, as one vector."""

from collections.abc import Iterable

import torch
from torch import Tensor

from surfeit.core import Params


def norm(values: Params | Iterable[Tensor]) -> float:
    """`‖v‖` over all entries, summed up in float64."""
    parts = values.values() if isinstance(values, dict) else values
    squares = [torch.linalg.vector_norm(part, dtype=torch.float64).square() for part in parts]
    return float(torch.stack(squares).sum().sqrt()) if squares else 0.0


def difference(one: Params, other: Params) -> Params:
    """`one − other`, by name."""
    return {name: value - other[name] for name, value in one.items()}


def cosine(one: Params, other: Params) -> float | None:
    """`⟨u, v⟩ / (‖u‖ ‖v‖)` in [−1, 1]; None where one of them is zero."""
    lengths = norm(one) * norm(other)
    if not lengths:
        return None
    inner = sum(
        torch.dot(value.flatten().double(), other[name].flatten().double()).item()
        for name, value in one.items()
    )
    return max(-1.0, min(1.0, inner / lengths))
