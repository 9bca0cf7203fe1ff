"""What is counted along a removal curve, chunk by chunk of examples."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from surfeit.core import Objective


@dataclass(frozen=True, eq=False)
class RemovalCurve:
    """What a network is worth after 0, 1, 2, ... removals.

    Args:
        accuracy: float64 [removals + 1], the fraction that is right; None without classes.
        loss: float64 [removals + 1], the objective's mean; None where accuracy alone was wanted.
        lost: int64 [removals + 1], how many examples that the whole network answers rightly are
            answered wrongly; None without classes, or where an example has several answers, which
            do not err independently.
        gained: the reverse.
        examples: that were tested.
        certain: so many of the first removals change no answer whatever the example, since all
            that reads those units weighs them with exactly zero.
    """

    accuracy: Float64[Tensor, " removals+1"] | None
    loss: Float64[Tensor, " removals+1"] | None
    lost: Int64[Tensor, " removals+1"] | None = None
    gained: Int64[Tensor, " removals+1"] | None = None
    examples: int = 0
    certain: int = 0

    @property
    def points(self) -> Float64[Tensor, " removals+1"]:
        """The accuracies or, where there are no classes, the losses."""
        points = self.loss if self.accuracy is None else self.accuracy
        assert points is not None
        return points


class Tally:
    """How many are right, lost and gained, and the loss, after each number of removals.

    Args:
        objective: what judges the outputs.
        points: of the curve, removals + 1.
        losses: whether losses are wanted beside accuracies.
    """

    def __init__(self, objective: Objective, points: int, *, losses: bool) -> None:
        self._objective, self._losses = objective, losses
        self._right = torch.zeros(points, dtype=torch.float64)
        self._loss = torch.zeros(points, dtype=torch.float64)
        self._lost = torch.zeros(points, dtype=torch.int64)
        self._gained = torch.zeros(points, dtype=torch.int64)
        self._answers = self._examples = 0

    def add(self, every: Iterator[Tensor], targets: Tensor) -> None:
        """Adds a chunk: the outputs after all removals first, after none last.

        Raises:
            ValueError: if outputs are no longer finite.
        """
        right, losses, sums = [], [], []
        for outputs in every:
            sums.append(outputs.sum())
            correct = self._objective.correct(outputs, targets)
            if correct is not None:
                right.append(correct.flatten())
            if self._losses or correct is None:
                losses.append(self._objective.loss(outputs, targets, "sum"))
        if not bool(torch.stack(sums).isfinite().all()):
            raise ValueError(
                "once units are removed the network's outputs are no longer finite numbers: "
                "nothing can be said of such a network"
            )
        if right:
            self._count(torch.stack(right).flip(0))
            self._answers += targets.numel()
        if losses:
            self._loss += torch.stack(losses).flip(0).double().cpu()
        self._examples += len(targets)

    def _count(self, right: Tensor) -> None:
        """Counts what is right, [removals + 1, answers], and what has changed since the first."""
        whole = right[:1]
        self._right += right.sum(1).double().cpu()
        self._lost += (whole & ~right).sum(1).cpu()
        self._gained += (right & ~whole).sum(1).cpu()

    def curve(self, device: torch.device, *, certain: int) -> RemovalCurve:
        """The curve, once all chunks were added."""
        paired = 0 < self._examples == self._answers
        measured = self._losses or not self._answers
        return RemovalCurve(
            accuracy=(self._right / self._answers).to(device) if self._answers else None,
            loss=(self._loss / self._examples).to(device) if measured else None,
            lost=self._lost.to(device) if paired else None,
            gained=self._gained.to(device) if paired else None,
            examples=self._examples,
            certain=certain,
        )
