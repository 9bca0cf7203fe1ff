"""The scores of all networks of a stack at a measurement, in batched products."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import vmap

from surfeit.core import Objective, Score, Split
from surfeit.core.evaluation import explained_of
from surfeit.train.stack.layers import StackLayers

_NUMBERS_AT_ONCE = 2**20  # of a hidden layer of all networks: it stays in a core's cache


class StackScores:
    """What an objective says of all of a stack's fully connected ReLU networks on a split.

    Args:
        layers: of the networks.
        objective: one whose mean loss is that of its examples, each alone.
    """

    def __init__(self, layers: StackLayers, objective: Objective) -> None:
        self._layers, self._objective = layers, objective

    @torch.no_grad()
    def on(self, splits: Sequence[Split]) -> list[Score]:
        """The scores on each place's own split, in evaluation mode.

        Those that several places share are held once.
        """
        widest = max(self._layers.widths[1:])
        rows = self._layers.rows(max(_NUMBERS_AT_ONCE // (len(splits) * widest), 1))
        parts = [
            self._outputs(_stacked([one.inputs[begin : begin + rows] for one in splits]))
            for begin in range(0, len(splits[0]), rows)
        ]
        return self.of(torch.cat(parts, 1), _stacked([one.targets for one in splits]))

    def of(self, outputs: Tensor, targets: Tensor) -> list[Score]:
        """The scores of outputs [places, n, classes] against targets [places, n, ...]."""
        finite = outputs.isfinite().flatten(1).all(1).tolist()
        losses = vmap(self._objective.loss)(outputs, targets).tolist()
        right = self._objective.correct(outputs.flatten(0, 1), targets.flatten(0, 1))
        accuracies: list[float | None] = [None] * len(losses)
        if right is not None:
            accuracies = right.view(len(losses), -1).double().mean(1).tolist()
        return [
            Score(loss, accuracy, explained_of(own, theirs, self._objective))
            if known
            else Score(math.nan)
            for known, loss, accuracy, own, theirs in zip(
                finite, losses, accuracies, outputs, targets, strict=True
            )
        ]

    def _outputs(self, inputs: Tensor) -> Tensor:
        count = inputs.shape[1]
        below = _filled(inputs.flatten(2), self._layers.rows(count))
        weights, biases = self._layers.weights, self._layers.biases
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            below = torch.baddbmm(bias[:, None], below, weight.transpose(1, 2)).relu_()
        return torch.baddbmm(biases[-1][:, None], below, weights[-1].transpose(1, 2))[:, :count]


def _filled(inputs: Tensor, rows: int) -> Tensor:
    """[places, rows, ...]: zeros behind the inputs."""
    if inputs.shape[1] == rows:
        return inputs
    filled = inputs.new_zeros(len(inputs), rows, *inputs.shape[2:])
    filled[:, : inputs.shape[1]] = inputs
    return filled


def _stacked(several: Sequence[Tensor]) -> Tensor:
    """[places, ...]: a view where all are one tensor."""
    first = several[0]
    if all(one.data_ptr() == first.data_ptr() for one in several):
        return first.expand(len(several), *first.shape)
    return torch.stack(list(several))
