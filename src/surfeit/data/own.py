"""A data set of one's own tensors."""

import math
from collections.abc import Mapping, Sequence, Sized
from typing import cast

from torch import Tensor
from torch.utils import data as torch_data

from surfeit.core import Split, digest
from surfeit.data.dataset import Dataset
from surfeit.data.fingerprint import fingerprint_of, named_tensors

_MOST_CLASSES = 1_000_000
_MOST_TIMES = 1 << 12  # an expanded tensor may be this much larger than its memory,
_SMALL_BYTES = 1 << 20  # which counts as no less than this


def from_tensors(
    name: str,
    *,
    train: Split | tuple[Tensor, Tensor],
    validation: Split | tuple[Tensor, Tensor],
    test: Split | tuple[Tensor, Tensor],
    class_names: Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Dataset:
    """A data set of your own tensors, taken as they are.

    The fingerprint covers inputs, targets, their division into splits and the constants.

    >>> from_tensors("mine", train=(x, y), validation=(x_held, y_held), test=(x_test, y_test))

    Args:
        name: what it is called, not empty.
        train, validation, test: each a `Split` or a pair of inputs [n, ...] and targets: int64 [n]
            or [n, positions] for classes, floating point [n, outputs] for regression (see
            `Split`).
        class_names: one a class, at most a million; by default "0", "1", ... up to the largest
            label. Of classes only.
        mean, std: the constants that images *were* normalised with, one a channel, so that
            `black` is right; by default 0 and 1: raw values. Of images only.

    Raises:
        ValueError: if the name is empty, the tensors do not fit together (see `Split`, `Dataset`),
            a number is not finite, a label is negative or a million or more, an expanded tensor
            stands for more than 4,096 times its memory, or class names or constants are given where
            there are none.

    Cost: two passes over the data.
    """
    _check_name(name)
    given = {"train": train, "validation": validation, "test": test}
    splits = {key: _split(key, one) for key, one in given.items()}
    for key, split in splits.items():
        _check_memory(key, split)
        _check_finite(key, split)
    first = splits["train"]
    channels = first.inputs.shape[1] if first.holds_images else 0
    means = _constants(mean, 0.0, channels)
    stds = _constants(std, 1.0, channels)
    names = None if class_names is None else _named(class_names)
    if names is None and first.task == "classes":
        names = _numbered(splits)
    constants = () if means is None else (means, stds)
    return Dataset(
        name=name,
        train=first,
        validation=splits["validation"],
        test=splits["test"],
        mean=means,
        std=stds,
        class_names=names,
        fingerprint=fingerprint_of(digest(named_tensors(splits)), *constants),
    )


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(
            f'name must be a text that is not empty, such as "mine", got {name!r:.100}'
        )


def _split(key: str, given: object) -> Split:
    if isinstance(given, Split):
        return given
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise ValueError(
            f"the {key} split must be a Split or a pair (inputs, targets), "
            f"got a {type(given).__name__}{_advice(key, given)}"
        )
    try:
        return Split(*given)
    except ValueError as error:
        raise ValueError(f"the {key} split: {error}") from error


def _advice(key: str, given: object) -> str:
    if isinstance(given, Dataset):
        return f": pass one of its splits, such as data.{key}"
    if isinstance(given, torch_data.TensorDataset) and len(given.tensors) == 2:
        return ": pass its tensors, dataset.tensors, or use from_dataset"
    if isinstance(given, torch_data.Dataset | torch_data.DataLoader):
        return ": use from_dataset, which reads it"
    return ""


def _check_memory(key: str, split: Split) -> None:
    """Refuses what an expanded tensor claims and no machine has: 48 GB out of four bytes."""
    for noun, values in {"inputs": split.inputs, "targets": split.targets}.items():
        size = values.numel() * values.element_size()
        if size > _MOST_TIMES * max(values.untyped_storage().nbytes(), _SMALL_BYTES):
            raise ValueError(
                f"the {key} split's {noun} {list(values.shape)} take {size / 1e9:,.1f} GB written "
                f"out, but hold {values.untyped_storage().nbytes():,} bytes: they are expanded far "
                "beyond what a data set can repeat; pass tensors that hold each example"
            )


def _check_finite(key: str, split: Split) -> None:
    nouns = {"images" if split.holds_images else "inputs": split.inputs, "targets": split.targets}
    for noun, values in nouns.items():
        if values.is_floating_point() and not values.isfinite().all():
            raise ValueError(f"{noun} must be finite, but the {key} split holds NaN or infinity")


def _constants(
    given: Sequence[float] | None, default: float, channels: int
) -> tuple[float, ...] | None:
    if given is None:
        return (default,) * channels if channels else None
    try:
        values = tuple(float(value) for value in given)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"mean and std must be numbers, one for each channel, got {given!r:.100}"
        ) from error
    if not all(math.isfinite(value) for value in values):
        raise ValueError(f"mean and std must be finite, got {list(values)}")
    return values


def _named(given: object) -> tuple[str, ...]:
    if isinstance(given, str | bytes) or not isinstance(given, Sized) or len(given) > _MOST_CLASSES:
        raise ValueError(
            f"class_names must be a list of texts, one a class, at most {_MOST_CLASSES:,}, got "
            f"{given!r:.100}"
        )
    return tuple(cast(Sequence[str], given))


def _numbered(splits: Mapping[str, Split]) -> tuple[str, ...]:
    """A name for each class up to the largest label."""
    largest = max(int(split.targets.max()) for split in splits.values())
    if not 0 <= largest < _MOST_CLASSES:
        raise ValueError(
            f"the largest label is {largest}: labels count classes, 0, 1, ..., at most "
            f"{_MOST_CLASSES:,} of them; number them anew "
            "(torch.unique(labels, return_inverse=True))"
        )
    return tuple(str(label) for label in range(largest + 1))
