"""Which examples a step trains on, and how their images are changed."""

import torch
from torch import Tensor

from surfeit.core import Split, Streams
from surfeit.train.augmentation import shifted
from surfeit.train.recipe import Recipe


class Batches:
    """The training examples in each epoch's own order, batch by batch.

    The order is drawn from (seed, epoch) and the augmentation from (seed, step): any step's batch
    can be had at any time, which is all that a resumed run needs.

    Args:
        split: the training examples, on the device.
        black: the normalised value of a black pixel, by channel; read where the recipe augments.
        recipe: batch size and augmentation.
        streams: the run's random streams.
    """

    def __init__(
        self, split: Split, black: Tensor | None, recipe: Recipe, streams: Streams
    ) -> None:
        self._split, self._black = split, black
        self._recipe, self._streams = recipe, streams
        self._epoch = -1
        self._order = self._targets = torch.empty(0, dtype=torch.int64)
        self.per_epoch = recipe.steps_per_epoch(len(split))

    def at(self, step: int) -> tuple[slice, Tensor, Tensor]:
        """Place in the epoch's order, inputs and targets of the update after `step` updates."""
        epoch, position = divmod(step, self.per_epoch)
        self._draw(epoch)
        begin = position * self._recipe.batch_size
        index = self._order[begin : begin + self._recipe.batch_size]
        place = slice(begin, begin + len(index))
        inputs = self._split.inputs.index_select(0, index)
        if self._recipe.augmentation:
            assert self._black is not None
            inputs = shifted(
                inputs,
                pixels=self._recipe.augmentation_pixels,
                black=self._black,
                flip=self._recipe.augmentation == "crop-flip",
                generator=self._streams.get("augmentation", step),
            )
        return place, inputs, self._targets[place]

    def targets_seen(self, step: int) -> Tensor:
        """The targets, in their order, of the epoch's batches up to and with `step`'s."""
        epoch, position = divmod(step, self.per_epoch)
        self._draw(epoch)
        return self._targets[: (position + 1) * self._recipe.batch_size]

    def _draw(self, epoch: int) -> None:
        """The epoch's order, and all targets in it: one gather an epoch instead of one a step."""
        if epoch != self._epoch:
            drawn = torch.randperm(len(self._split), generator=self._streams.get("order", epoch))
            self._order = drawn.to(self._split.targets.device)
            self._targets = self._split.targets.index_select(0, self._order)
            self._epoch = epoch
