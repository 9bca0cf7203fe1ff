"""The memory of a stack: tensors of several networks beside each other, one row a network."""

from collections.abc import Iterable, Mapping
from math import gcd

import torch
from torch import Tensor

from surfeit.core import Params
from surfeit.train.memory import Put

# Whatever is of a place begins at a cache line and is whole vectors long: no network is computed
# by other instructions than its neighbours, so that its place cannot be told from its bits.
_BYTES = 64


def aligned(rows: int, widths: Iterable[int], size: int) -> int:
    """The least number of rows, no fewer, of which each place's begin at a cache line.

    Args:
        rows: how many are needed.
        widths: numbers in a row, of each tensor [places, rows, width] that there will be.
        size: bytes of a number.
    """
    least = max(_BYTES // gcd(_BYTES, width * size) for width in widths)
    return -(-rows // least) * least


class StackMemory:
    """Tensors [places, ...] by name, each place the memory of one training.

    Args:
        places: how many networks there is room for.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._rows: Params = {}
        self._shapes: dict[str, torch.Size] = {}

    def put_at(self, place: int) -> Put:
        """What gives a training the memory of its place."""

        def put(name: str, value: Tensor) -> Tensor:
            if name not in self._rows:
                self._make(name, value)
            return self.of(name)[place].copy_(value)

        return put

    def put_among(self, first: int, end: int) -> Put:
        """What gives the rows of several places at once, with what they hold."""

        def put(name: str, value: Tensor) -> Tensor:
            del value
            return self.row(name)[first:end]

        return put

    def of(self, name: str) -> Tensor:
        """A tensor of all places, [places, ...]; contiguous if rows have no room at their end."""
        rows, shape = self._rows[name], self._shapes[name]
        return rows[:, : shape.numel()].view(self.places, *shape)

    def row(self, name: str) -> Tensor:
        """The same with the room at the rows' ends, [places, numbers]; contiguous."""
        return self._rows[name]

    def names(self, prefix: str) -> list[str]:
        """The names that begin so, without it."""
        return [name.removeprefix(prefix) for name in self._rows if name.startswith(prefix)]

    def taken_out(self, place: int) -> Params:
        """Copies of all that lies at a place."""
        return {name: rows[place].clone() for name, rows in self._rows.items()}

    def put_back(self, place: int, rows: Mapping[str, Tensor]) -> None:
        """Puts what was taken out of a place there again."""
        for name, row in rows.items():
            self._rows[name][place] = row

    def clear(self, place: int) -> None:
        """Makes a place a network of zeros, which costs what any costs and disturbs none."""
        for rows in self._rows.values():
            rows[place] = 0

    def _make(self, name: str, value: Tensor) -> None:
        numbers = max(_BYTES // value.element_size(), 1)
        length = max(-(-value.numel() // numbers), 1) * numbers
        self._rows[name] = value.new_zeros(self.places, length)
        self._shapes[name] = value.shape
