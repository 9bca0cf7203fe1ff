"""What removing units of a layer means, in any network: zero wherever they are read.

A removed unit is exactly zero in the input of everything that reads it, behind activation and
normalisation, bias included; an output that is removed is zero itself. Units that are added or
multiplied together, as in a residual stream, go as one group. A recurrent unit reads itself: its
weights and biases are zero as well, so that its state is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from surfeit.models import Reader, Structure
from surfeit.models.structure import Layer

Place = tuple[str, int]  # a call, by name and occurrence


@dataclass(frozen=True, eq=False)
class Site:
    """A tensor that units are read from, and where they lie in it.

    Args:
        call: the reading call; None where they are read as the network's result.
        place: which of the call's inputs, or which result.
        axis: of the units, counted from the end.
        units: int64, the unit at each position along the axis; -1 for none.
        outside: elements at those positions that belong to no unit, or None.
    """

    call: Place | None
    place: int
    axis: int
    units: Int64[Tensor, " positions"]
    outside: Bool[Tensor, "..."] | None

    def without(
        self, value: Tensor, gone: Bool[Tensor, " units"], instead: Tensor | None
    ) -> Tensor:
        """A copy of what is read, with removed units at zero or at what stands in their place."""
        positions = (gone[self.units.clamp(min=0)] & (self.units >= 0)).to(value.device)
        where = positions.view(-1, *[1] * (-self.axis - 1))
        if self.outside is not None:
            if value.shape[1:] != self.outside.shape:
                raise ValueError(
                    f"what {self.call[0] if self.call else 'the result'!r} reads holds elements "
                    f"beside the units, known for inputs of {list(self.outside.shape)}, not of "
                    f"{list(value.shape[1:])}: give the structure an example of this shape"
                )
            where = where & ~self.outside.to(value.device)
        if instead is None:
            return value.masked_fill(where, 0.0)
        return torch.where(where, instead, value)


@dataclass(frozen=True, eq=False)
class Removal:
    """The units of a layer, or of the group that it belongs to, and all places that read them.

    Args:
        structure: of the network.
        name: of the layer.
        members: the layers that go together, by name: the unit of the group that each of their
            units belongs to.
        units: how many units there are to remove.
        sites: where they are read.
    """

    structure: Structure
    name: str
    members: Mapping[str, Int64[Tensor, " units"]]
    units: int
    sites: tuple[Site, ...]

    @staticmethod
    def of(structure: Structure, name: str, *, outputs: bool = False) -> "Removal":
        """The removal of a layer's units.

        Args:
            structure: of the network.
            name: the layer's name.
            outputs: whether units that are the network's result may be removed too.

        Raises:
            ValueError: if there is no such layer, or its units cannot be told apart where they are
                read: what mixes them is named.
        """
        described = structure.layer(name)
        group = structure.group(name)
        if group is None:
            members: Mapping[str, Tensor] = {name: torch.arange(described.units)}
        else:
            members = group.members
        own = [reader for member in members for reader in structure.readers(member)]
        if not outputs or any(reader.axis is None for reader in own) or not own:
            structure.check_removable(name)
        units = described.units if group is None else group.units
        return Removal(structure, name, members, units, tuple(_sites(own, members)))

    @property
    def words(self) -> str:
        """What is removed, in words: "units of 'conv1'", or those of a group."""
        described = self.structure.layer(self.name)
        if len(self.members) == 1:
            return (
                f"units of layer {described.label}" if self.name else f"units of {described.label}"
            )
        return f"units of the group of {', '.join(map(repr, self.members))}"

    @cached_property
    def recurrent(self) -> tuple[Layer, ...]:
        """The members whose units read themselves."""
        every = map(self.structure.layer, self.members)
        return tuple(layer for layer in every if layer.kind == "recurrent")

    @cached_property
    def first(self) -> frozenset[Place]:
        """The calls that removal changes first: those that depend on no other of them."""
        calls = {site.call for site in self.sites if site.call is not None}
        calls |= {
            (layer.module, occurrence)
            for layer in self.recurrent
            for occurrence in range(self.structure.calls(layer.name))
        }
        return frozenset(calls - self.structure.behind(calls))

    @cached_property
    def behind(self) -> frozenset[Place]:
        """The calls that depend on the first ones."""
        return frozenset(self.structure.behind(self.first))

    def reached(self, units: Bool[Tensor, " units"]) -> frozenset[Place]:
        """The calls that change with these units: those that read one, and all behind them."""
        calls = {
            site.call
            for site in self.sites
            if site.call is not None and bool(units[site.units[site.units >= 0]].any())
        }
        return frozenset(calls | self.structure.behind(calls))

    def matrix(self, model: nn.Module) -> Float[Tensor, "units inputs"]:
        """The weight vectors of the units, one a row: of a group, its members' side by side."""
        rows = []
        for name, places in self.members.items():
            own = self.structure.layer(name).matrix(model)
            if len(self.members) == 1:
                return own
            row = own.new_zeros(self.units, own.shape[1])
            rows.append(row.index_add_(0, places.to(own.device), own))
        return torch.cat(rows, dim=1)

    def sites_of(self, call: Place | None) -> Iterator[Site]:
        """The sites among the inputs of a call, or among the results."""
        return (site for site in self.sites if site.call == call)

    def of_member(self, member: str, gone: Bool[Tensor, " units"]) -> Bool[Tensor, " own"]:
        """Which of a member's own units are among the removed ones."""
        return gone[self.members[member]]

    @torch.no_grad()
    def zero_(
        self,
        model: nn.Module,
        gone: Bool[Tensor, " units"],
        *,
        biases: bool,
        among: tuple[Layer, ...],
    ) -> None:
        """Zeroes the removed units' own weights, and biases if wanted, in the model."""
        for layer in among:
            own = self.of_member(layer.name, gone)
            for part in (*layer.weights, *(layer.biases if biases else ())):
                path, _, attribute = part.tensor.rpartition(".")
                value = getattr(model.get_submodule(path), attribute)
                owners = part.owners(value.shape)
                value.masked_fill_((own[owners.clamp(min=0)] & (owners >= 0)).to(value.device), 0.0)


def _sites(own: list[Reader], members: Mapping[str, Tensor]) -> Iterator[Site]:
    """One site for each input and axis: coupled layers meet there, unit by unit."""
    together: dict[tuple[Place | None, int, int], list[Reader]] = {}
    for reader in own:
        assert reader.axis is not None
        call = None if reader.kind == "result" else (reader.name, reader.occurrence)
        together.setdefault((call, reader.place, reader.axis), []).append(reader)
    for (call, place, axis), readers in together.items():
        units = torch.full((len(readers[0].units),), -1, dtype=torch.int64)
        for reader in readers:
            mine = members[reader.layer][reader.units.clamp(min=0)]
            units = torch.where(reader.units >= 0, mine, units)
        yield Site(call, place, axis, units, _outside(readers))


def _outside(readers: list[Reader]) -> Tensor | None:
    """The elements that belong to none of the layers."""
    outside: Tensor | None = None
    for reader in readers:
        if reader.outside is None:
            return None
        outside = reader.outside if outside is None else outside & reader.outside
    return outside
