"""What if these units go: accuracy without them, beside as many drawn at random."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from surfeit.core import Objective, Split, Streams, cross_entropy, one_thread
from surfeit.models import Structure
from surfeit.prune.curve import check_operands, checked_removal, checked_units
from surfeit.prune.tally import RemovalCurve, Tally
from surfeit.prune.without import Front, WithoutUnits

DRAWS = 39
"""One more draw lies between the least and the largest of these with a chance of 38/40, 95 %."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RemovalTrial:
    """What a network is worth without some units of a layer, and without as many others.

    Args:
        removed: how many units went.
        units: of the layer.
        chosen: two points: whole, and without the units that were chosen.
        random: the same of each draw of as many units of the layer, the chosen ones among those
            that can be drawn; empty where no draw could be another: where all units go.
    """

    removed: int
    units: int
    chosen: RemovalCurve
    random: tuple[RemovalCurve, ...]

    @property
    def change(self) -> float:
        """What the removal adds to the accuracy, or to the loss where there are no classes."""
        return float(self.chosen.points[1] - self.chosen.points[0])

    @property
    def random_values(self) -> list[float]:
        """The accuracies, or losses, without units drawn at random, in ascending order."""
        return sorted(float(curve.points[1]) for curve in self.random)

    @property
    def as_good(self) -> int:
        """How many draws leave the network worth at least as much as the choice does.

        Of a choice that was itself a draw all counts from 0 to the number of draws are equally
        likely, ties aside, so that `(as_good + 1) / (draws + 1)` is the p-value of its being better
        than chance. Units that were chosen by what these examples show are no such choice.
        """
        value = float(self.chosen.points[1])
        if self.chosen.accuracy is None:
            return sum(other <= value for other in self.random_values)
        return sum(other >= value for other in self.random_values)


@one_thread()
def removal_trial(
    model: nn.Module,
    layer: str,
    selection: Int64[Tensor, " removed"],
    split: Split,
    *,
    objective: Objective = cross_entropy,
    draws: int = DRAWS,
    streams: Streams | None = None,
    dtype: torch.dtype = torch.float64,
    memory: int = 2**29,
    structure: Structure | None = None,
) -> RemovalTrial:
    """Removes some units of a layer at once and, for comparison, as many drawn at random.

    What removed means, `removal_curves` says; units that others are added to take those with them,
    here as there.

    >>> trial = removal_trial(run.model(), "fc1", torch.tensor([3, 17]), dataset.validation)
    >>> trial.change, trial.random_values

    Args:
        model: any network that `Structure` can follow and whose result is one tensor.
        layer: dotted name of a layer, the output layer included.
        selection: int64, distinct units of the layer, at least one, in any order.
        split: what it is measured on; no test data where the answer decides what goes.
        objective: what judges the outputs.
        draws: how many random choices, >= 0. Each is as many units of the layer without
            replacement. A further draw lies between the least and the largest of n with a chance
            of (n − 1) / (n + 1), ties aside.
        streams: whose stream ("trial", layer, units, draw) draws them; of seed 0 if not given.
        dtype, memory, structure: as of `removal_curves`.

    Raises:
        ValueError: as there, or if no unit is named or `draws` is negative.

    Cost: about two passes up to the units' readers, and for each choice what depends on them: 0.2 s
    for 30 of 300 units (LeNet-300-100), 1,000 images and 39 draws on one core; in a convolution
    nearly a pass for each.
    """
    check_operands(model, split, objective)
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 0:
        raise ValueError(f"draws must be an integer >= 0, got {draws!r}")
    removal = checked_removal(
        model, layer, split.inputs, dtype=dtype, memory=memory, structure=structure
    )
    members = removal.members[layer]
    chosen = checked_units(selection, len(members), whose=f"units of {layer!r}", name="selection")
    if not len(chosen):
        raise ValueError("no unit is named: give at least one that is to go")
    streams = Streams(0) if streams is None else streams
    choices = [chosen]
    if len(chosen) < len(members):
        choices += [
            torch.randperm(
                len(members), generator=streams.get("trial", layer, len(chosen), number)
            )[: len(chosen)]
            for number in range(draws)
        ]
    orders = [members[choice].unique() for choice in choices]
    with torch.no_grad():
        without = WithoutUnits(model, removal, dtype=dtype, keep_bias=False)
        tallies = [Tally(objective, 2, losses=False) for _ in orders]
        for part, front in without.fronts(split, objective, memory):
            for tally, order in zip(tallies, orders, strict=True):
                tally.add(_without_all(without, front, order), part.targets)
        read = without.read_units()
    first, *others = [
        tally.curve(split.targets.device, certain=int(not bool(read[order].any())))
        for tally, order in zip(tallies, orders, strict=True)
    ]
    return RemovalTrial(removed=len(chosen), units=len(members), chosen=first, random=tuple(others))


def _without_all(without: WithoutUnits, front: Front, order: Tensor) -> Iterator[Tensor]:
    """The outputs after all removals of an order, and after none."""
    yield next(without.removed(front, order))
    yield front.result
