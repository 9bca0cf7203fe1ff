"""What a layer's units answer to a fixed sample of images, bias and activation included."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import Split, Streams, layer
from surfeit.prune import cut_at

IMAGES = 512
_POSITIONS = 8
_CHUNK = 64


@torch.no_grad()
def unit_outputs(
    model: nn.Module, name: str, images: Split
) -> tuple[Float[Tensor, "units outputs"], str | None]:
    """The outputs of a layer's units, one row a unit, and what is to be said of them.

    In a chain of modules these are what the next layer reads: behind bias, normalisation,
    activation and pooling. In any other network they are the layer's own, before its activation,
    which the note says. Of a convolution's positions 8 an image are taken, the same for all units.

    Args:
        model: the network.
        name: the layer's dotted name.
        images: the first 512 are taken; the model's dtype is theirs.

    Returns:
        float32 [units, images · positions], and a sentence or None.

    Raises:
        ValueError: if there is no such layer, or the network does not take the images.
    """
    note, module, units = None, None, len(layer(model, name).weight)
    try:
        cut = cut_at(model, name, dtype=torch.float32)
        module = nn.Sequential(*cut.before, *cut.between)
    except ValueError:
        note = "outputs are those before the activation: the network is no chain of modules"
    parts, sample = [], images.images[:IMAGES].float()
    for part in sample.split(_CHUNK):
        try:
            found = module(part) if module is not None else _watched(model, name, part)
        except RuntimeError as error:
            raise ValueError(
                f"the network takes no images of {list(part.shape[1:])}: {error}"
            ) from error
        parts.append(_some_positions(found, units))
    return torch.cat(parts).permute(1, 0, 2).flatten(1), note


def _watched(model: nn.Module, name: str, images: Tensor) -> Tensor:
    """What the layer itself gives while the whole network runs."""
    seen: list[Tensor] = []
    handle = layer(model, name).register_forward_hook(lambda *given: seen.append(given[2]))
    try:
        model(images.to(next(model.parameters()).dtype))
    finally:
        handle.remove()
    if not seen:
        raise ValueError(f"layer {name!r} is not used when the network runs")
    return seen[0].float()


def _some_positions(outputs: Tensor, units: int) -> Tensor:
    """[images, units, positions]: units are side by side in the second dimension."""
    if outputs.dim() < 2 or outputs.shape[1] % units != 0:
        raise ValueError(
            f"the layer's output must be [images, {units} units, ...], got {list(outputs.shape)}"
        )
    apart = outputs.flatten(1).unflatten(1, (units, -1))
    positions = apart.shape[2]
    if positions <= _POSITIONS:
        return apart
    generator = Streams(0).get("viewer", "positions")
    return apart[:, :, torch.randperm(positions, generator=generator)[:_POSITIONS].sort().values]
