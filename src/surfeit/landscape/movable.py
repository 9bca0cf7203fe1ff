"""Which units of a network can change places: found by following them, and by trial."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from surfeit.core import Tie, copied, outputs_of, tensors_of, ties
from surfeit.landscape.exchange import Exchange, Exchanges, Place, random_order, reordered
from surfeit.models import Reader, Structure

_TOLERANCE = 1e-4
"""By how much of the largest output two orders may differ, in float32."""


@torch.no_grad()
def exchanges(model: nn.Module, inputs: Shaped[Tensor, "n *shape"]) -> Exchanges:
    """Finds the units that can change places, in groups that must do so together.

    A unit's rows, its bias, its batch statistics and the columns that read it go along. Layers are
    one group where their units are added or multiplied (`Structure.group`), and where they share a
    tensor: a depthwise convolution with what it reads, a module that reads itself. What remains
    unseen, such as a parameter for each unit in a function of one's own, is found by trial: the
    network is run with disturbed weights and each group in a random order; a group that changes an
    output by more than 1e-4 of the largest one stays as it is.

    Args:
        model: the network; it is not changed.
        inputs: a few examples.

    Raises:
        ValueError: if the network cannot be followed, gives anything but one tensor, or none of its
            units can change places.

    Source: the symmetry, Hecht-Nielsen 1990; for residual streams, Ainsworth et al. 2023, section
    2. Cost: that of `Structure`, and a forward pass over the inputs for each group.
    """
    structure = Structure.of(model, inputs[:1])
    if structure.obstacle is not None:
        raise ValueError(f"units cannot be put in another order: {structure.obstacle}")
    reasons: dict[str, str] = {}
    layer_places = {name: _places(structure, name, reasons) for name in structure.layers}
    groups, tied = _grouped(structure, ties(model), layer_places)
    fixed: dict[str, str] = {}
    kept = []
    trial = _Trial(model, inputs)
    for group in groups:
        why = _why_fixed(group, reasons, tied) or trial.fails(group)
        if why is None:
            kept.append(group)
        else:
            fixed |= {name: reasons.get(name, why) for name in group.layers}
    if not kept:
        words = "; ".join(f"{structure.layer(name).label}: {why}" for name, why in fixed.items())
        raise ValueError(f"no unit of the network can change places: {words or 'it has no layer'}")
    return Exchanges(tuple(kept), fixed)


def _places(structure: Structure, name: str, reasons: dict[str, str]) -> list[Place]:
    """Where the units of a layer lie, by their own numbers; why they cannot move goes to reasons.

    Places are given all the same: they say which other layers must stay, too.
    """
    found = list(_own_places(structure, name))
    why = structure.why_not_removable(name) or _own_reason(structure, name)
    for reader in (*structure.readers(name), *structure.normalisations(name)):
        if reader.axis is None or reader.kind == "result":
            continue
        place = _read_at(structure, reader)
        if place is None:
            why = why or f"{reader.words} reads them in a way that is not followed"
            continue
        found += place
    if why is not None:
        reasons[name] = why
    return found


def _own_reason(structure: Structure, name: str) -> str | None:
    described = structure.layer(name)
    if described.kind in ("recurrent", "attention", "bilinear"):
        return f"units of a layer of kind {described.kind!r} are not followed into themselves"
    if described.computed:
        return "its weight is computed from other parameters"
    module = structure.module(described.module)
    grouped = described.groups > 1 and not _is_depthwise(module)
    return "units of a grouped convolution stay within their groups" if grouped else None


def _own_places(structure: Structure, name: str) -> Iterator[Place]:
    described = structure.layer(name)
    if described.kind in ("recurrent", "attention") or described.computed:
        return
    for part in (*described.weights, *described.biases):
        axis = {"rows": 0, "transposed": 1}.get(part.form, -1)
        value = getattr(structure.module(described.module), part.tensor.rpartition(".")[2])
        if part.groups == 1 or part.form == "rows":
            yield Place(part.tensor, axis % value.dim(), torch.arange(described.units))


def _read_at(structure: Structure, reader: Reader) -> list[Place] | None:
    """Where a reader's tensors hold what belongs to the units that it reads; None if unknown."""
    if reader.kind in ("function", "normalisation"):
        return None
    module = structure.module(reader.name)
    if reader.kind == "watched":
        names = [n for n in (*module._parameters, *module._buffers) if n != "num_batches_tracked"]
        held = [n for n in names if getattr(module, n) is not None]
        return [Place(_dotted(reader.name, n), 0, reader.units) for n in held]
    axis, expected = _input_axis(module)
    if axis is None or reader.axis != expected:
        return None
    return [Place(_dotted(reader.name, "weight"), axis, reader.units)]


