"""Where the tensors of a training lie: each in memory of its own, or in a stack with others'."""

from collections.abc import Callable

import torch
from torch import Tensor

Put = Callable[[str, Tensor], Tensor]
"""`put(name, value)`: memory that holds the value and may be changed; names are unlike."""


def own_memory(name: str, value: Tensor) -> Tensor:
    """Memory of its own, contiguous: fused updates read weights and gradients as they lie."""
    del name
    return value.clone(memory_format=torch.contiguous_format)
