"""Units that change places together, and a network with its units in another order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from surfeit.core import Params


@dataclass(frozen=True, eq=False)
class Place:
    """An axis of a tensor along which units lie.

    Args:
        tensor: the tensor's name.
        axis: of it.
        units: int64 [positions], the unit at each position; -1 for none of these.
    """

    tensor: str
    axis: int
    units: Int64[Tensor, " positions"]

    def positions(self, chosen: Int64[Tensor, " units"]) -> Int64[Tensor, "units each"]:
        """Where some units lie, ascending, which all lie at equally many positions."""
        order = torch.argsort(self.units, stable=True)
        counts = self._counts(int(chosen.max()) + 1)
        first = int((self.units < 0).sum()) + counts.cumsum(0) - counts
        each = torch.arange(int(counts[chosen[0]]))
        return order[first[chosen][:, None] + each]

    def rows(self, value: Tensor, chosen: Int64[Tensor, " units"]) -> Tensor:
        """[units, entries]: what the tensor holds of each of some units."""
        here = self.positions(chosen).to(value.device)
        return value.movedim(self.axis, 0)[here].flatten(1)

    def _counts(self, units: int) -> Tensor:
        return torch.bincount(self.units[self.units >= 0], minlength=units)


@dataclass(frozen=True, eq=False)
class Exchange:
    """Units that can only be put in another order together, such as channels of a residual stream.

    Args:
        layers: whose units they are, in the order of the network.
        units: how many.
        members: by layer: int64 [units of the layer], the unit of the group that each is.
        kinds: int64 [units]: only units of one kind can change places; where one layer of the
            group has fewer units than another, some lie in both and some in one.
        places: where they lie.
    """

    layers: tuple[str, ...]
    units: int
    members: Mapping[str, Int64[Tensor, " units"]]
    kinds: Int64[Tensor, " units"]
    places: tuple[Place, ...]

    @property
    def name(self) -> str:
        """After its first layer."""
        return self.layers[0]

    def alike(self) -> Iterator[Int64[Tensor, " some"]]:
        """The units of each kind, ascending."""
        for kind in range(int(self.kinds.max()) + 1):
            yield (self.kinds == kind).nonzero().flatten()


@dataclass(frozen=True, eq=False)
class Exchanges:
    """All of a network that can change places.

    Args:
        groups: the groups, in the order of the network; none shares a layer with another.
        fixed: by name of each other layer, why its units stay where they are: a sentence's end.
    """

    groups: tuple[Exchange, ...]
    fixed: Mapping[str, str]


def reordered(
    tensors: Mapping[str, Tensor], group: Exchange, order: Int64[Tensor, " units"]
) -> Params:
    """The network with the units of a group in another order: unit `u` is what `order[u]` was.

    Args:
        tensors: parameters and buffers by name; those that do not hold such units are not copied.
        group: of `exchanges`.
        order: a permutation of the units that keeps kinds.

    Raises:
        ValueError: if it is none.
    """
    order = order.cpu()
    if not torch.equal(order.sort().values, torch.arange(group.units)):
        raise ValueError(f"order must be a permutation of {group.units} units, got {order}")
    if not torch.equal(group.kinds[order], group.kinds):
        raise ValueError("order exchanges units of different kinds, which lie in different layers")
    moved = dict(tensors)
    for place in group.places:
        index = torch.arange(len(place.units))
        for chosen in group.alike():
            if bool((place.units == chosen[0]).any()):
                index[place.positions(chosen)] = place.positions(order[chosen])
        value = moved[place.tensor]
        moved[place.tensor] = value.index_select(place.axis, index.to(value.device))
    return moved


def random_order(group: Exchange, generator: torch.Generator) -> Int64[Tensor, " units"]:
    """A permutation of a group's units at random, within each kind."""
    order = torch.arange(group.units)
    for chosen in group.alike():
        order[chosen] = chosen[torch.randperm(len(chosen), generator=generator)]
    return order
