"""The pairs that a data set or a loader of torch's gives, block by block."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import data as torch_data

from surfeit.core import Split
from surfeit.data.columns import as_tensor
from surfeit.data.dataset import Dataset
from surfeit.data.loaders import batches, collates_itself, in_order, is_batched, length

_READ_TWICE = 8  # examples

Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Blocks:
    """Inputs [b, ...] and targets [b, ...], block by block, and how many there are, if known."""

    pairs: Iterator[Pair]
    total: int | None


def blocks_of(source: Any, split: str) -> Blocks:
    """The examples of a map-style or iterable data set, or of a loader.

    Args:
        split: whose they are, for messages.

    Raises:
        ValueError: if it is none of these, or a loader that loses examples; while being read, if
            an item is no pair or cannot become tensors.
    """
    if isinstance(source, Split | Tensor | tuple):
        raise ValueError(
            f"the {split} split is a {type(source).__name__}: tensors are for from_tensors, a data "
            "set, a list of pairs or a loader for from_dataset"
        )
    if isinstance(source, Dataset):
        raise ValueError(
            f"the {split} split is a Dataset of three splits already: use it as it is, or pass its "
            "splits to from_tensors"
        )
    if isinstance(source, torch_data.DataLoader):
        loader, total = in_order(source, split)
        return Blocks(_of_loader(loader, split, total), total)
    if isinstance(source, torch_data.Dataset) and not (_is_map_style(source) or _iterates(source)):
        raise ValueError(
            f"the {split} split's {type(source).__name__} says neither how many examples it has "
            "nor gives them one by one: write its __len__"
        )
    if isinstance(source, Mapping) or not (_is_map_style(source) or _iterates(source)):
        raise ValueError(
            f"the {split} split must be a torch Dataset or DataLoader, or give pairs "
            f"(input, target) one by one, got a {type(source).__name__}"
        )
    return Blocks(_of_items(source, split), length(source))


def _of_items(source: Any, split: str) -> Iterator[Pair]:
    mapped = _is_map_style(source)
    if mapped:
        _check_repeatable(source, split)
    items = (source[index] for index in range(len(source))) if mapped else iter(source)
    for number, item in enumerate(items):
        inputs, targets = _parsed(item, f"example {number} of the {split} split")
        yield inputs[None], targets[None]


def _of_loader(loader: Any, split: str, total: int | None) -> Iterator[Pair]:
    mapped = _is_map_style(loader.dataset)
    if mapped and collates_itself(loader):
        _check_repeatable(loader.dataset, split)
    count = 0
    for batch in batches(loader, split):
        where = f"the batch from example {count} on of the {split} split"
        inputs, targets = _parsed(batch, where)
        if not is_batched(loader):
            inputs, targets = inputs[None], targets[None]
        if inputs.dim() == 0 or targets.dim() == 0 or len(inputs) != len(targets):
            raise ValueError(
                f"{where} must hold as many targets as inputs, got inputs {list(inputs.shape)} "
                f"and targets {list(targets.shape)}"
            )
        count += len(inputs)
        yield inputs, targets
    if mapped and count != total:
        raise ValueError(
            f"the {split} split's loader gave {count} examples of {total}: its sampler leaves some "
            "out or repeats them; pass the data set itself, or torch.utils.data.Subset(...) of it"
        )


def _parsed(item: object, where: str) -> Pair:
    if not isinstance(item, tuple | list) or len(item) != 2:
        kind = type(item).__name__
        found = f"{kind} of {len(item)}" if isinstance(item, tuple | list | dict) else kind
        raise ValueError(
            f"{where} must be a pair (input, target), got a {found}: wrap the data set in one that "
            "returns the two"
        )
    inputs, targets = item
    return as_tensor(inputs, f"the input of {where}"), as_tensor(targets, f"the target of {where}")


def _is_map_style(source: Any) -> bool:
    if isinstance(source, torch_data.IterableDataset):
        return False
    return hasattr(source, "__getitem__") and length(source) is not None


def _iterates(source: Any) -> bool:
    return hasattr(source, "__iter__")


def _check_repeatable(dataset: Any, split: str) -> None:
    """A random transform would be drawn once and for all, and give other data each time."""
    for index in range(min(_READ_TWICE, len(dataset))):
        where = f"example {index} of the {split} split"
        first, again = _parsed(dataset[index], where), _parsed(dataset[index], where)
        if not all(_equal(*both) for both in zip(first, again, strict=True)):
            raise ValueError(
                f"{where} is another when it is read again, and examples are collected once: leave "
                "random transforms out (a recipe has augmentation of its own)"
            )


def _equal(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)
