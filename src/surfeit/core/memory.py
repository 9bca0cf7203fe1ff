"""Where tensors lie in memory: which are over the same numbers, and which share some."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy


class Span(NamedTuple):
    """The bytes in which a tensor's numbers lie: [begin, end) of a space of addresses."""

    name: str
    value: Tensor
    space: str
    begin: int
    end: int

    @classmethod
    def of(cls, name: str, value: Tensor) -> "Span | None":
        """The span of a tensor called `name`; None if it has no numbers in memory."""
        memory = memory_of(value)
        if memory is None:
            return None
        item = value.element_size()
        pairs = zip(value.shape, value.stride(), strict=True)
        length = item * (1 + sum((size - 1) * stride for size, stride in pairs))
        space, begin = str(value.device), value.data_ptr()
        if begin == 0:  # the meta device has storages, but no addresses
            space = f"{space} {memory}"
            begin = int(value.storage_offset()) * item
        return cls(name, value, space, begin, begin + length)

    def meets(self, other: "Span") -> bool:
        """Whether any byte is in both; slices of one tensor may still lie side by side."""
        return self.space == other.space and self.begin < other.end and other.begin < self.end


def memory_of(value: Tensor) -> int | None:
    """What tells apart the stretches of memory that tensors are views of; None if it has none."""
    if is_lazy(value) or value.layout != torch.strided or value.numel() == 0:
        return None
    storage = value.untyped_storage()
    return storage.data_ptr() or storage._cdata  # the meta device has no addresses


def share_memory(one: Tensor, other: Tensor) -> bool:
    """Whether any number of one tensor is a number of the other."""
    first, second = Span.of("", one), Span.of("", other)
    return (
        first is not None and second is not None and first.meets(second) and overlap(first, second)
    )


def layout(span: Span) -> tuple[object, ...]:
    """Equal for tensors over the same numbers: where they begin, and steps between them."""
    runs: list[tuple[int, int]] = []
    for size, stride in (pair for pair in _by_memory(span.value) if pair[0] != 1):
        if runs and runs[-1][1] == size * stride:  # the axis outside goes on where this one ends
            size *= runs.pop()[0]
        runs.append((size, stride))
    return span.space, span.begin, span.value.dtype, *runs


def _by_memory(value: Tensor) -> list[tuple[int, int]]:
    return [(value.shape[axis], value.stride(axis)) for axis in axes_by_stride(value)]


def axes_by_stride(value: Tensor) -> tuple[int, ...]:
    """The axes from the one with the longest stride to that with the shortest."""
    return tuple(sorted(range(value.dim()), key=value.stride, reverse=True))


def overlap(one: Span, other: Span) -> bool:
    """Whether two tensors whose spans meet share a number: slices of one may lie side by side."""
    if one.value.dtype != other.value.dtype:
        return True
    begin, item = min(one.begin, other.begin), one.value.element_size()
    marks = torch.zeros((max(one.end, other.end) - begin) // item, dtype=torch.bool)
    first, second = (
        marks.as_strided(span.value.shape, span.value.stride(), (span.begin - begin) // item)
        for span in (one, other)
    )
    first.fill_(True)
    return bool(second.any())
