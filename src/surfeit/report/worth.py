"""What a network is worth on a split, example by example, and what of it may be lost."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import Objective, Split, score
from surfeit.data import Dataset
from surfeit.prune import accepted_rise, explained_variance
from surfeit.report.quantities import ACCURACY, LOSS, R2, Quantity
from surfeit.tables import mean_interval, paired_interval, share_interval, wilson_interval

Row = dict[str, Any]
# The larger the loss, the smaller the R².
_TURNED = (("lower", "upper"), ("upper", "lower"))


@dataclass(frozen=True, eq=False)
class Worth:
    """How the networks of a report are judged: accuracy where there is one, else R², else the loss.

    R² is shown where it follows from the loss: for the squared error of real targets. Intervals are
    over examples: positions of one example do not err independently.

    Args:
        objective: what judges the outputs.
        quantity: what is reported.
        loss: how much of it may be lost: a fraction; of a loss a share of itself.
    """

    objective: Objective
    quantity: Quantity
    loss: float

    @staticmethod
    def of(objective: Objective, outputs: Tensor, dataset: Dataset, loss: float) -> "Worth":
        """How networks with such outputs are judged on a data set."""
        if objective.correct(outputs, dataset.test.targets[: len(outputs)]) is not None:
            return Worth(objective, ACCURACY, loss)
        splits = (dataset.validation, dataset.test)
        varied = all(explained_variance(split.targets, objective) for split in splits)
        return Worth(objective, R2 if varied else LOSS, loss)

    def dense(self, outputs: Tensor, split: Split) -> Row:
        """A row of the table "dense" but for the split's name."""
        targets, examples = split.targets, len(split)
        each, whole = self.each(outputs, targets), score(outputs, targets, self.objective)
        row: Row = {"quantity": self.quantity.name, "images": examples}
        if self.quantity is ACCURACY:
            right = self.objective.correct(outputs, targets)
            assert right is not None
            row |= {"correct": int(right.sum()), "judged": right.numel()}
            found = (
                wilson_interval(row["correct"], examples)
                if right.numel() == examples
                else share_interval(each.numpy())
            )
            row |= {"estimate": found.estimate, "lower": found.lower, "upper": found.upper}
        else:
            row |= self._in_quantity(_mean(each), targets)
        return row | {"loss": whole.loss, "r2": whole.r2}

    def each(self, outputs: Tensor, targets: Tensor) -> Float[Tensor, " n"]:
        """Of each example the share that is right, or its loss; float64, on the CPU."""
        right = self.objective.correct(outputs, targets)
        if right is not None:
            return right.double().reshape(len(targets), -1).mean(1).cpu()
        pairs = zip(outputs.split(1), targets.split(1), strict=True)
        losses = [self.objective.loss(output, target).double() for output, target in pairs]
        return torch.stack(losses).cpu()

    def paired(self, before: Tensor, after: Tensor, targets: Tensor) -> Row:
        """What a change of the network does on the same examples, with its interval.

        Args:
            before, after: what `each` gives of the outputs before and after.
            targets: of the examples.
        """
        row: Row = {"images": len(before)}
        if self.quantity is ACCURACY:
            change = paired_interval(before.numpy(), after.numpy())
            ends = {"change": change.estimate, "lower": change.lower, "upper": change.upper}
            return row | _means(before, after) | ends
        variance = self.variance(targets)
        change = _mean(after - before)
        if self.quantity is LOSS or variance is None:
            return row | _means(before, after) | {"change": change.pop("estimate")} | change
        means = {name: 1 - value / variance for name, value in _means(before, after).items()}
        ends = {end: _scaled(change[other], variance) for end, other in _TURNED}
        return row | means | {"change": -change["estimate"] / variance} | ends

    def rise(self, dense: float, targets: Tensor) -> float:
        """How much the loss may rise."""
        return accepted_rise(dense, targets, self.objective, loss=self.loss)

    def smallest_rank(
        self, ranks: list[int], values: list[float], dense: float, targets: Tensor
    ) -> int:
        """The smallest rank from which on every accuracy or loss is as good as it must be."""
        if self.quantity is ACCURACY:
            return smallest_rank(ranks, values, dense - self.loss)
        most = dense + self.rise(dense, targets)
        return smallest_rank(ranks, [-value for value in values], -most, slack=1e-6 * abs(dense))

    def variance(self, targets: Tensor) -> float | None:
        """The targets' variance, by which a loss becomes an R²; None where none is reported."""
        return explained_variance(targets, self.objective) if self.quantity is R2 else None

    def _in_quantity(self, mean: Row, targets: Tensor) -> Row:
        """A mean loss and its interval as an R², where that is reported."""
        variance = self.variance(targets)
        if variance is None:
            return mean
        return {
            name: None if mean[of] is None else 1 - mean[of] / variance
            for name, of in (("estimate", "estimate"), *_TURNED)
        }


def smallest_rank(
    ranks: list[int], accuracies: list[float], least: float, *, slack: float = 1e-9
) -> int:
    """The smallest rank from which on every accuracy is at least `least`; the last at worst."""
    chosen = ranks[-1]
    for rank, accuracy in zip(reversed(ranks), reversed(accuracies), strict=True):
        if accuracy < least - slack:
            break
        chosen = rank
    return chosen


def _means(before: Tensor, after: Tensor) -> Row:
    return {"before": float(before.mean()), "after": float(after.mean())}


def _mean(values: Tensor) -> Row:
    """A mean with Student's interval; a single value has none."""
    if len(values) < 2:
        return {"estimate": float(values.mean()), "lower": None, "upper": None}
    found = mean_interval(values.numpy())
    return {"estimate": found.estimate, "lower": found.lower, "upper": found.upper}


def _scaled(value: float | None, variance: float) -> float | None:
    return None if value is None else -value / variance
