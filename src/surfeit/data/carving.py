"""Examples set apart from others by a draw."""

from collections.abc import Callable

import torch
from jaxtyping import Int64
from torch import Tensor

Indices = tuple[Int64[Tensor, " rest"], Int64[Tensor, " chosen"]]


def drawn(total: int, count: int, generator: torch.Generator) -> Indices:
    """What remains of `total` examples, and `count` drawn without replacement; both in order."""
    chosen = torch.zeros(total, dtype=torch.bool)
    chosen[torch.randperm(total, generator=generator)[:count]] = True
    return (~chosen).nonzero()[:, 0], chosen.nonzero()[:, 0]


def drawn_by_class(
    labels: Int64[Tensor, " n"], count: Callable[[int], int], generator: torch.Generator
) -> Indices:
    """As `drawn`, with `count(n)` examples of each class of n."""
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        members = (labels == label).nonzero()[:, 0]
        order = torch.randperm(len(members), generator=generator)
        chosen[members[order[: count(len(members))]]] = True
    return (~chosen).nonzero()[:, 0], chosen.nonzero()[:, 0]
