"""What `surfeit prune` prints: how many units can go by validation, and what the test says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from surfeit.core import Objective, Split

Curve = list[float]


@dataclass(frozen=True, kw_only=True)
class Judge:
    """How curves are read: the validation examples choose, the test examples judge.

    Args:
        splits: "validation" and "test".
        objective: what judges outputs.
        loss: what may be lost, a fraction.
        classes: whether the curves are of accuracies; else they are of losses.
    """

    splits: "Mapping[str, Split]"
    objective: "Objective"
    loss: float
    classes: bool

    def removable(self, curve: Curve) -> int:
        """How many units can go by a curve of the validation examples."""
        import torch

        from surfeit.prune import RemovalCurve, accepted_rise, removable, removable_by_loss

        points = torch.tensor(curve, dtype=torch.float64)
        if self.classes:
            return removable(RemovalCurve(accuracy=points, loss=None), loss=self.loss)
        targets = self.splits["validation"].targets
        rise = accepted_rise(curve[0], targets, self.objective, loss=self.loss)
        return removable_by_loss(points, rise=rise)

    @property
    def quantity(self) -> str:
        """What is shown: accuracy, R² or loss."""
        if self.classes:
            return "accuracy"
        return "loss" if self._variance("validation") is None else "R²"

    @property
    def price(self) -> str:
        """What may be lost, in words."""
        if self.quantity == "loss":
            return f"{100 * self.loss:g} % more validation loss"
        points = "1 point" if self.loss == 0.01 else f"{100 * self.loss:g} points"
        return f"{points} of validation {self.quantity}"

    def change(self, split: str, before: float, after: float) -> str:
        """Points of a split's curve in words, e.g. "97.1 % → 96.2 %"."""
        return f"{self._amount(split, before)} → {self._amount(split, after)}"

    def _amount(self, split: str, value: float) -> str:
        if self.classes:
            return f"{100 * value:.1f} %"
        variance = self._variance(split)
        if self.quantity == "loss" or variance is None:
            return f"{value:.4g}"
        return f"{1 - value / variance:.3f}"

    def _variance(self, split: str) -> float | None:
        from surfeit.prune import explained_variance

        return explained_variance(self.splits[split].targets, self.objective)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What can go by one criterion in one direction.

    Args:
        criterion: its name, as in tables.
        remove: "least" or "most" first; None for random orders.
        removable: how many units can go, a count for each repeat.
        cells: the row that is printed.
    """

    criterion: str
    remove: str | None
    removable: list[int]
    cells: tuple[str, ...]


def heading(judge: Judge) -> tuple[str, ...]:
    """What stands above the rows."""
    shown = (f"{split} {judge.quantity} with that" for split in ("validation", "test"))
    return ("criterion", "removed", f"units that can go for {judge.price}", *shown)


def answers(table: "pa.Table", judge: Judge) -> list[Answer]:
    """One for each criterion and direction: the counts, and both splits where they stand.

    Of random orders the means over the repeats, each at its own count, and the counts' deviation.
    """
    return [_answer(*kind, curves, judge) for kind, curves in _curves(table, judge).items()]


def chosen(found: list[Answer]) -> int | None:
    """The most units that a criterion lets go, its least important first; None without one."""
    counts = [answer.removable[0] for answer in found if answer.remove == "least"]
    return max(counts, default=None)


def _curves(
    table: "pa.Table", judge: Judge
) -> dict[tuple[str, str | None], dict[str, dict[int, Curve]]]:
    """The curves of each criterion and direction, by split and repeat."""
    found: dict[tuple[str, str | None], dict[str, dict[int, Curve]]] = {}
    what = "accuracy" if judge.classes else "loss"
    for row in table.to_pylist():
        of_split = found.setdefault((row["criterion"], row["remove"]), {})
        of_repeat = of_split.setdefault(row["split"], {})
        of_repeat.setdefault(row["repeat"], []).append(row[what])
    return found


def _answer(
    criterion: str, remove: str | None, curves: dict[str, dict[int, Curve]], judge: Judge
) -> Answer:
    from statistics import fmean, stdev

    counts = {repeat: judge.removable(curve) for repeat, curve in curves["validation"].items()}
    units = len(curves["validation"][0]) - 1
    spread = f" ± {stdev(counts.values()):.1f}" if len(counts) > 1 else ""
    found = (
        judge.change(
            split,
            fmean(curve[0] for curve in curves[split].values()),
            fmean(curve[counts[repeat]] for repeat, curve in curves[split].items()),
        )
        for split in ("validation", "test")
    )
    return Answer(
        criterion=criterion,
        remove=remove,
        removable=list(counts.values()),
        cells=(
            criterion.replace("_", "-"),
            f"{remove} first" if remove else "random order",
            f"{fmean(counts.values()):g}{spread} of {units}",
            *found,
        ),
    )
