"""What `surfeit prune` prints: what each curve lets go, and how many units can go."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from surfeit.core import Objective, Split
    from surfeit.prune import CanGo

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

    def estimate(self, curve: Curve) -> int:
        """How many units a curve of the validation examples lets go."""
        import torch

        from surfeit.prune import RemovalCurve, estimated_removable

        points = torch.tensor(curve, dtype=torch.float64)
        of = (points, None) if self.classes else (None, points)
        rise = self._rise(curve[0])
        return estimated_removable(RemovalCurve(*of), loss=self.loss, rise=rise)

    def can_go(self, table: "pa.Table") -> "CanGo | None":
        """How many units can go; None where all orders are random, so that none could be chosen."""
        from surfeit.prune import can_go_of_table
        from surfeit.tables.tables import column, where

        if "least" not in table["remove"].to_pylist():
            return None
        whole = where(table, split="validation", removed=0)
        dense = float(column(whole, "accuracy" if self.classes else "loss")[0])
        return can_go_of_table(table, loss=self.loss, rise=self._rise(dense))

    def _rise(self, dense: float) -> float | None:
        """What the loss may rise by on the validation examples; None of accuracies."""
        from surfeit.prune import accepted_rise

        if self.classes:
            return None
        targets = self.splits["validation"].targets
        return accepted_rise(dense, targets, self.objective, loss=self.loss)

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
        return f"{self.amount(split, before)} → {self.amount(split, after)}"

    def amount(self, split: str, value: float) -> str:
        """A point of a split's curve in words."""
        if self.classes:
            return f"{100 * value:.1f} %"
        variance = self._variance(split)
        if self.quantity == "loss" or variance is None:
            return f"{value:.4g}"
        return f"{1 - value / variance:.3f}"

    def spread(self, split: str, value: float) -> str:
        """A standard deviation of such points in words; never as 0 where it is not."""
        if self.classes:
            return spread_text(100 * value)
        variance = self._variance(split)
        return f"{value:.4g}" if variance is None else f"{value / variance:.3f}"

    def _variance(self, split: str) -> float | None:
        from surfeit.prune import explained_variance

        return explained_variance(self.splits[split].targets, self.objective)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the curves of one criterion in one direction say.

    Args:
        criterion: its name, as in tables.
        remove: "least" or "most" first; None for random orders.
        estimates: how many units go within what may be lost, a count for each repeat.
        cells: the row that is printed.
    """

    criterion: str
    remove: str | None
    estimates: list[int]
    cells: tuple[str, ...]


def spread_text(deviation: float) -> str:
    """One digit behind the point, or the first that is not 0."""
    return f"{deviation:.1f}" if deviation >= 0.05 else f"{deviation:.1g}"


def heading(judge: Judge) -> tuple[str, ...]:
    """What stands above the rows."""
    shown = (f"{split} {judge.quantity} with that" for split in ("validation", "test"))
    return ("criterion", "removed", f"estimate for {judge.price}", *shown)


def answers(table: "pa.Table", judge: Judge) -> list[Answer]:
    """One for each criterion and direction: the counts, and both splits where they stand.

    Of random orders the means over the repeats, each at its own count, and the counts' deviation.
    """
    return [_answer(*kind, curves, judge) for kind, curves in _curves(table, judge).items()]


def headline(answer: "CanGo", table: "pa.Table", judge: Judge, *, layer: str, noun: str) -> str:
    """How many units can go, and what is left without so many, in that order and at random."""
    from surfeit.prune import can_go_sentence
    from surfeit.report.quantities import QUANTITIES

    worth = QUANTITIES["r2" if judge.quantity == "R²" else judge.quantity]
    whose = layer or "the only layer"
    text = can_go_sentence(answer, whose=whose, price=worth.price(judge.loss), noun=noun)
    removed = (answer.bounds and answer.bounds.lower) or answer.estimate
    random = _beside_random(table, judge, answer.criterion, removed) if removed else ""
    return "; ".join(filter(None, [text, random]))


def _beside_random(table: "pa.Table", judge: Judge, criterion: str, removed: int) -> str:
    from statistics import fmean, stdev

    from surfeit.tables.tables import where

    at = where(table, split="test", removed=removed)
    what = "accuracy" if judge.classes else "loss"
    (own,) = where(at, criterion=criterion, remove="least")[what].to_pylist()
    values = where(at, criterion="random")[what].to_pylist()
    text = f"test {judge.quantity} with {removed} removed {judge.amount('test', own)}"
    if not values:
        return text
    if len(values) > 1 and stdev(values) == 0:
        equal = f"{judge.amount('test', values[0])} ({len(values)} equal)"
        return f"{text}, with as many at random {equal}"
    spread = f" ± {judge.spread('test', stdev(values))}" if len(values) > 1 else ""
    random = f"{judge.amount('test', fmean(values)).removesuffix(' %')}{spread}"
    return f"{text}, with as many at random {random}{' %' * judge.classes}"


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

    counts = {repeat: judge.estimate(curve) for repeat, curve in curves["validation"].items()}
    units = len(curves["validation"][0]) - 1
    spread = f" ± {spread_text(stdev(counts.values()))}" if len(counts) > 1 else ""
    if len(counts) > 1 and len(set(counts.values())) == 1:
        spread = f" ({len(counts)} equal)"
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
        estimates=list(counts.values()),
        cells=(
            criterion.replace("_", "-"),
            f"{remove} first" if remove else "random order",
            f"{fmean(counts.values()):g}{spread} of {units}",
            *found,
        ),
    )
