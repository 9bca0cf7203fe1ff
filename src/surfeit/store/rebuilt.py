"""A run's network from its description, no larger than what is stored of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from surfeit.core import StoreError, lacks_memory
from surfeit.models import rebuild
from surfeit.store.record import DISCARD

_MOST_COPIES = 16  # of a weight, while a network whose weights are tied is built
_FREE_WEIGHTS = 1 << 20
# What torch's constructors raise where options are not theirs, beside a ValueError in words.
_UNBUILDABLE = (LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError)


def rebuilt(architecture: dict[str, Any], tensors: Mapping[str, Tensor], path: Path) -> nn.Module:
    """The network as described, once it is known to be no larger than what is stored of it.

    Args:
        architecture: of the record.
        tensors: of a snapshot.
        path: of the run, for messages.

    Raises:
        ValueError: if parts are described that cannot be built.
        StoreError: if the description is damaged.
    """
    try:
        with torch.device("meta"):
            sketch = rebuild(architecture)
        weights = sum(value.numel() for value in [*sketch.parameters(), *sketch.buffers()])
        stored = sum(value.numel() for value in tensors.values())
        if weights > _MOST_COPIES * stored + _FREE_WEIGHTS:
            raise TypeError(f"it has {weights:,} weights where {stored:,} are stored")
        return rebuild(architecture)
    except _UNBUILDABLE as error:
        if lacks_memory(error):
            raise
        raise StoreError(
            f"{path}/run.json is damaged: its architecture describes no network that this version "
            f"of surfeit can build ({error!r}). {DISCARD}"
        ) from error
