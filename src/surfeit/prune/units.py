"""Masks of whole units: what is removed is exactly zero wherever it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from surfeit.core import CollapseError, converted_, copied, own_parameters, ties
from surfeit.models import Structure
from surfeit.prune.prunable import Mask, prunable
from surfeit.prune.removal import Removal, Site
from surfeit.prune.silence import Owned, Silenced, check_untied, companions, read_columns
from surfeit.prune.without import WithoutUnits


def unit_mask(
    model: nn.Module,
    removed: Mapping[str, Tensor | Sequence[int]],
    *,
    structure: Structure | None = None,
) -> Mask:
    """The mask that removes whole units: a removed unit is exactly zero wherever it is read.

    The same removal as `removal_curve`'s, by weights alone. Masked are the unit's weight vector
    and its bias and, of each batch normalisation that it passes, its weight and bias there; and
    where something else than zero would come of that, as behind a sigmoid, the weights by which
    its readers read it. These are the cases in which a mask touches biases and normalisations
    unnamed. Units that are added to others, as in a residual stream, go as one group: the indices
    are those of `structure.group(layer)`.

    >>> unit_mask(lenet_300_100(), {"fc1": [0, 7]})

    Args:
        model: any network that `Structure` can follow.
        removed: by layer: bool [units], True = removed, or the units' indices, in [0, units); one
            layer of a group stands for all of it.
        structure: of the model, if it is at hand; needed where no inputs can be made up for it.

    Returns:
        the mask of all layers' weights, and of the other parameters of each layer in `removed`.

    Raises:
        ValueError: if there is no such layer or unit (for a layer, the nearest are suggested), its
            units mix before they are read, two layers of one group are named, or no mask of weights
            removes them and nothing else: they pass a normalisation over units behind a sigmoid,
            or their weights are tied to others.
        CollapseError: if all units of a layer are removed, naming it.

    Cost: a forward pass for each layer named.
    """
    if not isinstance(removed, Mapping):
        raise ValueError(f"removed must be units by layer, {{'fc1': [0, 7]}}, got {removed!r}")
    known = structure if structure is not None else Structure.of(model)
    silenced = Silenced(model, known)
    maskings = {name: Masking(Removal.of(known, name, outputs=True), silenced) for name in removed}
    return mask_without(model, maskings, removed)


@dataclass(frozen=True, eq=False)
class Masking:
    """The removal of units by weights alone: which of them a mask takes, and how.

    Which readers speak of a removed unit is found by running the network once and kept: the
    network must not change meanwhile.

    Args:
        removal: the units.
        silenced: the network, which several removals may share.
    """

    removal: Removal
    silenced: Silenced

    def on(self, silenced: Silenced) -> "Masking":
        """The removal of the same units from another network of this structure."""
        return self if silenced.model is self.silenced.model else Masking(self.removal, silenced)

    @cached_property
    def _spoken(self) -> tuple[Site, ...]:
        check_untied(self.silenced.model, self.removal)
        return self.silenced.spoken(self.removal)

    def remove_(self, mask: Mask, gone: Bool[Tensor, " units"]) -> None:
        """Adds the removal of some units to a mask, in place.

        Raises:
            ValueError: as `unit_mask`.
        """
        model, removal = self.silenced.model, self.removal
        own, tied = own_parameters(model), ties(model)
        owned = [*companions(model, removal)]
        if bool(gone.any()):
            owned += read_columns(model, removal, self._spoken)
            _check_functions(model, removal, gone, owned)
        for name, owners in owned:
            place = name
            if name in tied:
                place = tied[name].to
                owners = tied[name].inverse(owners, own[place].shape)
            kept = mask.setdefault(place, torch.ones(own[place].shape, dtype=torch.bool))
            kept &= ~(gone[owners.clamp(min=0)] & (owners >= 0))


def mask_without(
    model: nn.Module,
    maskings: Mapping[str, Masking],
    removed: Mapping[str, Tensor | Sequence[int]],
) -> Mask:
    """As `unit_mask`, of removals that are known already.

    Args:
        model: the network of the maskings.
        maskings: by layer, of all that are in `removed`.
        removed: as of `unit_mask`.

    Raises:
        ValueError, CollapseError: as `unit_mask`.
    """
    own = own_parameters(model)
    result = {name: torch.ones(own[name].shape, dtype=torch.bool) for name in prunable(model)}
    taken: dict[str, str] = {}
    for name, units in removed.items():
        removal = maskings[name].removal
        gone = _places(removal, units)
        for member in removal.members:
            if member in taken:
                raise ValueError(
                    f"layers {taken[member]!r} and {name!r} go together, {removal.words}: name one"
                )
            taken[member] = name
        if bool(gone.all()):
            raise CollapseError(
                f"layer {name!r} would be left without units: all {removal.units:,} are to be "
                "removed"
            )
        maskings[name].remove_(result, gone)
    return result


@torch.no_grad()
def _check_functions(model: nn.Module, removal: Removal, gone: Tensor, owned: list[Owned]) -> None:
    """Says so if a function multiplies by what would be masked, and so loses something else too."""
    functions = {called: _arguments(called) for called in removal.structure.functions}
    names = [name for name, _ in owned if any(name in used for used in functions.values())]
    if not names:
        return
    without = WithoutUnits(model, removal, dtype=torch.float64, keep_bias=False)
    example = removal.structure.example
    right = next(without.removed(without.front(example), gone.nonzero().flatten()))
    masked = converted_(copied(model), torch.float64).eval().requires_grad_(False)
    for name, owners in owned:
        lost = gone[owners.clamp(min=0)] & (owners >= 0)
        masked.get_parameter(name).masked_fill_(lost.to(without.device), 0.0)
    inputs = example.double() if example.is_floating_point() else example
    if not torch.allclose(masked(inputs), right, rtol=1e-6, atol=1e-9 * float(right.abs().max())):
        users = ", ".join(called for called, used in functions.items() if names[0] in used)
        raise ValueError(
            f"a mask cannot remove {removal.words}: {names[0]!r} is used by a function as well, "
            f"{users}, which would lose "
            "more than these units. Remove them with removal_curve or outputs_without"
        )


def _arguments(called: str) -> list[str]:
    """The parameters in a function's name: `linear(encoder.weight, bias)`."""
    return called.partition("(")[2].removesuffix(")").split(", ")


def _places(removal: Removal, units: Tensor | Sequence[int]) -> Tensor:
    """The removed units as bool [units]."""
    given, count, name = torch.as_tensor(units).cpu(), removal.units, removal.name
    if given.dtype == torch.bool:
        if given.shape != (count,):
            raise ValueError(
                f"layer {name!r} has {count:,} units, got removed units as bool {list(given.shape)}"
            )
        return given
    gone = torch.zeros(count, dtype=torch.bool)
    if given.numel() == 0:
        return gone
    if given.is_floating_point() or given.dim() != 1:
        raise ValueError(
            f"removed units of layer {name!r} must be bool [units] or a list of indices, "
            f"got {given.dtype} {list(given.shape)}"
        )
    if int(given.min()) < 0 or int(given.max()) >= count:
        raise ValueError(
            f"layer {name!r} has units 0 to {count - 1:,}, got {int(given.min())} to "
            f"{int(given.max())}"
        )
    gone[given] = True
    return gone
