"""Images as files hold them, whole numbers in a byte, and how they become a data set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from surfeit.core import Split, digest
from surfeit.data.carving import drawn, drawn_by_class
from surfeit.data.dataset import Dataset, normalise_
from surfeit.data.fingerprint import fingerprint_of


@dataclass(frozen=True)
class Pixels:
    """Raw images and their labels, as decoded from a file.

    Args:
        images: uint8 [n, channels, height, width].
        labels: int64 [n].
    """

    images: UInt8[Tensor, "n channels height width"]
    labels: Int64[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.images)

    def select(self, index: Int64[Tensor, " chosen"]) -> "Pixels":
        """The chosen images with their labels."""
        return Pixels(self.images.index_select(0, index), self.labels.index_select(0, index))


def carve(pixels: Pixels, count: int, generator: torch.Generator) -> tuple[Pixels, Pixels]:
    """What remains, and `count` images drawn without replacement; both in their former order."""
    rest, chosen = drawn(len(pixels), count, generator)
    return pixels.select(rest), pixels.select(chosen)


def carve_by_class(
    pixels: Pixels, count: Callable[[int], int], generator: torch.Generator
) -> tuple[Pixels, Pixels]:
    """As `carve`, with `count(n)` images of each class of n."""
    rest, chosen = drawn_by_class(pixels.labels, count, generator)
    return pixels.select(rest), pixels.select(chosen)


def normalised(
    name: str,
    splits: dict[str, Pixels],
    *,
    mean: Sequence[float],
    std: Sequence[float],
    class_names: Sequence[str],
    white: int = 255,
) -> Dataset:
    """The data set of raw images: float32 `(raw / white - mean) / std`.

    The fingerprint is a sha256 over the bytes, labels and sizes of the splits and the constants;
    where the files lay and how they were packed does not enter.

    Args:
        splits: "train", "validation" and "test".
        mean, std: one a channel.
        white: the raw value that stands for 1.
    """
    tensors = {f"{key}.images": pixels.images for key, pixels in splits.items()}
    tensors |= {f"{key}.labels": pixels.labels for key, pixels in splits.items()}
    ready = {
        key: Split(
            normalise_(pixels.images.to(torch.float32).div_(white), mean=mean, std=std),
            pixels.labels,
        )
        for key, pixels in splits.items()
    }
    return Dataset(
        name=name,
        train=ready["train"],
        validation=ready["validation"],
        test=ready["test"],
        mean=tuple(mean),
        std=tuple(std),
        class_names=tuple(class_names),
        fingerprint=fingerprint_of(digest(tensors), list(mean), list(std), white),
    )
