"""The scores of all networks of a stack at a measurement, in batched products."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import vmap

from surfeit.core import Objective, Score, Split
from surfeit.core.evaluation import explained_of
from surfeit.train.stack.memory import StackMemory, aligned

_NUMBERS_AT_ONCE = 2**20  # of a hidden layer of all networks: it stays in a core's cache


class StackScores:
    """What an objective says of all of a stack's fully connected ReLU networks on a split.

    Args:
        names: the layers' names, first to last.
        objective: one whose mean loss is that of its examples, each alone.
        memory: of the stack.
    """

    def __init__(self, names: Sequence[str], objective: Objective, memory: StackMemory) -> None:
        self._objective = objective
        self._weights = [memory.of(f"{name}.weight") for name in names]
        self._biases = [memory.of(f"{name}.bias") for name in names]

    @torch.no_grad()
    def on(self, splits: Sequence[Split]) -> list[Score]:
        """The scores on each place's own split, in evaluation mode.

        Those that several places share are held once.
        """
        widest = max(bias.shape[1] for bias in self._biases)
        rows = self._rows(max(_NUMBERS_AT_ONCE // (len(splits) * widest), 1))
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
            Score(losses[place], accuracies[place], self._explained(outputs[place], targets[place]))
            if finite[place]
            else Score(float("nan"))
            for place in range(len(losses))
        ]

    def _explained(self, outputs: Tensor, targets: Tensor) -> float | None:
        return explained_of(outputs, targets, self._objective)

    def _outputs(self, inputs: Tensor) -> Tensor:
        count, below = inputs.shape[1], _filled(inputs.flatten(2), self._rows(inputs.shape[1]))
        for weight, bias in zip(self._weights[:-1], self._biases[:-1], strict=True):
            below = torch.baddbmm(bias[:, None], below, weight.transpose(1, 2)).relu_()
        bias, weight = self._biases[-1][:, None], self._weights[-1]
        return torch.baddbmm(bias, below, weight.transpose(1, 2))[:, :count]

    def _rows(self, count: int) -> int:
        first = self._weights[0]
        widths = [first.shape[2], *(weight.shape[1] for weight in self._weights)]
        return aligned(count, widths, first.element_size())


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
