"""What a network takes, whole and without units: parameters, multiply-adds, bytes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from surfeit.core import own_parameters
from surfeit.models.structure import tensor
from surfeit.prune import Removal
from surfeit.prune.silence import check_untied, companions, read_columns
from surfeit.report.network import Network
from surfeit.report.work import multiplications


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a network takes.

    Args:
        parameters: numbers that training can set; a tied one counts once.
        multiply_adds: of one example, by layers' weights alone: functions that multiply by a
            parameter, and attention's products of activations, are left out.
        bytes: of the parameters, in the precision that they were recorded in.
    """

    parameters: int
    multiply_adds: int
    bytes: int


def whole_costs(network: Network) -> Costs:
    """What the whole network takes.

    Cost: a forward pass of one example.
    """
    own = own_parameters(network.model)
    used = multiplications(network.model, network.structure, network.example)
    return Costs(
        parameters=sum(value.numel() for value in own.values()),
        multiply_adds=sum(used.values()),
        bytes=sum(value.numel() * network.element_sizes[name] for name, value in own.items()),
    )


def costs_without(
    network: Network,
    removals: Mapping[str, Removal],
    gone: Mapping[str, Bool[Tensor, " units"]],
) -> Costs:
    """What is left once units are cut out: without what they own and what they are read with.

    A unit's own are its weight vector, its bias and its place in batch normalisations; it is read
    with a column of the next layer's weights.

    Args:
        network: that they are cut from.
        removals: by layer, the units.
        gone: by layer, bool [units], True = removed.

    Raises:
        ValueError: if a unit cannot be cut out alone: it reads itself, shares its weights, or is
            read by a layer that has no weights of single units. The message is a sentence's end.

    Cost: O(parameters), and a forward pass of one example.
    """
    without = _entries(network, removals, gone)
    own = own_parameters(network.model)
    counts = {name: int(entries.sum()) for name, entries in without.items()}
    whole = whole_costs(network)
    return Costs(
        parameters=whole.parameters - sum(counts.values()),
        multiply_adds=_multiply_adds(network, without),
        bytes=whole.bytes
        - sum(count * network.element_sizes[name] for name, count in counts.items() if name in own),
    )


def _entries(
    network: Network, removals: Mapping[str, Removal], gone: Mapping[str, Tensor]
) -> dict[str, Bool[Tensor, "..."]]:
    """Of each parameter, the entries that go with the units."""
    entries: dict[str, Tensor] = {}
    for name, removal in removals.items():
        units = gone[name].cpu()
        for parameter, owners in _owned(network, removal):
            owners = owners.cpu()
            lost = units[owners.clamp(min=0)] & (owners >= 0)
            entries[parameter] = entries.get(parameter, torch.zeros_like(lost)) | lost
    return entries


def _owned(network: Network, removal: Removal) -> Iterator[tuple[str, Tensor]]:
    """Parameters, and the unit that each of their entries goes with; -1 for none."""
    if removal.recurrent:
        raise ValueError("units of a recurrent layer read themselves")
    try:
        check_untied(network.model, removal)
        found = [*companions(network.model, removal)]
        found += read_columns(network.model, removal, removal.sites)
    except ValueError:
        raise ValueError(
            f"{removal.words} share weights with others, or are read where no weights belong to "
            "single units"
        ) from None
    yield from found


def _multiply_adds(network: Network, without: Mapping[str, Tensor]) -> int:
    structure, total = network.structure, 0
    used = multiplications(network.model, structure, network.example)
    for (called, _), cost in used.items():
        layers = [
            layer
            for name, layer in structure.layers.items()
            if structure.caller(name) == called and layer.multiplies
        ]
        weights = sum(structure.weights(layer.name) for layer in layers)
        parts = [part for layer in layers for part in layer.weights]
        lost = 0
        for part in parts:
            if part.tensor in without:
                owners = part.owners(tensor(network.model, part.tensor).shape)
                lost += int((without[part.tensor] & (owners.cpu() >= 0)).sum())
        total += cost - (cost // weights if weights else 0) * lost
    return total
