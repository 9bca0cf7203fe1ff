"""Where the images of a training lie in memory."""

from collections.abc import Mapping

import torch

from surfeit.core import Split

_ALIGNMENT = 64  # bytes: where torch puts its own tensors


def placed(splits: Mapping[str, Split], dtype: torch.dtype) -> dict[str, Split]:
    """The splits in a precision, and where torch itself would put what is measured whole.

    Products over images at odd addresses, as views and mapped files have them, add up in another
    order, and losses would differ in their last bits. Training images are gathered batch by batch,
    wherever they lie.
    """
    return {
        name: Split(_aligned(split.images.to(dtype), name), split.labels)
        for name, split in splits.items()
    }


def _aligned(images: torch.Tensor, name: str) -> torch.Tensor:
    return images if name == "train" or images.data_ptr() % _ALIGNMENT == 0 else images.clone()
