"""Tensors that grow block by block, and what values of one's own become in them."""

import numpy as np
import torch
from torch import Tensor

from surfeit.core import lacks_memory

_FIRST_ROOM = 1024  # examples


class Column:
    """The inputs or the targets of a split while they are collected; shapes and dtypes must agree.

    Args:
        split: whose they are, for messages.
        noun: "input" or "target".
        room: how many there will be, if known: then nothing is ever moved.
    """

    def __init__(self, split: str, noun: str, *, room: int = 0) -> None:
        self._split, self._noun = split, noun
        self._room = room or _FIRST_ROOM
        self._rows: Tensor | None = None
        self.count = 0

    def add(self, block: Tensor) -> None:
        """Copies [b, ...] values behind those that are there.

        Raises:
            ValueError: if their shape or dtype is another than that of the values before, or there
                is no memory for them.
        """
        if self._rows is None:
            self._rows = self._made(block, max(self._room, len(block)))
        like = self._rows
        if block.shape[1:] != like.shape[1:] or block.dtype != like.dtype:
            raise ValueError(
                f"example {self.count} of the {self._split} split has an {self._noun} of "
                f"{block.dtype} {list(block.shape[1:])}, those before it of {like.dtype} "
                f"{list(like.shape[1:])}: give all one dtype and one shape (resize or crop images, "
                "pad or cut sequences)".replace("an target", "a target")
            )
        end = self.count + len(block)
        if end > len(self._rows):
            grown = self._made(block, max(end, 2 * len(self._rows)))
            grown[: self.count] = self._rows[: self.count]
            self._rows = grown
        self._rows[self.count : end] = block
        self.count = end

    def _made(self, like: Tensor, count: int) -> Tensor:
        try:
            return like.new_empty((count, *like.shape[1:]))
        except (RuntimeError, MemoryError) as error:
            if not lacks_memory(error):
                raise
            size = count * like[0].numel() * like.element_size() / 1e9
            raise ValueError(
                f"the {self._split} split's {count:,} {self._noun}s of {list(like.shape[1:])} take "
                f"{size:,.1f} GB, more memory than there is: give fewer or smaller ones"
            ) from error

    def whole(self) -> Tensor:
        """All values [count, ...], in memory of their own size."""
        assert self._rows is not None, "nothing was added"
        if len(self._rows) > self.count:
            self._rows = self._rows[: self.count].clone()
        return self._rows


def as_tensor(value: object, where: str) -> Tensor:
    """A value of an item as a tensor on the CPU: of a tensor, an array, a number or a list.

    Args:
        where: what it is, for messages, such as "the input of example 3 of the train split".

    Raises:
        ValueError: if it is none of these.
    """
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if type(value).__module__.split(".")[0] == "PIL":
        raise ValueError(
            f"{where} is a PIL image: add a transform that makes it a tensor, such as "
            "transform=lambda image: torch.from_numpy(numpy.array(image)).permute(2, 0, 1) / 255 "
            "or torchvision's ToTensor()"
        )
    if isinstance(value, np.ndarray | np.generic):
        array = np.ascontiguousarray(value).reshape(value.shape)
    elif isinstance(value, bool | int | float | list | tuple):
        array = _array(value, where)
    else:
        raise _no_tensor(value, where)
    try:
        return torch.tensor(array)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _no_tensor(value, where) from error


def _array(value: object, where: str) -> np.ndarray:
    """Numbers of Python's own; real ones in the precision that networks have."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _no_tensor(value, where) from error
    return array.astype(np.float32) if array.dtype == np.float64 else array


def _no_tensor(value: object, where: str) -> ValueError:
    return ValueError(
        f"{where} is a {type(value).__name__}, which does not become a tensor of numbers: give "
        "tensors, arrays or numbers"
    )
