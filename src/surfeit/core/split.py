"""A split: images and their labels, ready for a model."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from surfeit.core.parameters import check_tensor


@dataclass(frozen=True)
class Split:
    """Images and labels that belong together.

    Args:
        images: float32 [n, channels, height, width], normalised: what a model takes.
        labels: int64 [n], in [0, classes).

    Raises:
        ValueError: if there are no images, the counts or dtypes differ from the above.
    """

    images: Float[Tensor, "n channels height width"]
    labels: Int64[Tensor, " n"]

    def __post_init__(self) -> None:
        check_tensor("images", self.images)
        check_tensor("labels", self.labels)
        if self.images.dim() != 4 or not self.images.is_floating_point():
            shape, dtype = list(self.images.shape), self.images.dtype
            raise ValueError(
                f"images must be floating point [n, channels, height, width], got {dtype} {shape}"
            )
        if self.labels.dtype != torch.int64 or self.labels.dim() != 1:
            shape, dtype = list(self.labels.shape), self.labels.dtype
            raise ValueError(f"labels must be int64 [n], got {dtype} {shape}")
        if len(self.images) != len(self.labels) or len(self.images) == 0:
            raise ValueError(
                "a split needs as many labels as images and at least one of each, "
                f"got {len(self.images)} images and {len(self.labels)} labels"
            )

    def __repr__(self) -> str:
        return f"Split({len(self)} images of {'x'.join(map(str, self.images.shape[1:]))})"

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: slice | Tensor) -> "Split":
        """The chosen images with their labels: by slice, or by an index or bool tensor."""
        return Split(self.images[index], self.labels[index])

    def some(self, most: float, generator: torch.Generator) -> "Split":
        """At most so many images, drawn without replacement and kept in their order.

        Args:
            most: at least 1; with no more images than that, the split itself is returned.
            generator: a CPU generator.
        """
        if len(self) <= most:
            return self
        chosen = torch.randperm(len(self), generator=generator)[: int(most)].sort().values
        return self[chosen.to(self.labels.device)]

    def to(self, device: torch.device | str) -> "Split":
        """The same split with its tensors on `device`."""
        return Split(self.images.to(device), self.labels.to(device))
