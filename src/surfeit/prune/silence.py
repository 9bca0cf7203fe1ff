"""Which parameters make a removed unit zero where it is read: its own, or its readers'."""

from collections.abc import Iterable, Iterator
from functools import cached_property

import torch
from jaxtyping import Int64
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.rnn import RNNBase, RNNCellBase

from surfeit.core import copied, ties, unwrapped
from surfeit.models import Structure
from surfeit.models.structure import check_uncomputed
from surfeit.prune.removal import Place, Removal, Site
from surfeit.prune.rerun import Rerun

# A parameter's name, and the removal's unit that each of its entries belongs to; -1 for none.
Owned = tuple[str, Int64[Tensor, "..."]]


def companions(model: nn.Module, removal: Removal) -> Iterator[Owned]:
    """The parameters that go with units: weights, biases, and batch normalisations on their way.

    A batch normalisation that other layers' units pass too, or whose parameters are another's too,
    is left alone.

    Raises:
        ValueError: if a layer computes its weight from other parameters.
    """
    for member, numbers in removal.members.items():
        described = removal.structure.layer(member)
        if described.kind == "radial":
            continue  # with its centre at zero a unit answers all the same
        check_uncomputed(described)
        for part in (*described.weights, *described.biases):
            path, _, attribute = part.tensor.rpartition(".")
            value = getattr(model.get_submodule(path), attribute)
            owners = part.owners(value.shape)
            yield part.tensor, torch.where(owners >= 0, numbers[owners.clamp(min=0)], -1)
    yield from _normalised(model, removal)


class Silenced:
    """A private copy of a network, which is run with the companions of a removal at zero.

    Only a run tells which readers then see something else than zero, as behind a sigmoid. One copy
    serves removal after removal: what each of them zeroes is put back.

    Args:
        model: the network, left as it is and copied at the first run: it must not change until the
            last one.
        structure: of the network.
    """

    def __init__(self, model: nn.Module, structure: Structure) -> None:
        self.model, self._structure = unwrapped(model), structure

    @cached_property
    def _rerun(self) -> Rerun:
        own = copied(self.model).eval().requires_grad_(False)
        functions = frozenset((name, 0) for name in self._structure.functions)
        return Rerun(own, functions, frozenset())

    @torch.no_grad()
    def spoken(self, removal: Removal) -> tuple[Site, ...]:
        """The sites where units are not zero although all of their companions are.

        Cost: a forward pass on one example.
        """
        own = self._rerun.model
        owned = [(own.get_parameter(name), of) for name, of in companions(self.model, removal)]
        before = [value.clone() for value, _ in owned]
        spoken: list[Site] = []
        gone = torch.ones(removal.units, dtype=torch.bool)

        def enter(place: Place, tensors: list[Tensor]) -> list[Tensor]:
            look(place, tensors)
            return tensors

        def look(place: Place | None, tensors: list[Tensor]) -> None:
            for site in removal.sites_of(place):
                value = tensors[site.place]
                if not torch.equal(site.without(value, gone, None), value):
                    spoken.append(site)

        try:
            for value, of in owned:
                value.masked_fill_((of >= 0).to(value.device), 0.0)
            look(None, [self._rerun.run(self._structure.example, enter)])
        finally:
            for (value, _), whole in zip(owned, before, strict=True):
                value.copy_(whole)
        return tuple(spoken)


def read_columns(model: nn.Module, removal: Removal, spoken: Iterable[Site]) -> Iterator[Owned]:
    """The weights by which readers read units at these sites.

    Raises:
        ValueError: if such a reader has no weights of its own for a unit that it reads.
    """
    for site in spoken:
        if site.call is None:
            raise ValueError(
                f"a mask cannot remove {removal.words}: they reach the network's result behind "
                "functions that make something else of zero"
            )
        yield from _columns(model, removal, site)


