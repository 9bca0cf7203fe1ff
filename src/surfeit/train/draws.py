"""Torch's global generators, lent to what can draw from nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from surfeit.models import describe, is_rebuildable

_DRAWING = (_DropoutNd, nn.RReLU, nn.RNNBase, nn.MultiheadAttention)


def may_draw(model: nn.Module) -> bool:
    """Whether a forward pass may draw random numbers: dropout does, foreign code might."""
    foreign = not is_rebuildable(describe(model))
    return foreign or any(isinstance(part, _DRAWING) for part in model.modules())


@contextmanager
def lent_seed(seed: int, device: torch.device) -> Iterator[None]:
    """Sets the global generators to a seed, and back to where they were afterwards."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
