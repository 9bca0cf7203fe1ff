"""Weight vectors as pictures: of layers that read images, or the channels of one."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from surfeit.core import Split
from surfeit.viewer.timelines.networks import Network
from surfeit.viewer.wire import encode

MOST_NUMBERS = 8_000_000
"""Of weights and updates together, that a page is sent at once."""

_LARGEST = 127


Shape = tuple[int, int, int]
"""Channels, height and width."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightPictures:
    """A layer's weight vectors as pictures, and what training added to them.

    Args:
        shape: of a picture; None where weights are none.
        pooled: pixels of the weight vectors, along a side, that a pixel here is the mean of.
        weight: int8 [units, channels, height, width]: 127 is the largest magnitude of the unit's
            own picture.
        weight_largest: float32 [units], that magnitude.
        update, update_largest: the same of what training added; empty where that is not known.
        why: why there are no pictures, a clause, or None.
    """

    shape: Shape | None
    pooled: int
    weight: np.ndarray
    weight_largest: np.ndarray
    update: np.ndarray
    update_largest: np.ndarray
    why: str | None

    def packed(self) -> bytes:
        """The frame in the bytes that `surfeit.viewer.wire` describes."""
        header = {"shape": self.shape, "pooled": self.pooled, "why": self.why}
        names = ("weight", "weight_largest", "update", "update_largest")
        return encode(header, {name: getattr(self, name) for name in names})


def weight_pictures(
    weight: Float[Tensor, "units inputs"],
    update: Float[Tensor, "units inputs"] | None,
    *,
    network: Network,
    layer: str,
    examples: Split,
    most: int = MOST_NUMBERS,
) -> WeightPictures:
    """The weight vectors of a layer as pictures.

    A linear layer's are where it reads exactly the numbers of an image, in their order, which one
    example shows; a two-dimensional convolution's where it reads 1 or 3 channels. Where there are
    too many numbers for a page, pictures are means over squares of pixels.

    Args:
        weight: the layer's weights.
        update: what training added to them, if it is known.
        network: the network that the layer is part of, followed.
        layer: its dotted name.
        examples: what the network takes; the first is run.
        most: numbers of weights and updates together.

    Cost: a pass over one example.
    """
    shape, why = _shape_of(network, layer, examples)
    if shape is not None and not bool(weight.isfinite().all()):
        shape, why = None, "not all weights are finite numbers"
    if shape is None:
        return no_pictures(why)
    pooled = _pooling(len(weight), shape, most)
    channels, height, width = shape
    weights, weight_largest = _quantised(_means(weight, shape, pooled))
    updates, update_largest = _nothing(), _nothing(np.float32)
    if update is not None:
        updates, update_largest = _quantised(_means(update, shape, pooled))
    return WeightPictures(
        shape=(channels, -(-height // pooled), -(-width // pooled)),
        pooled=pooled,
        weight=weights,
        weight_largest=weight_largest,
        update=updates,
        update_largest=update_largest,
        why=None,
    )


def why_no_pictures(network: Network, layer: str, examples: Split) -> str | None:
    """Why a layer's weight vectors are no pictures, a clause; None where they are.

    Args:
        network: the network that the layer is part of, followed.
        layer: its dotted name.
        examples: what the network takes; the first is run.

    Cost: a pass over one example.
    """
    return _shape_of(network, layer, examples)[1]


def no_pictures(why: str | None) -> WeightPictures:
    """What stands for pictures that there are none of, and why."""
    return WeightPictures(
        shape=None,
        pooled=1,
        weight=_nothing(),
        weight_largest=_nothing(np.float32),
        update=_nothing(),
        update_largest=_nothing(np.float32),
        why=why,
    )


def _nothing(dtype: type[np.generic] = np.int8) -> np.ndarray:
    return np.zeros(0, dtype)


def _pooling(units: int, shape: Shape, most: int) -> int:
    """The least side of squares whose means are few enough; that of the image at most."""
    channels, height, width = shape
    for side in range(1, max(height, width)):
        if 2 * units * channels * -(-height // side) * -(-width // side) <= most:
            return side
    return max(height, width)


def _means(
    rows: Float[Tensor, "units inputs"], shape: Shape, side: int
) -> Float[Tensor, "units pixels"]:
    """Each row's picture, the mean of each square of pixels; those at the edge may be smaller."""
    pictures = rows.float().reshape(len(rows), *shape)
    if side > 1:
        pictures = functional.avg_pool2d(pictures, side, ceil_mode=True)
    return pictures.flatten(1)


def _quantised(rows: Float[Tensor, "units pixels"]) -> tuple[np.ndarray, np.ndarray]:
    """Each row from -127 to 127, and what 127 stands for."""
    largest = rows.abs().amax(1)
    scale = largest[:, None].clamp_min(torch.finfo(torch.float32).tiny)
    return (rows / scale * _LARGEST).round().to(torch.int8).numpy(), largest.numpy()


def _shape_of(network: Network, layer: str, examples: Split) -> tuple[Shape | None, str | None]:
    """The shape of a weight vector's picture; None, and why."""
    if not examples.holds_images:
        return None, "the network's inputs are no images"
    described = network.structure.layer(layer)
    module = network.model.get_submodule(described.module)
    if described.kind == "convolution" and isinstance(module, nn.Conv2d):
        height, width = module.kernel_size
        if module.groups > 1:
            return None, "units of different groups read different channels"
        if module.in_channels not in (1, 3):
            return None, f"a filter of {module.in_channels} channels is no picture"
        return (module.in_channels, height, width), None
    if described.kind != "linear" or not isinstance(module, nn.Linear):
        return None, f"weight vectors of a layer of the kind {described.kind} are no pictures"
    channels, height, width = examples.input_shape
    if channels not in (1, 3):
        return None, f"an image of {channels} channels cannot be shown"
    if not _reads_image(network, module, examples.inputs[:1]):
        return None, "the layer does not read the image itself"
    return (channels, height, width), None


@torch.no_grad()
def _reads_image(network: Network, module: nn.Linear, image: Tensor) -> bool:
    """Whether the layer reads the numbers of an image, all of them in their order."""
    entered: list[Tensor] = []

    def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        entered.append(inputs[0].detach().clone())

    given = network.takes(image)
    handle = module.register_forward_pre_hook(note)
    try:
        network.model(given)
    finally:
        handle.remove()
    return len(entered) == 1 and torch.equal(entered[0].flatten(), given.flatten())
