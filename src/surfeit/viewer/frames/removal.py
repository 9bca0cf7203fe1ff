"""The orders in which criteria remove a layer's units and, with images, what that costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import Split, layers
from surfeit.prune import CRITERIA, removal_curve, removal_order
from surfeit.viewer.wire import encode

SHOWN = ("magnitude", "frame_potential", "inner_product")
_CONVOLUTION_IMAGES = 256


@dataclass(frozen=True, kw_only=True, eq=False)
class RemovalFrame:
    """Removal orders, the least important unit first; the names are those of the page.

    Args:
        units: of the layer.
        images: that accuracies are measured on; 0 without any.
        orders: by criterion, uint16 [units].
        accuracies: by criterion, float32 [units + 1]: the fraction classified correctly after 0,
            1, 2, ... removals; empty without images.
        note: why there are no accuracies, a sentence, or None.
    """

    units: int
    images: int
    orders: dict[str, np.ndarray]
    accuracies: dict[str, np.ndarray]
    note: str | None

    def packed(self) -> bytes:
        """The frame in the bytes that `surfeit.viewer.wire` describes."""
        names = list(self.orders)
        header = {
            "units": self.units,
            "images": self.images,
            "split": "validation",
            "note": self.note,
            "criteria": names,
        }
        arrays = {f"order_{i}": self.orders[name] for i, name in enumerate(names)}
        arrays |= {
            f"accuracy_{i}": self.accuracies[name]
            for i, name in enumerate(names)
            if name in self.accuracies
        }
        return encode(header, arrays)


def removal_frame(
    weight: Float[Tensor, "units *inputs"],
    *,
    model: nn.Module | None = None,
    layer: str = "",
    images: Split | None = None,
    note: str | None = None,
    criteria: Sequence[str] = SHOWN,
) -> RemovalFrame:
    """Orders by each criterion and, given a model with images, accuracy after each removal.

    A network that is no chain of modules around the layer has no accuracies and a note that says
    so. Of a convolution's images only the first 256 are taken.

    Args:
        weight: the layer's weight.
        model: the network it is part of.
        layer: its dotted name there.
        images: to measure on.
        note: why there is no model or there are no images.
        criteria: names in `surfeit.prune.CRITERIA` that need no generator.

    Raises:
        ValueError: if a weight is not finite.

    Cost: 0.4 s for 300 units and 1,000 images on one core.
    """
    orders = {name: removal_order(weight, CRITERIA[name]) for name in criteria}
    accuracies: dict[str, np.ndarray] = {}
    if model is not None and images is not None:
        if layers(model)[layer].weight.dim() > 2:
            images = images[:_CONVOLUTION_IMAGES]
        try:
            accuracies = {
                name: _curve(model, layer, order, images) for name, order in orders.items()
            }
        except ValueError as error:
            note = f"no accuracies: {error}"
    return RemovalFrame(
        units=len(weight),
        images=len(images) if images is not None and accuracies else 0,
        orders={name: order.numpy().astype(np.uint16) for name, order in orders.items()},
        accuracies=accuracies,
        note=note,
    )


def _curve(model: nn.Module, layer: str, order: Tensor, images: Split) -> np.ndarray:
    # Float32 halves the time; near ties that it decides otherwise are less than a line's width.
    found = removal_curve(model, layer, order, images, dtype=torch.float32)
    return found.numpy().astype(np.float32)
