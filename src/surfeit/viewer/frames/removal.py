"""The orders in which criteria remove a layer's units and, with examples, what that costs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import Objective, Split, cross_entropy
from surfeit.models import Structure
from surfeit.prune import Removal, criterion_named, removal_curves, removal_order
from surfeit.viewer.frames.operations import operations
from surfeit.viewer.frames.outputs import listed, others_of
from surfeit.viewer.timelines.networks import Network
from surfeit.viewer.wire import encode

SHOWN = ("magnitude", "frame_potential", "inner_product")
_FEW_EXAMPLES, _LEAST_EXAMPLES = 256, 32
_LINEAR = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
# Operations that the curves of one layer may take: about a minute of one core.
_OPERATIONS = 5e11


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
        note: why nothing was measured, or what goes along with the units, a sentence, or None.
        answer: how many units can go, a sentence without its stop, or None.
    """

    units: int
    examples: int
    objective: str
    orders: dict[str, np.ndarray]
    accuracies: dict[str, np.ndarray]
    losses: dict[str, np.ndarray]
    note: str | None
    answer: str | None = None

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
        }
        if self.answer is not None:
            header["answer"] = self.answer
        arrays = {f"order_{i}": self.orders[name] for i, name in enumerate(names)}
        for kind, curves in (("accuracy", self.accuracies), ("loss", self.losses)):
            arrays |= {
                f"{kind}_{i}": curves[name] for i, name in enumerate(names) if name in curves
            }
        return encode(header, arrays)


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
        frame = _Curves(orders, {}, {}, 0)
    return RemovalFrame(
        units=len(weight),
        examples=frame.examples,
        objective=cross_entropy.name if measuring is None else measuring.objective.name,
        orders={name: order.numpy().astype(np.uint16) for name, order in frame.orders.items()},
        accuracies=frame.accuracies,
        losses=frame.losses,
        note="; ".join(notes) or None,
    )


@dataclass(frozen=True)
class _Curves:
    orders: dict[str, Tensor]
    accuracies: dict[str, np.ndarray]
    losses: dict[str, np.ndarray]
    examples: int


def _measured(layer: str, measuring: Measuring, criteria: Sequence[str]) -> _Curves:
    """The orders of the layer's units, or of those of its group, and their curves."""
    network = measuring.network
    removal = Removal.of(network.structure, layer, outputs=True)
    matrix = removal.matrix(network.model)
    orders = {name: removal_order(matrix, criterion_named(name)) for name in criteria}
    own = {name: _own_order(order, removal.members[layer]) for name, order in orders.items()}
    own_orders = {name: units for name, (units, _) in own.items()}
    if measuring.examples is None:
        return _Curves(own_orders, {}, {}, 0)
    examples = _affordable(network, removal, measuring.examples, len(criteria))
    curves = removal_curves(
        network.model,
        layer,
        list(orders.values()),
        examples,
        objective=measuring.objective,
        # Halves the time; near ties that it decides otherwise are less than a line's width.
        dtype=torch.float32,
        structure=network.structure,
    )
    accuracies, losses = {}, {}
    for (name, (_, removed)), curve in zip(own.items(), curves, strict=True):
        kept = accuracies if curve.accuracy is not None else losses
        kept[name] = curve.points[removed].numpy().astype(np.float32)
    return _Curves(own_orders, accuracies, losses, len(examples))


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


def removal_operations(network: Network, removal: Removal, examples: Split) -> float:
    """What one removal takes for one example: all that runs again, and of linear readers a unit."""
    counts = operations(network.model, network.takes(examples.inputs[:1]))
    modules = dict(network.model.named_modules())
    total = float(sum(counts.get(name, 0) for name in {name for name, _ in removal.behind}))
    for name in {name for name, _ in removal.first}:
        linear = isinstance(modules.get(name), _LINEAR)
        total += counts.get(name, 0) / (removal.units if linear else 1)
    return total


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
