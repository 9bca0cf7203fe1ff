"""The moment of the least validation loss: where early stopping would have stopped."""

from collections.abc import Mapping
from typing import Any

import torch

from surfeit.core import Params

_SPLITS = ("validation_", "test_")


class Best:
    """The row of metrics with the least validation loss so far, and the weights of that moment.

    Args:
        tensors: parameters and buffers by name, for shapes.
        keep: whether to keep a copy of the weights, for figures that were not measured then.
    """

    def __init__(self, tensors: Params, *, keep: bool) -> None:
        self.row: dict[str, Any] = {}
        self.tensors = {n: torch.empty_like(t) for n, t in tensors.items()} if keep else {}

    @property
    def step(self) -> int:
        """The step of the least validation loss."""
        return self.row["step"]

    def look(self, row: Mapping[str, Any], tensors: Params) -> None:
        """Takes a row of metrics, and its weights, if its validation loss is the least so far."""
        if self.row and not row["validation_loss"] < self.row["validation_loss"]:
            return
        measured = [name for name in row if name.startswith(_SPLITS)]
        self.row = {name: row[name] for name in ("step", *measured)}
        for name, value in self.tensors.items():
            value.copy_(tensors[name])

    def load_(self, row: Mapping[str, Any], tensors: Params) -> None:
        """Takes up what a checkpoint holds."""
        self.row = dict(row)
        for name, value in self.tensors.items():
            value.copy_(tensors[name])