def check_untied(model: nn.Module, removal: Removal) -> None:
    """Says so if what goes with the units is tied to parameters of others, which would lose it too.

    Raises:
        ValueError: naming the two parameters.
    """
    tied = ties(model)
    layers = [removal.structure.layer(member) for member in removal.members]
    for part in (part for layer in layers for part in (*layer.weights, *layer.biases)):
        place = tied[part.tensor].to if part.tensor in tied else part.tensor
        names = [place, *(name for name, tie in tied.items() if tie.to == place)]
        other = next((name for name in names if name != part.tensor), None)
        if other is not None:
            raise ValueError(
                f"a mask of weights cannot remove {removal.words}: {part.tensor!r} is {other!r} "
                "too, which would lose them as well. Remove them with removal_curve or "
                "outputs_without, which need no mask"
            )


def _normalised(model: nn.Module, removal: Removal) -> Iterator[Owned]:
    passed: dict[str, Tensor] = {}
    for member, numbers in removal.members.items():
        for reader in removal.structure.normalisations(member):
            module = model.get_submodule(reader.name)
            assert isinstance(module, _BatchNorm)
            channelwise = reader.axis is not None and len(reader.units) == module.num_features
            if module.weight is None or not channelwise or reader.outside is not None:
                continue
            units = passed.setdefault(reader.name, torch.full((module.num_features,), -1))
            mine = torch.where(reader.units >= 0, numbers[reader.units.clamp(min=0)], -1)
            passed[reader.name] = torch.where(mine >= 0, mine, units)
    others = set(removal.structure.layers) - set(removal.members)
    shared = {r.name for other in others for r in removal.structure.normalisations(other)}
    tied = ties(model) if passed else {}
    held = {*tied, *(tie.to for tie in tied.values())}
    for name, units in passed.items():
        own = f"{name}.weight", f"{name}.bias"
        if name not in shared and held.isdisjoint(own):
            yield from ((parameter, units) for parameter in own)


def _columns(model: nn.Module, removal: Removal, site: Site) -> Iterator[Owned]:
    """The reader's weights of what it reads at a site."""
    assert site.call is not None
    names = dict(model.named_modules())
    module = names.get(site.call[0])
    contracted = -len(module.kernel_size) - 1 if isinstance(module, _ConvNd) else -1
    name = _weight_read(module, site.place)
    if (
        name is None
        or site.axis != contracted
        or site.outside is not None
        or not _always_reads(model, removal, site, name)
    ):
        raise ValueError(
            f"a mask of weights cannot remove {removal.words}: where {site.call[0]!r} reads them "
            "they are not zero once their own weights are, and it has no weights that read single "
            "units. Remove them with removal_curve or outputs_without, which need no mask"
        )
    weight = getattr(module, name)
    assert module is not None
    yield f"{site.call[0]}.{name}" if site.call[0] else name, _by_input(module, weight, site.units)


def _always_reads(model: nn.Module, removal: Removal, site: Site, weight: str) -> bool:
    """Whether a reader reads the same units in each of its calls, by a weight of its own."""
    assert site.call is not None
    name = site.call[0]
    same = [
        other
        for other in removal.sites
        if other.call is not None
        and (other.call[0], other.place, other.axis) == (name, site.place, site.axis)
        and torch.equal(other.units, site.units)
    ]
    full = f"{name}.{weight}" if name else weight
    tied = ties(model)
    alone = full not in tied and all(tie.to != full for tie in tied.values())
    structure = removal.structure
    layer = next(own for own, described in structure.layers.items() if described.module == name)
    return alone and len(same) == structure.calls(layer)


def _weight_read(module: nn.Module | None, place: int) -> str | None:
    """The weight that a module multiplies one of its inputs with."""
    if isinstance(module, nn.Linear | _ConvNd):
        return "weight"
    if isinstance(module, RNNBase) and place == 0:
        return "weight_ih_l0" if not module.bidirectional else None
    if isinstance(module, RNNCellBase) and place == 0:
        return "weight_ih"
    return None


def _by_input(module: nn.Module, weight: Tensor, units: Tensor) -> Tensor:
    """The unit that each entry of a weight reads."""
    owners = torch.full(weight.shape, -1, dtype=torch.int64)
    tail = [1] * (weight.dim() - 2)
    if isinstance(module, _ConvTransposeNd):
        return owners.copy_(units.view(-1, 1, *tail))
    groups = module.groups if isinstance(module, _ConvNd) else 1
    rows = owners.unflatten(0, (groups, -1))
    rows.copy_(units.view(groups, 1, -1, *tail))
    return owners
