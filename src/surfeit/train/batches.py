"""Which examples a step trains on, how inputs and labels are changed, and where they lie."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import Split, Streams
from surfeit.train.noise import noisy, relabelled
from surfeit.train.recipe import Recipe

_ALIGNMENT = 64  # bytes: where torch puts its own tensors


class Batches:
    """The training examples in each epoch's own order, batch by batch.

    The order is drawn from (seed, epoch), augmentation and noise from (seed, step): any step's
    batch can be had at any time, which is all that a resumed run needs.

    Args:
        split: the training examples, on the device.
        black: the normalised value of a black pixel, by channel; read where the recipe augments.
        recipe: batch size, augmentation, and noise on inputs and labels.
        streams: the run's random streams.
        classes: that labels are drawn from; read where the recipe replaces labels.
    """

    def __init__(
        self,
        split: Split,
        black: Tensor | None,
        recipe: Recipe,
        streams: Streams,
        classes: int | None = None,
    ) -> None:
        self.split, self._black, self._classes = split, black, classes
        self._recipe, self._streams = recipe, streams
        self._epoch = -1
        self._order = self._targets = torch.empty(0, dtype=torch.int64)
        self.per_epoch = recipe.steps_per_epoch(len(split))
        self.batch_size = recipe.batch_size
        self.changes = bool(recipe.augmentation or recipe.input_noise or recipe.label_noise)

    def at(self, step: int) -> tuple[slice, Tensor, Tensor]:
        """Place in the epoch's order, inputs and targets of the update after `step` updates.

        Both are as they are trained on: `targets_seen` and `drawn` have the data's own labels.
        """
        epoch, position = divmod(step, self.per_epoch)
        self._draw(epoch)
        begin = position * self._recipe.batch_size
        index = self._order[begin : begin + self._recipe.batch_size]
        place = slice(begin, begin + len(index))
        inputs = self.split.inputs.index_select(0, index)
        if self._recipe.augmentation:
            assert self._black is not None
            inputs = shifted(
                inputs,
                pixels=self._recipe.augmentation_pixels,
                black=self._black,
                flip=self._recipe.augmentation == "crop-flip",
                generator=self._streams.get("augmentation", step),
            )
        if deviation := self._recipe.input_noise:
            inputs = noisy(inputs, deviation, self._streams.get("input noise", step))
        return place, inputs, self._labels(place, step)

    def _labels(self, place: slice, step: int) -> Tensor:
        targets, share = self._targets[place], self._recipe.label_noise
        if not share:
            return targets
        assert self._classes is not None
        return relabelled(targets, share, self._classes, self._streams.get("label noise", step))

    def drawn(self, epoch: int) -> tuple[Tensor, Tensor]:
        """The epoch's order, int64 [examples], and all targets in it."""
        self._draw(epoch)
        return self._order, self._targets

    def targets_seen(self, step: int) -> Tensor:
        """The targets, in their order, of the epoch's batches up to and with `step`'s."""
        epoch, position = divmod(step, self.per_epoch)
        self._draw(epoch)
        return self._targets[: (position + 1) * self._recipe.batch_size]

    def _draw(self, epoch: int) -> None:
        """The epoch's order, and all targets in it: one gather an epoch instead of one a step."""
        if epoch != self._epoch:
            drawn = torch.randperm(len(self.split), generator=self._streams.get("order", epoch))
            self._order = drawn.to(self.split.targets.device)
            self._targets = self.split.targets.index_select(0, self._order)
            self._epoch = epoch


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


def placed(splits: Mapping[str, Split], dtype: torch.dtype) -> dict[str, Split]:
    """The splits in a precision, and where torch itself would put what is measured whole.

    Integers, such as tokens and labels, stay what they are. Products over inputs at odd addresses,
    as views and mapped files have them, add up in another order, and losses would differ in their
    last bits. Training inputs are gathered batch by batch, wherever they lie.
    """
    return {
        name: Split(_aligned(_in(dtype, split.inputs), name), _in(dtype, split.targets))
        for name, split in splits.items()
    }


def _in(dtype: torch.dtype, values: torch.Tensor) -> torch.Tensor:
    return values.to(dtype) if values.is_floating_point() else values


def _aligned(inputs: torch.Tensor, name: str) -> torch.Tensor:
    return inputs if name == "train" or inputs.data_ptr() % _ALIGNMENT == 0 else inputs.clone()
