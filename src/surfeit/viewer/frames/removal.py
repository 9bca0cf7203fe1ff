"""The orders in which criteria remove a layer's units and, with examples, what that costs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import Objective, Split, Streams, cross_entropy
from surfeit.models import Structure
from surfeit.prune import (
    Removal,
    RemovalCurve,
    accepted_rise,
    contributions,
    criterion_named,
    order_by,
    removal_curves,
    removal_order,
)
from surfeit.viewer.frames.can_go import LOSS, Answer
from surfeit.viewer.frames.operations import removal_operations
from surfeit.viewer.frames.outputs import listed, others_of
from surfeit.viewer.timelines.networks import Network
from surfeit.viewer.wire import encode

SHOWN = ("magnitude", "frame_potential", "inner_product")
_FEW_EXAMPLES, _LEAST_EXAMPLES = 256, 32
# Operations that the curves of one layer may take: about a minute of one core.
_OPERATIONS = 5e11
# Random orders, those that `surfeit inspect` draws first, and the operations that they may take.
_RANDOM, _RANDOM_OPERATIONS = 5, 5e10


@dataclass(frozen=True, kw_only=True, eq=False)
class RemovalFrame:
    """Removal orders, the least important unit first; the names are those of the page.

    Args:
        units: of the layer.
        examples: that is measured on; 0 without any.
        objective: the name of what the losses are of.
        orders: by criterion, uint16 [units].
        accuracies: by criterion, float32 [units + 1]: the fraction that is right after 0, 1, 2, ...
            of the units are gone; empty without examples or classes.
        losses: the same of losses, where there are no classes; else empty.
        accepted: the least accuracy or the greatest loss that is a point worse than at first, as
            `surfeit.prune.removable` and `accepted_rise` take it; None without examples.
        guess: the share of the examples that always naming one class would have right; None where
            there are no classes.
        random: float32 [2, units + 1]: accuracies or losses of random orders, from one standard
            deviation below their mean to one above; None where they are not measured.
        note: why nothing was measured, or what goes along with the units, a sentence, or None.
        answer: how many units can go, or None.
    """

    units: int
    examples: int
    objective: str
    orders: dict[str, np.ndarray]
    accuracies: dict[str, np.ndarray]
    losses: dict[str, np.ndarray]
    accepted: float | None
    guess: float | None
    random: np.ndarray | None
    note: str | None
    answer: Answer | None = None

    def packed(self) -> bytes:
        """The frame in the bytes that `surfeit.viewer.wire` describes."""
        names = list(self.orders)
        header = {
            "units": self.units,
            "examples": self.examples,
            "objective": self.objective,
            "split": "validation",
            "note": self.note,
            "criteria": names,
            "accepted": self.accepted,
            "guess": self.guess,
        }
        if self.answer is not None:
            header |= {"answer": self.answer.words, "can_go": self._marks(self.answer)}
        arrays = {f"order_{i}": self.orders[name] for i, name in enumerate(names)}
        for kind, curves in (("accuracy", self.accuracies), ("loss", self.losses)):
            arrays |= {
                f"{kind}_{i}": curves[name] for i, name in enumerate(names) if name in curves
            }
        if self.random is not None:
            arrays |= dict(zip(("random_low", "random_high"), self.random, strict=True))
        return encode(header, arrays)

    def _marks(self, answer: Answer) -> dict[str, Any] | None:
        """Between which numbers of removals the answer lies; None where it is of a whole group."""
        found = answer.found
        if found.bounds is None or found.units != self.units:
            return None
        bounds = {"least": found.bounds.lower, "most": found.bounds.upper}
        return {"criterion": found.criterion, **bounds, "confidence": found.bounds.confidence}


@dataclass(frozen=True)
class Measuring:
    """What removals are measured with.

    Args:
        network: the network, followed.
        examples: to measure on; None for the orders alone.
        objective: what judges the outputs.
    """

    network: Network
    examples: Split | None
    objective: Objective = cross_entropy


def removal_frame(
    weight: Float[Tensor, "units *inputs"],
    *,
    layer: str = "",
    measuring: Measuring | None = None,
    note: str | None = None,
    criteria: Sequence[str] = SHOWN,
) -> RemovalFrame:
    """Orders by each criterion and, given a network with examples, what each removal costs.

    Units that go together with those of other layers are ordered by the weight vectors of all of
    them. A layer whose units cannot be removed is ordered by its own, and the note says why. Of all
    but linear layers only 256 examples are taken, and fewer where the network is large.

    Args:
        weight: the layer's weight.
        layer: its dotted name.
        measuring: the network that it is part of.
        note: why nothing is measured.
        criteria: names in `surfeit.prune.CRITERIA`, of those of weights alone.

    Raises:
        ValueError: if a weight is not finite.

    Cost: 0.4 s for 300 units and 1,000 examples on one core.
    """
    frame, notes = None, [] if note is None else [note]
    if measuring is not None:
        try:
            frame = _measured(layer, measuring, criteria)
            notes += _asides(measuring.network.structure, layer)
        except ValueError as error:
            notes.append(f"removals are not measured: {error}")
    if frame is None:
        orders = {name: removal_order(weight, criterion_named(name)) for name in criteria}
        frame = _Curves(orders, {}, {}, 0, None, None, None)
    return RemovalFrame(
        units=len(weight),
        examples=frame.examples,
        objective=cross_entropy.name if measuring is None else measuring.objective.name,
        orders={name: order.numpy().astype(np.uint16) for name, order in frame.orders.items()},
        accuracies=frame.accuracies,
        losses=frame.losses,
        accepted=frame.accepted,
        guess=frame.guess,
        random=frame.random,
        note="; ".join(notes) or None,
    )


@dataclass(frozen=True)
class _Curves:
    orders: dict[str, Tensor]
    accuracies: dict[str, np.ndarray]
    losses: dict[str, np.ndarray]
    examples: int
    accepted: float | None
    guess: float | None
    random: np.ndarray | None


def _measured(layer: str, measuring: Measuring, criteria: Sequence[str]) -> _Curves:
    """The orders of the layer's units, or of those of its group, and their curves."""
    network = measuring.network
    removal = Removal.of(network.structure, layer, outputs=True)
    matrix = removal.matrix(network.model)
    orders = {name: removal_order(matrix, criterion_named(name)) for name in criteria}
    own = {name: _own_order(order, removal.members[layer]) for name, order in orders.items()}
    own_orders = {name: units for name, (units, _) in own.items()}
    if measuring.examples is None:
        return _Curves(own_orders, {}, {}, 0, None, None, None)
    examples = _affordable(network, removal, measuring.examples, len(criteria))
    random = _random_orders(network, removal, layer, examples)
    curves = removal_curves(
        network.model,
        layer,
        [*orders.values(), *random],
        examples,
        objective=measuring.objective,
        # Halves the time; near ties that it decides otherwise are less than a line's width.
        dtype=torch.float32,
        structure=network.structure,
    )
    accuracies, losses = {}, {}
    for (name, (_, removed)), curve in zip(own.items(), curves, strict=False):
        kept = accuracies if curve.accuracy is not None else losses
        kept[name] = curve.points[removed].numpy().astype(np.float32)
    drawn = [
        curve.points[_own_order(order, removal.members[layer])[1]]
        for order, curve in zip(random, curves[len(orders) :], strict=True)
    ]
    accepted = _accepted(curves[0], examples, measuring.objective)
    band = _band(drawn, fractions=bool(accuracies)) if drawn else None
    guess = _guess(examples.targets) if accuracies else None
    return _Curves(own_orders, accuracies, losses, len(examples), accepted, guess, band)


