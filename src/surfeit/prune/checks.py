"""What a mask must be: of the model's architecture, nested in the one before, alive everywhere."""

from collections.abc import Iterable, Iterator, Mapping
from numbers import Real

import torch
from torch import Tensor, nn

from surfeit.core import CollapseError, ProtocolError, check_mask_fits
from surfeit.models import Structure
from surfeit.models.structure import layers
from surfeit.prune.alive import alive_units
from surfeit.prune.prunable import layer_of, prunable


def check_mask(
    model: nn.Module,
    mask: Mapping[str, Tensor],
    *,
    also: Iterable[str] = (),
    structure: Structure | None = None,
) -> None:
    """Checks that a mask belongs to the model: its names, shapes and dtype.

    Biases and the parameters of normalisations may be in it only where `also` names them or, as in
    a `unit_mask`, where they go with a whole unit, i.e. with all weights of that unit.

    Args:
        model: what the mask is to be applied to.
        mask: bool by parameter name, True = kept; every layer's weight must be in it.
        also: parameters that may be pruned beside the layers' weights.
        structure: of the model, if it is at hand.

    Raises:
        ValueError: if the mask is of another architecture (a name or a shape differs) or not bool.
        ProtocolError: if it removes from a bias or a normalisation that nobody named.
    """
    allowed = prunable(model, also)
    check_mask_fits(model, mask)
    for name in allowed:
        if name not in mask:
            raise ValueError(
                f"the mask says nothing of {name!r}: start from full_mask(model), or the mask is "
                f"of another architecture (it has {', '.join(mask) or 'no parameters'})"
            )
    for name in mask:
        if name not in allowed:
            _check_whole_units(structure or Structure.of(model), model, mask, name)


def check_alike(
    a: Mapping[str, Tensor],
    b: Mapping[str, Tensor],
    *,
    what: tuple[str, str] = ("the first mask", "the second"),
) -> None:
    """Checks that two masks have the same names, each with the same shape, and are bool.

    Raises:
        ValueError: if not, naming what differs.
    """
    if a.keys() != b.keys():
        first, second = sorted(a.keys() - b.keys()), sorted(b.keys() - a.keys())
        raise ValueError(
            f"{what[0]} and {what[1]} are of different parameters: only the one has {first}, only "
            f"the other {second}"
        )
    for name, value in a.items():
        check_bool(name, value)
        check_bool(name, b[name])
        _check_shapes(name, value, b[name], what)


def check_nested(inner: Mapping[str, Tensor], outer: Mapping[str, Tensor]) -> None:
    """Checks that `inner` keeps nothing that `outer` removed; what a mask does not name is kept.

    Args:
        inner: the later mask, e.g. of level l + 1.
        outer: the earlier one, of level l.

    Raises:
        ProtocolError: if removed weights came back, naming the parameter and how many.
        ValueError: if a parameter's shapes differ or it is not bool.
    """
    for name, before in outer.items():
        check_bool(name, before)
        if name in inner:
            check_bool(name, inner[name])
            _check_shapes(name, inner[name], before)
        revived = ~before & inner[name] if name in inner else ~before
        count = int(revived.sum())
        if count:
            raise ProtocolError(
                f"masks must only shrink, but {count:,} weights of {name!r} that were removed "
                "are kept again"
            )


def check_alive(mask: Mapping[str, Tensor]) -> None:
    """Checks that every parameter of the mask keeps at least one entry.

    Raises:
        CollapseError: if one keeps none, naming its layer.
    """
    for name, value in mask.items():
        if not bool(value.any()):
            raise collapse(name, value.numel())


def check_density(density: float, where: str = "") -> None:
    """Checks that a density is in (0, 1].

    Raises:
        ValueError: if it is not.
    """
    if not isinstance(density, Real) or not 0 < density <= 1:
        raise ValueError(f"density must be in (0, 1], got {density!r}{where}")


def collapse(name: str, size: int) -> CollapseError:
    """The error for a parameter of `size` entries that would keep none."""
    return CollapseError(
        f"layer {layer_of(name)!r} would be left without weights: none of the {size:,} of "
        f"{name!r} would be kept; raise the density, or give this layer one of its own "
        "(layerwise_mask)"
    )


def check_bool(name: str, value: object) -> None:
    """Checks that a parameter's mask is a bool tensor.

    Raises:
        ValueError: if it is not.
    """
    if not isinstance(value, Tensor) or value.dtype != torch.bool:
        kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"the mask of {name!r} must be a bool tensor, True = kept, got {kind}")


def _check_shapes(
    name: str, a: Tensor, b: Tensor, what: tuple[str, str] = ("the first mask", "the second")
) -> None:
    if a.shape != b.shape:
        raise ValueError(
            f"{what[0]} and {what[1]} are of different architectures: {name!r} is "
            f"{list(a.shape)} and {list(b.shape)}"
        )


def _check_whole_units(
    structure: Structure, model: nn.Module, mask: Mapping[str, Tensor], name: str
) -> None:
    """A bias or normalisation entry may go only with all weights of its unit."""
    removed = ~mask[name].cpu()
    found = False
    spoken = torch.zeros(removed.shape, dtype=torch.bool)
    for owners, alive in _owners(structure, model, mask, name):
        found = True
        spoken |= alive[owners.clamp(min=0)] & (owners >= 0)
    if not found:
        raise ProtocolError(
            f"the mask holds {name!r}, which is no layer's weight: biases and normalisations are "
            f"never pruned unless named, also=({name!r},)"
        )
    stray = removed & spoken
    if bool(stray.any()):
        raise ProtocolError(
            f"the mask removes {int(stray.sum()):,} entries of {name!r} whose units keep "
            "weights: biases and normalisations are never pruned unless named, "
            f"also=({name!r},)"
        )


def _owners(
    structure: Structure, model: nn.Module, mask: Mapping[str, Tensor], name: str
) -> Iterator[tuple[Tensor, Tensor]]:
    """Whose units a bias or a normalisation's entries are, and which of these keep weights."""
    alive = alive_units(model, mask)
    for layer, described in layers(model).items():
        for part in described.biases:
            if part.tensor == name and layer in alive:
                yield part.owners(mask[name].shape), alive[layer]
    if structure.obstacle is not None:
        return
    for layer in alive:
        for reader in structure.normalisations(layer):
            if name in (f"{reader.name}.weight", f"{reader.name}.bias") and reader.axis is not None:
                yield reader.units, alive[layer]
