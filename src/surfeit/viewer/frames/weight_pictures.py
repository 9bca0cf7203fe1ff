"""Weight vectors as pictures: of layers that read images, or the channels of one."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import Split
from surfeit.viewer.timelines.networks import Network
from surfeit.viewer.wire import encode

_MOST_NUMBERS = 8_000_000
_LARGEST = 127


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightPictures:
    """A layer's weight vectors as pictures, and what training added to them.

    Args:
        shape: [channels, height, width] of a picture; None where weights are none.
        weight: int8 [units, channels, height, width]: 127 is the largest magnitude of the unit's
            own weights.
        update: the same of what training added; empty where that is not known.
        why: why there are no pictures, a sentence, or None.
    """

    shape: tuple[int, int, int] | None
    weight: np.ndarray
    update: np.ndarray
    why: str | None

    def packed(self) -> bytes:
        """The frame in the bytes that `surfeit.viewer.wire` describes."""
        header = {"shape": self.shape, "why": self.why}
        return encode(header, {"weight": self.weight, "update": self.update})


def weight_pictures(
    weight: Float[Tensor, "units inputs"],
    update: Float[Tensor, "units inputs"] | None,
    *,
    network: Network,
    layer: str,
    examples: Split,
) -> WeightPictures:
    """The weight vectors of a layer as pictures.

    A linear layer's are where it reads exactly the numbers of an image, in their order, which one
    example shows; a two-dimensional convolution's where it reads 1 or 3 channels.

    Args:
        weight: the layer's weights.
        update: what training added to them, if it is known.
        network: the network that the layer is part of, followed.
        layer: its dotted name.
        examples: what the network takes; the first is run.

    Cost: a pass over one example.
    """
    shape, why = _shape_of(network, layer, examples)
    if shape is not None and 2 * weight.numel() > _MOST_NUMBERS:
        shape, why = None, f"{len(weight):,} pictures are more than a page is sent"
    elif shape is not None and not bool(weight.isfinite().all()):
        shape, why = None, "not all weights are finite numbers"
    none = np.zeros(0, np.int8)
    if shape is None:
        return WeightPictures(shape=None, weight=none, update=none, why=why)
    added = none if update is None else _quantised(update)
    return WeightPictures(shape=shape, weight=_quantised(weight), update=added, why=None)


def _quantised(rows: Float[Tensor, "units inputs"]) -> np.ndarray:
    """Each row from -127 to 127."""
    rows = rows.float()
    largest = rows.abs().amax(1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
    return (rows / largest * _LARGEST).round().to(torch.int8).numpy()


def _shape_of(
    network: Network, layer: str, examples: Split
) -> tuple[tuple[int, int, int] | None, str | None]:
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
