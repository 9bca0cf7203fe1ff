"""Augmentation of a batch, on its device, in one gather."""

import torch
from jaxtyping import Float
from torch import Tensor


def shifted(
    images: Float[Tensor, "n channels height width"],
    *,
    pixels: int,
    black: Float[Tensor, "channels 1 1"],
    flip: bool,
    generator: torch.Generator,
) -> Float[Tensor, "n channels height width"]:
    """Each image moved by up to `pixels` along both axes, and mirrored half of the time if `flip`.

    The same as padding by `pixels` and cropping at random to the old size. What moves in is black.

    Args:
        images: normalised images.
        pixels: the largest shift; all of the 2 · pixels + 1 shifts of an axis are equally likely.
        black: the normalised value of a black pixel, by channel.
        flip: whether to mirror left and right.
        generator: a CPU generator; the same draws serve every device.

    Cost: one padded copy and one gather of the batch.
    """
    count, channels, height, width = images.shape
    sides = (count, channels, height + 2 * pixels, width + 2 * pixels)
    padded = black.to(images).expand(sides).clone()
    padded[:, :, pixels : pixels + height, pixels : pixels + width] = images
    draws = torch.randint(0, 2 * pixels + 1, (2, count, 1), generator=generator)
    mirrored = torch.rand(count, 1, generator=generator) < 0.5
    columns = torch.arange(width).expand(count, width)
    if flip:
        columns = torch.where(mirrored, columns.flip(1), columns)
    rows = (torch.arange(height) + draws[0]).to(images.device)
    columns = (columns + draws[1]).to(images.device)
    image = torch.arange(count, device=images.device)[:, None, None]
    return padded[image, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