def _input_axis(module: nn.Module) -> tuple[int | None, int]:
    """The axis of a module's weight that inputs lie along, and theirs counted from the end."""
    if isinstance(module, nn.Linear):
        return 1, -1
    if isinstance(module, _ConvTransposeNd):
        return (0 if module.groups == 1 else None), -len(module.kernel_size) - 1
    if isinstance(module, _ConvNd):
        axis = 1 if module.groups == 1 else 0 if _is_depthwise(module) else None
        return axis, -len(module.kernel_size) - 1
    return None, -1


def _is_depthwise(module: nn.Module) -> bool:
    return isinstance(module, _ConvNd) and (
        module.groups == module.in_channels == module.out_channels
        and not isinstance(module, _ConvTransposeNd)
    )


def _grouped(
    structure: Structure, tied: Mapping[str, Tie], layer_places: Mapping[str, list[Place]]
) -> tuple[list[Exchange], set[str]]:
    """Layers whose units must move together, and the tensors that are laid out in two ways."""
    first, total = {}, 0
    for name in layer_places:
        first[name] = total
        total += structure.layer(name).units
    strange = {tied[p.tensor].to for own in layer_places.values() for p in own if _turned(tied, p)}
    numbered = [
        Place(
            tied[place.tensor].to if place.tensor in tied else place.tensor,
            place.axis,
            torch.where(place.units >= 0, place.units + first[name], -1),
        )
        for name, own in layer_places.items()
        for place in own
        if not _turned(tied, place)
    ]
    labels = _components(total, [*_shared(numbered), *_met(structure, first)])
    by_layer = {
        name: labels[first[name] : first[name] + structure.layer(name).units] for name in first
    }
    return [_exchange(names, by_layer, labels, numbered) for names in _joined(by_layer)], strange


def _turned(tied: Mapping[str, Tie], place: Place) -> bool:
    return place.tensor in tied and tied[place.tensor].axes is not None


def _shared(places: Sequence[Place]) -> Iterator[np.ndarray]:
    """Pairs of units that one position of one axis belongs to."""
    last: dict[tuple[str, int], Tensor] = {}
    for place in places:
        before = last.get((place.tensor, place.axis))
        if before is not None and len(before) == len(place.units):
            both = (before >= 0) & (place.units >= 0)
            yield torch.stack([before[both], place.units[both]]).numpy()
            last[place.tensor, place.axis] = torch.where(place.units >= 0, place.units, before)
        else:
            last[place.tensor, place.axis] = place.units


def _met(structure: Structure, first: Mapping[str, int]) -> Iterator[np.ndarray]:
    """Pairs of units that are one in a group of the structure."""
    for name in first:
        group = structure.group(name)
        if group is None or group.layers[0] != name:
            continue
        last = torch.full((group.units,), -1)
        for layer in group.layers:
            members = group.members[layer]
            own = torch.arange(len(members)) + first[layer]
            before = last[members]
            both = before >= 0
            yield torch.stack([before[both], own[both]]).numpy()
            last[members] = own