def _random_orders(network: Network, removal: Removal, layer: str, examples: Split) -> list[Tensor]:
    """Random orders of the layer's units, or of those of its group; none where they cost much."""
    every = removal_operations(network, removal, examples) * removal.units * len(examples)
    if every * _RANDOM > _RANDOM_OPERATIONS:
        return []
    random, streams = criterion_named("random"), Streams(0)
    return [
        order_by(
            contributions(
                random, removal, network.model, generator=streams.get("removal", layer, repeat)
            )
        )
        for repeat in range(_RANDOM)
    ]


def _accepted(curve: RemovalCurve, examples: Split, objective: Objective) -> float:
    """The least accuracy, or the greatest loss, that is accepted: a point worse than at first."""
    first = float(curve.points[0])
    if curve.accuracy is not None:
        return first - LOSS
    return first + accepted_rise(first, examples.targets, objective, loss=LOSS)


def _guess(targets: Tensor) -> float | None:
    """The share of the commonest class; None where a target is no class."""
    if targets.dim() != 1 or targets.is_floating_point() or not len(targets):
        return None
    return float(targets.unique(return_counts=True)[1].max()) / len(targets)


def _band(curves: Sequence[Tensor], *, fractions: bool) -> np.ndarray:
    """One standard deviation about the mean, within what is possible."""
    points = torch.stack(list(curves)).double()
    mean, spread = points.mean(dim=0), points.std(dim=0)
    band = torch.stack([mean - spread, mean + spread]).clamp(min=0)
    return (band.clamp(max=1) if fractions else band).numpy().astype(np.float32)


def _own_order(order: Tensor, members: Tensor) -> tuple[Tensor, Tensor]:
    """The layer's own units as they go, and how many units of the group are gone after each.

    Args:
        order: of the group's units.
        members: int64 [own units], the unit of the group that each belongs to.

    Returns:
        int64 [own units], and int64 [own units + 1], at index k after k of them.
    """
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order))
    own = place[members]
    units = torch.argsort(own, stable=True)
    return units, torch.cat([torch.zeros(1, dtype=torch.int64), own[units] + 1])


def _affordable(network: Network, removal: Removal, examples: Split, orders: int) -> Split:
    """As many examples as the time allows."""
    alone = len(removal.members) == 1
    linear = network.structure.layer(removal.name).kind == "linear"
    most = len(examples) if alone and linear else _FEW_EXAMPLES
    every = removal_operations(network, removal, examples) * removal.units * orders
    return examples[: max(_LEAST_EXAMPLES, min(most, int(_OPERATIONS / max(every, 1))))]


def _asides(structure: Structure, layer: str) -> Iterator[str]:
    """What is to be known of removals: whose units go along, and what a cut would change."""
    if structure.group(layer) is not None:
        yield f"each unit goes together with those of {others_of(structure, layer)}"
    mixing = [
        repr(reader.name)
        for member in structure.members(layer)
        for reader in structure.readers(member)
        if reader.kind == "normalisation"
    ]
    if mixing:
        yield (
            f"removed units are zero where {listed(list(dict.fromkeys(mixing)))} normalises over "
            "units: a network without them would be another"
        )
