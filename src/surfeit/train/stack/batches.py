"""The batches of all trainings of a stack at a step."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from surfeit.train.batches import Batches


class StackBatches:
    """Each training's own examples in its own order, all of a step at once.

    Trainings of one data set share its memory; where data differ, as by noise in their labels, what
    differs is held once for each.

    Args:
        batches: of the trainings, by place; of equally many examples and one batch size.
        rows: how many rows there are to be for so many examples: the further ones repeat one.
    """

    def __init__(self, batches: Sequence[Batches], rows: Callable[[int], int]) -> None:
        self._batches, self._rows = batches, rows
        self._epoch = -1
        self._order = self._targets = torch.empty(0, dtype=torch.int64)
        self._inputs, self._shifts = _together([one.split.inputs for one in batches])

    def at(self, step: int) -> tuple[slice, Tensor, Tensor]:
        """Place in the epochs' orders, inputs [places, rows, ...], targets [places, n, ...]."""
        first = self._batches[0]
        if first.changes:
            places, inputs, targets = zip(*(one.at(step) for one in self._batches), strict=True)
            return places[0], self._filled(torch.stack(inputs)), torch.stack(targets)
        epoch, position = divmod(step, first.per_epoch)
        self._draw(epoch)
        begin = position * first.batch_size
        index = self._order[:, begin : begin + first.batch_size]
        place = slice(begin, begin + index.shape[1])
        index = self._filled(index)
        inputs = self._inputs.index_select(0, index.reshape(-1))
        return place, inputs.view(*index.shape, *inputs.shape[1:]), self._targets[:, place]

    def _filled(self, values: Tensor) -> Tensor:
        """[places, n, ...] with as many rows as are wanted, the first one again and again."""
        more = self._rows(values.shape[1]) - values.shape[1]
        if not more:
            return values
        first = values[:, :1]
        return torch.cat([values, first.expand(-1, more, *first.shape[2:])], 1)

    def targets_seen(self, step: int) -> Tensor:
        """The targets [places, n, ...] of the epoch's batches up to and with `step`'s."""
        return torch.stack([one.targets_seen(step) for one in self._batches])

    def _draw(self, epoch: int) -> None:
        if epoch == self._epoch:
            return
        drawn = [one.drawn(epoch) for one in self._batches]
        self._order = torch.stack([order for order, _ in drawn]) + self._shifts
        self._targets = torch.stack([targets for _, targets in drawn])
        self._epoch = epoch


def _together(several: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """All inputs in a row, those of equal memory once; where each place's begin, [places, 1]."""
    unlike = {one.data_ptr(): one for one in several}
    begins, begin = {}, 0
    for place, one in unlike.items():
        begins[place] = begin
        begin += len(one)
    inputs = several[0] if len(unlike) == 1 else torch.cat(list(unlike.values()))
    shifts = torch.tensor([begins[one.data_ptr()] for one in several], device=inputs.device)
    return inputs, shifts[:, None]
