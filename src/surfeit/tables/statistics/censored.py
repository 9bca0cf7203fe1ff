"""Steps that are only lower bounds, compared in pairs without pretending to know them.

A training whose loss is still falling at its last step would have stopped later: its stopping step
is censored. A mean over such steps is too small, and dropping them keeps the fast ones alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from surfeit.tables.statistics.permutation import Alternative, split_test
from surfeit.tables.statistics.samples import sample_of


@dataclass(frozen=True, kw_only=True)
class Stops:
    """When each replicate stopped.

    Args:
        steps: [n] finite numbers.
        censored: [n], whether the true step is this one or any later; none is if not given.

    Raises:
        ValueError: if a step is not finite, there is none, the lengths differ, or a flag is neither
            true nor false.
    """

    steps: Sequence[float] | np.ndarray
    censored: Sequence[bool] | np.ndarray = ()

    def __post_init__(self) -> None:
        steps = sample_of(self.steps).tolist()
        odd = [one for one in self.censored if not _is_flag(one)]
        if odd:
            raise ValueError(f"whether a step is censored must be True or False, got {odd[0]!r}")
        censored = [bool(one) for one in self.censored] or [False] * len(steps)
        if len(censored) != len(steps):
            raise ValueError(
                f"each step is censored or not: got {len(steps)} steps, {len(censored)} of censored"
            )
        object.__setattr__(self, "steps", tuple(steps))
        object.__setattr__(self, "censored", tuple(censored))


def _is_flag(value: object) -> bool:
    return isinstance(value, bool | np.bool_) or (
        isinstance(value, int | np.integer) and value in (0, 1)
    )


@dataclass(frozen=True, kw_only=True)
class Orders:
    """In how many pairs which side stopped first.

    Args:
        first, second: pairs in which that side certainly stopped before the other.
        equal: pairs that stopped at the same step, neither censored.
        unknown: pairs whose order censoring hides.
    """

    first: int
    second: int
    equal: int
    unknown: int

    def p(self, alternative: Alternative = "two-sided") -> float:
        """The sign test's p-value over the pairs of known order; `greater`: first is sooner.

        Where neither side tends to stop sooner, a known order favours each alike, however unequal
        the lengths of the trainings: it is known only below the shorter one's end.
        """
        return split_test(self.first, self.second, alternative=alternative)


def stop_orders(first: Stops, second: Stops) -> Orders:
    """Which of two paired trainings stopped first, counted only where it is known.

    `first` is known to be sooner where it is not censored and its step is below the other's, which
    then is later still if it is censored.

    Raises:
        ValueError: if the two have different lengths.
    """
    lower, upper = difference_bounds(first, second)
    return Orders(
        first=int((lower > 0).sum()),
        second=int((upper < 0).sum()),
        equal=int(((lower == 0) & (upper == 0)).sum()),
        unknown=int(((lower <= 0) & (upper >= 0) & (lower < upper)).sum()),
    )


def difference_bounds(first: Stops, second: Stops) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most that second − first can be, in steps, for each pair.

    Equal where neither is censored; the most is ∞ where `second` is, the least −∞ where `first` is.

    Raises:
        ValueError: if the two have different lengths.
    """
    if len(first.steps) != len(second.steps):
        raise ValueError(
            f"paired stops must be as many on both sides, got {len(first.steps)} and "
            f"{len(second.steps)}"
        )
    difference = np.subtract(second.steps, first.steps)
    return (
        np.where(first.censored, -np.inf, difference),
        np.where(second.censored, np.inf, difference),
    )
