"""A data set: three splits ready for a model, and the constants that made them so."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import Split, digest


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Images and labels in three splits, already normalised: `(raw - mean) / std` a channel.

    Args:
        name: what it is called; a derived data set names what was changed.
        train, validation, test: the splits; equal image shapes and dtypes, labels in [0, classes).
        mean, std: one a channel, of raw values in [0, 1]; std > 0.
        class_names: one a class, in the order of the labels.
        fingerprint: sha256 (64 hex digits) of the content: equal fingerprints, equal data.

    Raises:
        ValueError: if the splits' shapes or dtypes differ, a label is out of range, the constants
            do not fit the channels, or the fingerprint is no sha256.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    mean: tuple[float, ...]
    std: tuple[float, ...]
    class_names: tuple[str, ...]
    fingerprint: str

    def __post_init__(self) -> None:
        _check_constants(self.mean, self.std, channels=self.train.images.shape[1])
        if len(self.fingerprint) != 64 or set(self.fingerprint) - set("0123456789abcdef"):
            raise ValueError(f"fingerprint must be 64 hex digits, got {self.fingerprint!r}")
        for name, split in self.splits.items():
            _check_alike(name, split.images, self.train.images)
            low, high = (int(bound) for bound in split.labels.aminmax())
            if low < 0 or high >= self.classes:
                raise ValueError(
                    f"labels must be in [0, {self.classes}), one a class name, "
                    f"but those of the {name} split lie in [{low}, {high}]"
                )

    def __repr__(self) -> str:
        counts = "/".join(str(len(split)) for split in self.splits.values())
        sides = "x".join(map(str, self.input_shape))
        return f"Dataset({self.name}, {counts} images of {sides}, {self.classes} classes)"

    @property
    def splits(self) -> dict[str, Split]:
        """The splits by name, in the order train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image."""
        _, channels, height, width = self.train.images.shape
        return channels, height, width

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def black(self) -> Float[Tensor, "channels 1 1"]:
        """What a raw 0 became, `-mean / std`: the padding that fits the images."""
        images = self.train.images
        raw = torch.zeros(images.shape[1], 1, 1, dtype=images.dtype, device=images.device)
        return normalise_(raw, mean=self.mean, std=self.std)

    def to(self, device: torch.device | str) -> "Dataset":
        """The same data set with its tensors on `device`."""
        moved = {name: split.to(device) for name, split in self.splits.items()}
        return replace(self, **moved)


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

    The fingerprint covers images, labels, their division into splits and the constants.

    >>> from_tensors("mine", train=(x, y), validation=(x_held, y_held), test=(x_test, y_test))

    Args:
        train, validation, test: each a `Split` or a pair of images, floating point
            [n, channels, height, width], and labels, int64 [n].
        class_names: one a class; by default "0", "1", ... up to the largest label.
        mean, std: the constants that the images *were* normalised with, one a channel, so that
            `black` is right; by default 0 and 1: raw values.

    Raises:
        ValueError: if the tensors do not fit together (see `Split`, `Dataset`) or an image holds
            a number that is not finite.

    Cost: two passes over the images.
    """
    given = {"train": train, "validation": validation, "test": test}
    splits = {key: one if isinstance(one, Split) else Split(*one) for key, one in given.items()}
    for key, split in splits.items():
        if not split.images.isfinite().all():
            raise ValueError(f"images must be finite, but the {key} split holds NaN or infinity")
    channels = splits["train"].images.shape[1]
    largest = max(int(split.labels.max()) for split in splits.values())
    means = tuple(float(value) for value in ([0.0] * channels if mean is None else mean))
    stds = tuple(float(value) for value in ([1.0] * channels if std is None else std))
    names = [str(label) for label in range(largest + 1)] if class_names is None else class_names
    tensors = {f"{key}.images": split.images for key, split in splits.items()}
    tensors |= {f"{key}.labels": split.labels for key, split in splits.items()}
    return Dataset(
        name=name,
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        mean=means,
        std=stds,
        class_names=tuple(names),
        fingerprint=fingerprint_of(digest(tensors), means, stds),
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


def fingerprint_of(*parts: object) -> str:
    """sha256 (hex) over the canonical JSON of `parts`: digests, numbers, names, lists of them."""
    text = json.dumps(parts, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _check_constants(mean: Sequence[float], std: Sequence[float], *, channels: int) -> None:
    if len(mean) != channels or len(std) != channels or not min(std) > 0:
        raise ValueError(
            f"mean and std need one number for each of {channels} channels and std > 0, "
            f"got mean {list(mean)} and std {list(std)}"
        )


def _check_alike(name: str, images: Tensor, like: Tensor) -> None:
    if images.shape[1:] != like.shape[1:] or images.dtype != like.dtype:
        raise ValueError(
            f"the splits' images must be alike: train holds {like.dtype} {list(like.shape[1:])}, "
            f"{name} {images.dtype} {list(images.shape[1:])}"
        )
