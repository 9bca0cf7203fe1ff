"""A data set from torch's data sets and loaders: collected once into tensors."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import data as torch_data

from surfeit.core import Streams
from surfeit.data.carving import drawn
from surfeit.data.columns import Column
from surfeit.data.dataset import Dataset
from surfeit.data.download import Progress
from surfeit.data.own import from_tensors
from surfeit.data.reading import Blocks, blocks_of

Examples = torch_data.Dataset[Any] | torch_data.DataLoader[Any] | Iterable[Any]
"""What gives pairs (input, target): a map-style or iterable data set, a list, or a loader."""

_INTEGER = (torch.uint8, torch.int8, torch.int16, torch.int32)
_TELL_AFTER = 100  # examples


def from_dataset(
    name: str,
    *,
    train: Examples,
    validation: Examples | float = 0.1,
    test: Examples,
    class_names: Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    most: int = 1_000_000,
    progress: Progress | None = None,
) -> Dataset:
    """A data set of torch's `Dataset`s or `DataLoader`s, whose examples are read once, into memory.

    An item is a pair (input, target), of tensors, arrays or numbers; a loader gives batches of
    them. Targets are classes where they are integers, one or one a position, and regression where
    they are floating point; these get the inputs' precision (float32 beside integers). A loader
    that shuffles is read in its data set's own order, so that the fingerprint is the same each
    time; one with a sampler or batch sampler of your own is read as it comes, and one with
    `batch_size=None` example by example.

    >>> from_dataset("mine", train=train_set, test=DataLoader(test_set, batch_size=500))

    Args:
        train, test: a map-style data set (or a list of pairs), an iterable one, or a loader.
        validation: the same, or the fraction of the training examples that are drawn for it, in
            (0, 1), rounded down, at least one.
        class_names, mean, std: as for `from_tensors`.
        most: examples that a split may have; an iterable that goes on is refused there.
        progress: called with the split's name, the examples read and how many there are, if known.

    Raises:
        ValueError: if an item is no pair or cannot become a tensor, inputs differ in shape or
            dtype, a loader loses or repeats examples, items differ when read twice (a random
            transform), there are too many, or the tensors do not fit together.

    Cost: one reading of all examples; eight of each map-style data set twice.
    """
    streams = Streams(0)
    given = {"train": train, "validation": validation, "test": test}
    sources = {key: one for key, one in given.items() if not isinstance(one, int | float)}
    with torch.random.fork_rng([]):  # loaders draw from torch's global generator
        tensors = {
            key: _collected(key, blocks_of(source, key), most, progress)
            for key, source in sources.items()
        }
    if isinstance(validation, int | float):
        generator = streams.get("validation", name)
        tensors["train"], tensors["validation"] = _carved(tensors["train"], validation, generator)
    return from_tensors(name, **tensors, class_names=class_names, mean=mean, std=std)


def _collected(
    split: str, blocks: Blocks, most: int, progress: Progress | None
) -> tuple[Tensor, Tensor]:
    """Inputs and targets of all blocks."""
    tell = progress or (lambda name, done, total: None)
    room = blocks.total or 0
    inputs, targets = Column(split, "input", room=room), Column(split, "target", room=room)
    _check_count(split, room, most)
    told = 0
    tell(split, 0, blocks.total)
    for block, aims in blocks.pairs:
        _check_count(split, inputs.count + len(block), most)
        inputs.add(block)
        targets.add(aims)
        if inputs.count - told >= _TELL_AFTER:
            told = inputs.count
            tell(split, told, blocks.total)
    if not inputs.count:
        raise ValueError(f"the {split} split gives no examples")
    if told < inputs.count:
        tell(split, inputs.count, blocks.total)
    return inputs.whole(), _aims(targets.whole(), inputs.whole().dtype)


def _check_count(split: str, count: int, most: int) -> None:
    if count > most:
        raise ValueError(
            f"the {split} split has more than {most:,} examples: if it is endless, pass a part of "
            "it (itertools.islice); if not, a larger most="
        )


def _aims(targets: Tensor, like: torch.dtype) -> Tensor:
    """Targets as `Split` takes them, from what items and loaders make of labels and numbers."""
    if targets.is_floating_point():
        precise = targets.to(like if like.is_floating_point else torch.float32)
        return precise[:, None] if precise.dim() == 1 else precise
    if targets.dim() == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    return targets.long() if targets.dtype in _INTEGER else targets


def _carved(
    pair: tuple[Tensor, Tensor], fraction: float, generator: torch.Generator
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    total = len(pair[0])
    if isinstance(fraction, bool) or not 0 < fraction < 1:
        raise ValueError(
            "validation must be examples, or the fraction of the training examples to draw for it, "
            f"in (0, 1), got {fraction}"
        )
    if total < 2:
        raise ValueError("the train split has one example: none can be drawn for validation")
    rest, chosen = drawn(total, max(1, int(fraction * total)), generator)
    inputs, targets = pair
    return (inputs[rest], targets[rest]), (inputs[chosen], targets[chosen])