def _components(total: int, pairs: list[np.ndarray]) -> np.ndarray:
    """A number for each unit, the same for those that are joined."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.concatenate([np.zeros((2, 0), dtype=np.int64), *pairs], axis=1)
    graph = coo_array((np.ones(ends.shape[1], dtype=bool), (ends[0], ends[1])), (total, total))
    return connected_components(graph, directed=False)[1]


def _joined(by_layer: Mapping[str, np.ndarray]) -> list[list[str]]:
    """The layers that share a label, in the order of their first."""
    joined: list[tuple[list[str], set[int]]] = []
    for name, labels in by_layer.items():
        own = set(labels.tolist())
        apart = [one for one in joined if not one[1] & own]
        met = [one for one in joined if one[1] & own]
        names = [other for one in met for other in one[0]]
        joined = [*apart, ([*names, name], own.union(*(one[1] for one in met)))]
    order = list(by_layer)
    return sorted((names for names, _ in joined), key=lambda names: order.index(names[0]))


def _exchange(
    names: Sequence[str],
    by_layer: Mapping[str, np.ndarray],
    labels: np.ndarray,
    places: Sequence[Place],
) -> Exchange:
    """The group of these layers, its units numbered as they come."""
    distinct = list(dict.fromkeys(np.concatenate([by_layer[name] for name in names]).tolist()))
    number = np.full(int(labels.max()) + 2, -1)
    number[distinct] = np.arange(len(distinct))
    own: dict[tuple[str, int], Tensor] = {}
    for place in places:
        here = place.units.numpy()
        units = torch.from_numpy(np.where(here >= 0, number[labels[here]], -1))
        if not bool((units >= 0).any()):
            continue
        key = place.tensor, place.axis
        own[key] = torch.where(units >= 0, units, own[key]) if key in own else units
    found = tuple(Place(tensor, axis, units) for (tensor, axis), units in own.items())
    pattern = [torch.bincount(p.units[p.units >= 0], minlength=len(distinct)) for p in found]
    none = torch.zeros(len(distinct), dtype=torch.int64)
    kinds = torch.stack([none, *pattern]).unique(dim=1, return_inverse=True)[1]
    members = {name: torch.from_numpy(number[by_layer[name]]) for name in names}
    return Exchange(tuple(names), len(distinct), members, kinds, found)


def _why_fixed(group: Exchange, reasons: Mapping[str, str], strange: set[str]) -> str | None:
    because = [name for name in group.layers if name in reasons]
    if because:
        return f"they go together with those of {because[0]!r}, and {reasons[because[0]]}"
    turned = [place.tensor for place in group.places if place.tensor in strange]
    return f"{turned[0]} is one parameter with another that lies otherwise" if turned else None


class _Trial:
    """Runs the network with disturbed weights, so that equal ones hide nothing."""

    def __init__(self, model: nn.Module, inputs: Tensor) -> None:
        self._model, self._inputs = copied(model).eval(), inputs[:4]
        self._generator = torch.Generator().manual_seed(0)
        self._tensors = {name: self._disturbed(v) for name, v in tensors_of(model).items()}
        self._before = outputs_of(self._model, self._tensors, self._inputs)

    def fails(self, group: Exchange) -> str | None:
        """Why a group must stay as it is, if it must."""
        order = random_order(group, self._generator)
        try:
            tensors = reordered(self._tensors, group, order)
        except (RuntimeError, IndexError, ValueError):
            return "they lie in unequal numbers of places"
        after = outputs_of(self._model, tensors, self._inputs)
        most = self._before.abs().max().clamp_min(1e-30)
        if bool((after - self._before).abs().max() <= _TOLERANCE * most):
            return None
        return "the network's outputs change when they change places"

    def _disturbed(self, value: Tensor) -> Tensor:
        if not value.is_floating_point():
            return value
        noise = torch.rand(value.shape, generator=self._generator).to(value.device)
        single = value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
        return single + noise * (0.1 + 0.1 * single.abs())


def _dotted(module: str, attribute: str) -> str:
    return f"{module}.{attribute}" if module else attribute
