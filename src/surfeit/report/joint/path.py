"""In what order units of several layers are removed together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from surfeit.prune import Removal

STEPS = 32
_REACH = 2  # how far the path goes, in validation estimates of single layers


@dataclass(frozen=True, eq=False)
class Path:
    """In what order units of several layers go: of each at once, in proportion to its estimate.

    Args:
        removals: by layer, whose units go.
        orders: by layer, int64 [units], the least important first.
        counts: by layer, how many are gone after each step, the first of none.
    """

    removals: Mapping[str, Removal]
    orders: Mapping[str, Int64[Tensor, " units"]]
    counts: Mapping[str, Sequence[int]]

    @property
    def steps(self) -> int:
        """How many there are, that of nothing left out."""
        return len(next(iter(self.counts.values()))) - 1

    def removed(self, step: int) -> int:
        """How many units are gone after a step."""
        return sum(counts[step] for counts in self.counts.values())

    def gone(self, step: int) -> dict[str, Bool[Tensor, " units"]]:
        """Which are, by layer."""
        return self.drawn(step, self.orders)

    def drawn(
        self, step: int, orders: Mapping[str, Int64[Tensor, " units"]]
    ) -> dict[str, Bool[Tensor, " units"]]:
        """As many of each layer in other orders."""
        found = {}
        for name, order in orders.items():
            found[name] = torch.zeros(len(order), dtype=torch.bool)
            found[name][order[: self.counts[name][step]]] = True
        return found


def path_of(
    removals: Mapping[str, Removal],
    orders: Mapping[str, Int64[Tensor, " units"]],
    estimates: Mapping[str, int],
    *,
    steps: int = STEPS,
) -> Path:
    """The path to twice as many units of each layer as its validation curve lets go alone.

    It is fixed by the validation examples, so that bounds of its steps on test examples need no
    correction. A layer keeps one unit at least. Of steps that remove no further unit one is left.

    Args:
        removals, orders: as of `Path`.
        estimates: by layer, how many its own validation curve lets go.
        steps: at most so many.
    """
    most = {name: min(len(order) - 1, _REACH * estimates[name]) for name, order in orders.items()}
    ends = {name: _REACH * estimates[name] for name in orders}
    counts: dict[str, list[int]] = {name: [0] for name in orders}
    for step in range(1, steps + 1):
        now = {name: min(most[name], round(ends[name] * step / steps)) for name in orders}
        if any(now[name] > counts[name][-1] for name in orders):
            for name, count in now.items():
                counts[name].append(count)
    return Path(removals, orders, counts)
