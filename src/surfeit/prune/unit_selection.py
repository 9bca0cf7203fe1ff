"""Which units to keep, by their scores."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from surfeit.core import check_tensor
from surfeit.models import Structure
from surfeit.prune.alive import alive_units
from surfeit.prune.allocation import Allocation, layerwise_mask, uniform_mask
from surfeit.prune.checks import check_alike
from surfeit.prune.prunable import Mask
from surfeit.prune.removal import Removal
from surfeit.prune.silence import Silenced
from surfeit.prune.units import Masking, mask_without


def unit_mask_from_scores(
    model: nn.Module,
    scores: Mapping[str, Tensor],
    density: float | Mapping[str, float],
    *,
    mask: Mapping[str, Tensor] | None = None,
    allocation: Allocation = uniform_mask,
    structure: Structure | None = None,
) -> Mask:
    """The mask that keeps the units with the largest scores; output layers keep all of their own.

    Layers whose units go together, as in a residual stream, are one: a unit of the group has the
    mean of its members' scores, and the group is called after its first layer.

    Args:
        model: any network that `Structure` can follow.
        scores: [units] by layer, larger = kept; layers without scores keep all units, and so do
            those whose units cannot be removed (`structure.why_not_removable`).
        density: fraction of the units to keep, in (0, 1]: of all layers with scores as the
            allocation says, or for each layer (the first of a group) by name.
        mask: the mask to stay within; a unit of which no weight survives stays removed.
        allocation: shares one density out over the layers: `uniform_mask`, the same in each, or
            `global_mask`, the largest scores of all layers together.
        structure: of the model, if it is at hand.

    Returns:
        the mask, as `unit_mask` gives it, within `mask`. Of equal scores the first units are kept.

    Raises:
        ValueError: if a layer is unknown, the scores are not [units] or NaN, the density is out of
            (0, 1] or above what survives, nothing can be removed, or as `unit_mask`.
        CollapseError: if a layer would keep no unit, naming it.
    """
    known = structure if structure is not None else Structure.of(model)
    _check_scores(known, scores)
    chosen = maskings(known, scores)
    check_any(known, chosen)
    scored = {name: Scored(own, pooled_scores(own.removal, scores)) for name, own in chosen.items()}
    return unit_mask_of(model, scored, density, mask=mask, allocation=allocation, structure=known)


class Scored(NamedTuple):
    """Units that can go, and their scores.

    Args:
        masking: the units.
        scores: float64 [units], larger = kept, on the CPU.
    """

    masking: Masking
    scores: Tensor


def unit_mask_of(
    model: nn.Module,
    scored: Mapping[str, Scored],
    density: float | Mapping[str, float],
    *,
    mask: Mapping[str, Tensor] | None,
    allocation: Allocation,
    structure: Structure,
) -> Mask:
    """As `unit_mask_from_scores`, of removals whose units have their scores already, by name.

    Raises:
        ValueError, CollapseError: as `unit_mask_from_scores`.
    """
    scores = {name: own.scores for name, own in scored.items()}
    alive = None
    if mask is not None:
        own = alive_units(model, mask)
        alive = {name: alive_places(one.masking.removal, own) for name, one in scored.items()}
    share = partial(layerwise_mask if isinstance(density, Mapping) else allocation, scores)
    kept = share(density, mask=alive)  # pyright: ignore[reportArgumentType]
    silenced = Silenced(model, structure)
    chosen = {name: one.masking.on(silenced) for name, one in scored.items()}
    result = mask_without(model, chosen, {name: ~units for name, units in kept.items()})
    if mask is None:
        return result
    shared = {name: mask[name] for name in result if name in mask}
    check_alike({name: result[name] for name in shared}, shared)
    within = {name: result[name] & value.cpu() for name, value in shared.items()}
    return {**result, **{name: value.clone() for name, value in mask.items()}, **within}


def check_any(structure: Structure, chosen: Mapping[str, object]) -> None:
    """Says so if no units can go.

    Raises:
        ValueError: naming the output layers.
    """
    if not chosen:
        outputs = ", ".join(map(repr, structure.outputs))
        raise ValueError(
            f"no layer to remove units from: the output layer {outputs} keeps all of its own, and "
            "no other has scores and units that can go"
        )


def maskings(structure: Structure, names: Iterable[str]) -> dict[str, Masking]:
    """How units of the layers named are removed by masks, one a group, by its first layer.

    Left out are layers whose units cannot be removed (`structure.why_not_removable`), and those of
    which no mask of weights can make them zero where they are read, as a normalisation over units
    behind a shortcut does.

    Raises:
        ValueError: if there are only such as no mask can remove; the first of them is named.

    Cost: a forward pass a layer.
    """
    found: dict[str, Masking] = {}
    refused: list[ValueError] = []
    silenced = Silenced(structure.module(""), structure)
    for name in names:
        first = structure.members(name)[0]
        if first in found or structure.why_not_removable(name) is not None:
            continue
        masking = Masking(Removal.of(structure, first), silenced)
        try:
            masking.remove_({}, torch.arange(masking.removal.units) == 0)
        except ValueError as error:
            refused.append(error)
            continue
        found[first] = masking
    if refused and not found:
        raise refused[0]
    return found


def pooled_scores(removal: Removal, scores: Mapping[str, Tensor]) -> Tensor:
    """The scores of a removal's units: of a group, the means of the members' that have any.

    Args:
        removal: whose units they are.
        scores: [units] by layer.

    Raises:
        ValueError: if no layer of the removal has any.
    """
    given = {name: scores[name].double().cpu() for name in removal.members if name in scores}
    if not given:
        raise ValueError(f"there are no scores of {removal.words}")
    if len(removal.members) == 1:
        (own,) = given.values()
        return own
    total = torch.zeros(removal.units, dtype=torch.float64)
    count = torch.zeros(removal.units, dtype=torch.float64)
    for name, own in given.items():
        total.index_add_(0, removal.members[name], own)
        count.index_add_(0, removal.members[name], torch.ones_like(own))
    return total / count.clamp(min=1)


def alive_places(removal: Removal, own: Mapping[str, Tensor]) -> Tensor:
    """Which of a removal's units keep any weight, from the layers' own: see `alive_units`."""
    alive = torch.zeros(removal.units, dtype=torch.bool)
    for name, places in removal.members.items():
        if name in own:
            alive[places[own[name]]] = True
    return alive


def _check_scores(structure: Structure, scores: Mapping[str, Tensor]) -> None:
    for name, score in scores.items():
        units = structure.layer(name).units
        check_tensor(f"the scores of layer {name!r}", score)
        if score.shape != (units,):
            raise ValueError(
                f"the scores of layer {name!r} must be [{units}], one a unit, "
                f"got {list(score.shape)}"
            )
