"""Units that meet: sums, products and tied rows make groups that can only go together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from surfeit.models.structure.readers import Reader


@dataclass(frozen=True, eq=False)
class Group:
    """Layers whose units are added to or multiplied with each other, as in a residual stream.

    Args:
        name: after its first layer.
        layers: their names, in the order of the network.
        units: how many units the group has together.
        members: by layer: int64 [units of the layer], the unit of the group that each belongs to.
    """

    name: str
    layers: tuple[str, ...]
    units: int
    members: Mapping[str, Int64[Tensor, " units"]]

    @property
    def words(self) -> str:
        """The group in words."""
        return f"{', '.join(map(repr, self.layers))} are added or multiplied unit by unit"


def groups(units: Mapping[str, int], found: Iterable[Reader]) -> dict[str, Group]:
    """The groups, by the names of their layers; a layer whose units meet no others has none.

    Args:
        units: of each layer.
        found: all readers: two layers with a unit each at one position of an input meet there.
    """
    first = dict(zip(units, np.cumsum([0, *units.values()]).tolist(), strict=False))
    total = sum(units.values())
    edges = [pair for same in _meetings(found) for pair in _pairs(same, first)]
    if not edges:
        return {}
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.concatenate(edges, axis=1)
    graph = coo_array((np.ones(ends.shape[1], dtype=bool), (ends[0], ends[1])), (total, total))
    _, labels = connected_components(graph, directed=False)
    by_layer = {name: labels[first[name] : first[name] + units[name]] for name in units}
    return _grouped(by_layer)


def _meetings(found: Iterable[Reader]) -> Iterable[list[Reader]]:
    """Readers of one input with units along one axis."""
    same: dict[tuple[str, int, int, int], list[Reader]] = {}
    for reader in found:
        if reader.axis is not None and reader.kind != "watched":
            key = reader.name, reader.occurrence, reader.place, reader.axis
            same.setdefault(key, []).append(reader)
    return same.values()


def _pairs(same: list[Reader], first: Mapping[str, int]) -> Iterable[np.ndarray]:
    """Pairs of units at one position: of each layer with those last seen there.

    Only layers that meet one to one: a gate of one unit that scales all channels goes with none of
    them. Layers that do meet so are a chain; each has the unit last seen at each position.
    """
    chains: list[Tensor] = []
    for reader in same if len(same) > 1 else []:
        here = reader.units >= 0
        own = torch.where(here, reader.units + first[reader.layer], -1)
        joined = False
        for number, last in enumerate(chains):
            both = here & (last >= 0)
            pairs = torch.stack([last[both], own[both]])
            if not pairs.numel() or not _one_to_one(pairs):
                continue
            joined = True
            yield pairs.numpy()
            chains[number] = torch.where(here, own, last)
        if not joined:
            chains.append(own)


def _one_to_one(pairs: Tensor) -> bool:
    both = len(pairs.unique(dim=1).T)
    return both == len(pairs[0].unique()) == len(pairs[1].unique())


def _grouped(by_layer: Mapping[str, np.ndarray]) -> dict[str, Group]:
    """Layers that share a label, with their labels numbered from 0."""
    owner: dict[int, str] = {}
    leader = {name: name for name in by_layer}

    def lead(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for name, labels in by_layer.items():
        for label in set(labels.tolist()):
            leader[lead(name)] = lead(owner.setdefault(label, name))
    joined: dict[str, list[str]] = {}
    for name in by_layer:
        joined.setdefault(lead(name), []).append(name)
    found: dict[str, Group] = {}
    for names in joined.values():
        every = np.concatenate([by_layer[name] for name in names])
        distinct, numbers = np.unique(every, return_inverse=True)
        if len(names) == 1 and len(distinct) == len(every):
            continue
        # In the order of the first layer's units, then of the second's that are not among them.
        order = np.argsort(np.unique(numbers, return_index=True)[1], kind="stable")
        renumber = np.empty(len(distinct), dtype=np.int64)
        renumber[order] = np.arange(len(distinct))
        members = {
            name: torch.from_numpy(renumber[np.searchsorted(distinct, by_layer[name])])
            for name in names
        }
        group = Group(names[0], tuple(names), len(distinct), members)
        found |= dict.fromkeys(names, group)
    return found
