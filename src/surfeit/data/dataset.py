"""A data set: three splits ready for a model, and what makes sense of them."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils import data as torch_data

from surfeit.core import Split, Task, describe_inputs

_SHA256 = re.compile("[0-9a-f]{64}")
_IGNORED = -100  # what others mark positions with that their loss leaves out


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Inputs and targets in three splits, ready for a model.

    Class names belong to classes; normalisation constants belong to images, which are
    `(raw - mean) / std` a channel. Elsewhere they are None.

    Args:
        name: what it is called; a derived data set names what was changed.
        train, validation, test: the splits; equal input shapes and dtypes, targets of one kind,
            labels in [0, classes).
        mean, std: one a channel, of raw values in [0, 1]; std > 0.
        class_names: one a class, in the order of the labels.
        fingerprint: sha256 (64 hex digits) of the content: equal fingerprints, equal data.

    Raises:
        ValueError: if a name is no text, the splits' shapes, dtypes or kinds of targets differ, a
            label is out of range, class names or constants are missing or out of place, or the
            fingerprint is no sha256.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    class_names: tuple[str, ...] | None = None
    fingerprint: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise ValueError(f"name must be a text, got {self.name!r:.100}")
        if not isinstance(self.fingerprint, str) or not _SHA256.fullmatch(self.fingerprint):
            raise ValueError(f"fingerprint must be 64 hex digits, got {self.fingerprint!r}")
        _check_constants(self.train, self.mean, self.std)
        for name, split in self.splits.items():
            _check_alike(name, split, self.train)
        _check_class_names(self.task, self.class_names)
        if self.task == "classes":
            for name, split in self.splits.items():
                _check_labels(name, split.targets, self.classes)

    def __repr__(self) -> str:
        counts = "/".join(str(len(split)) for split in self.splits.values())
        noun = "classes" if self.task == "classes" else "output" + "s" * (self.outputs > 1)
        places = "" if self.positions is None else f" at {self.positions} positions"
        what = describe_inputs(self.train)
        return f"Dataset({self.name}, {counts} {what}, {self.outputs} {noun}{places})"

    @property
    def splits(self) -> dict[str, Split]:
        """The splits by name, in the order train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def task(self) -> Task:
        """What is to be learned: "classes" or "regression"."""
        return self.train.task

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input, such as (channels, height, width) or (features,)."""
        return self.train.input_shape

    @property
    def outputs(self) -> int:
        """How many numbers a network must give for an example, or for each of its positions."""
        return self.classes if self.task == "classes" else self.train.targets.shape[1]

    @property
    def positions(self) -> int | None:
        """How many positions of an example have a class of their own; None if it has one class."""
        targets = self.train.targets
        return targets.shape[1] if self.task == "classes" and targets.dim() == 2 else None

    @property
    def classes(self) -> int:
        """How many classes there are.

        Raises:
            ValueError: if the targets are no classes.
        """
        if self.class_names is None:
            raise ValueError(
                f"{self.name} has no classes, its targets are real numbers [n, {self.outputs}]: "
                "this works on classes alone"
            )
        return len(self.class_names)

    @property
    def black(self) -> Float[Tensor, "channels 1 1"]:
        """What a raw 0 became, `-mean / std`: the padding that fits the images.

        Raises:
            ValueError: if the inputs are no images, or their normalisation is not known.
        """
        if self.mean is None or self.std is None:
            lack = (
                "its mean and std are not known: give them to from_tensors"
                if self.train.holds_images
                else f"its inputs are {describe_inputs(self.train)}, no images"
            )
            raise ValueError(f"{self.name} has no black: {lack}")
        images = self.train.images
        raw = torch.zeros(images.shape[1], 1, 1, dtype=images.dtype, device=images.device)
        return normalise_(raw, mean=self.mean, std=self.std)

    def to(self, device: torch.device | str) -> "Dataset":
        """The same data set with its tensors on `device`."""
        moved = {name: split.to(device) for name, split in self.splits.items()}
        return replace(self, **moved)


def check_dataset(value: object, name: str = "dataset") -> None:
    """Says what to pass where a split, a data set of torch's or something else is given for one.

    Args:
        name: what the argument is called, for the message.

    Raises:
        ValueError: if the value is no `Dataset`.
    """
    if isinstance(value, Dataset):
        return
    advice = ""
    if isinstance(value, Split):
        advice = ": pass the data set that it is a split of"
    elif isinstance(value, torch_data.Dataset | torch_data.DataLoader):
        advice = ': make one of it, from_dataset("mine", train=..., test=...)'
    elif isinstance(value, tuple | list | Tensor):
        advice = ': make one of them, from_tensors("mine", train=(inputs, targets), ...)'
    raise ValueError(
        f'{name} must be a Dataset such as load("digits"), got a {type(value).__name__}{advice}'
    )


def normalise_(
    raw: Float[Tensor, "*n channels height width"],
    *,
    mean: Sequence[float],
    std: Sequence[float],
) -> Float[Tensor, "*n channels height width"]:
    """`(raw - mean) / std` in place, a channel at a time; returns its argument."""
    for channel, (centre, scale) in enumerate(zip(mean, std, strict=True)):
        raw.select(-3, channel).sub_(centre).div_(scale)
    return raw


def _check_constants(
    train: Split, mean: Sequence[float] | None, std: Sequence[float] | None
) -> None:
    if mean is None and std is None:
        return
    if not train.holds_images:
        raise ValueError(
            "mean and std are those of images' channels, but the inputs are "
            f"{describe_inputs(train)}: leave them out"
        )
    channels, means, stds = train.inputs.shape[1], list(mean or ()), list(std or ())
    finite = all(map(math.isfinite, means + stds))
    if not finite or len(means) != channels or len(stds) != channels or not min(stds) > 0:
        raise ValueError(
            f"mean and std need one number for each of {channels} channels, all finite, and "
            f"std > 0, got mean {means} and std {stds}"
        )


def _check_alike(name: str, split: Split, train: Split) -> None:
    inputs, like = split.inputs, train.inputs
    if inputs.shape[1:] != like.shape[1:] or inputs.dtype != like.dtype:
        differs = inputs.dtype == like.dtype and inputs.dim() == like.dim() and inputs.dim() < 4
        raise ValueError(
            f"the splits' inputs must be alike: train holds {like.dtype} {list(like.shape[1:])}, "
            f"{name} {inputs.dtype} {list(inputs.shape[1:])}"
            + (": pad or cut sequences to one length" if differs else "")
        )
    targets, like = split.targets, train.targets
    if targets.shape[1:] != like.shape[1:] or targets.dtype != like.dtype:
        shape, other = (", ".join(["n", *map(str, of.shape[1:])]) for of in (like, targets))
        raise ValueError(
            f"the splits' targets must be alike: train holds {like.dtype} [{shape}], "
            f"{name} {targets.dtype} [{other}]"
        )


def _check_class_names(task: Task, class_names: tuple[str, ...] | None) -> None:
    if task == "classes" and class_names is None:
        raise ValueError("a data set of classes needs class_names, one a class")
    if not all(isinstance(name, str) for name in class_names or ()):
        raise ValueError(f"class_names must be texts, one a class, got {class_names!r:.100}")
    if task == "regression" and class_names is not None:
        raise ValueError(
            "class_names belong to classes, but the targets are floating point: leave them out, "
            "or pass targets.long() if they are classes"
        )


def _check_labels(name: str, labels: Tensor, classes: int) -> None:
    low, high = (int(bound) for bound in labels.aminmax())
    if low < 0 or high >= classes:
        ignored = f": {_IGNORED} is no mark here: give padding a class of its own"
        raise ValueError(
            f"labels must be in [0, {classes}), one a class name, "
            f"but those of the {name} split lie in [{low}, {high}]"
            + (ignored if low == _IGNORED else "")
        )
