"""Masks of whole units: what is removed is exactly zero, bias and batch normalisation included."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from surfeit.core import CollapseError, check_tensor, layer, layers, unknown
from surfeit.prune.allocation import Allocation, layerwise_mask, uniform_mask
from surfeit.prune.checks import check_alike
from surfeit.prune.prunable import Mask, layer_of, normalisations, prunable, unit_parameters


def unit_mask(model: nn.Module, removed: Mapping[str, Tensor | Sequence[int]]) -> Mask:
    """The mask that removes whole units: a removed unit's output is exactly zero.

    Masked are the unit's weight vector (its row of `W`) and its bias and, where a BatchNorm follows
    the layer directly in a (possibly nested) `nn.Sequential`, that one's weight and bias. This is
    the one case in which a mask touches biases and normalisations unnamed. Behind other modules a
    zero may become something else, as behind a sigmoid.

    >>> unit_mask(lenet_300_100(), {"fc1": [0, 7]})

    Args:
        model: any module.
        removed: by layer: bool [units], True = removed, or the units' indices, in [0, units).

    Returns:
        the mask of all layers' weights, and of the other parameters of each layer in `removed`.

    Raises:
        ValueError: if there is no such layer or unit (for a layer, the nearest are suggested), the
            layer's first index is no unit (transposed convolutions), or the BatchNorm behind it
            cannot give zero: without weight and bias of its own, or shared with another layer.
        CollapseError: if all units of a layer are removed, naming it.
    """
    own, parts = dict(model.named_parameters()), unit_parameters(model)
    result = {name: torch.ones(own[name].shape, dtype=torch.bool) for name in prunable(model)}
    for name, units in removed.items():
        count = len(layer(model, name).weight)
        _check_removable(model, name)
        gone = _places(name, units, count)
        if bool(gone.all()):
            raise CollapseError(
                f"layer {name!r} would be left without units: all {count:,} are to be removed"
            )
        for part in parts[name]:
            kept = result.setdefault(part, torch.ones(own[part].shape, dtype=torch.bool))
            kept[gone] = False
    return result


def unit_mask_from_scores(
    model: nn.Module,
    scores: Mapping[str, Tensor],
    density: float | Mapping[str, float],
    *,
    mask: Mapping[str, Tensor] | None = None,
    allocation: Allocation = uniform_mask,
) -> Mask:
    """The mask that keeps the units with the largest scores; the output layer keeps all of its own.

    Args:
        model: any module; its last layer is the output layer, whose scores are not looked at.
        scores: [units] by layer, larger = kept; layers without scores keep all units.
        density: fraction of the units to keep, in (0, 1]: of all layers with scores as the
            allocation says, or for each layer by name.
        mask: the mask to stay within; a unit of which no weight survives stays removed.
        allocation: shares one density out over the layers: `uniform_mask`, the same in each, or
            `global_mask`, the largest scores of all layers together.

    Returns:
        the mask, as `unit_mask` gives it, within `mask`. Of equal scores the first units are kept.

    Raises:
        ValueError: if a layer is unknown, the scores are not [units] or NaN, the density is out of
            (0, 1] or above what survives, or as `unit_mask`.
        CollapseError: if a layer would keep no unit, naming it.
    """
    output = next(reversed(layers(model)), None)
    _check_scores(model, scores)
    chosen = {name: score for name, score in scores.items() if name != output}
    if not chosen:
        raise ValueError(
            f"no layer to remove units from: the output layer {output!r} keeps all of its own, and "
            "no other has scores"
        )
    alive = None if mask is None else {name: _alive(model, name, mask) for name in chosen}
    if isinstance(density, Mapping):
        kept = layerwise_mask(chosen, density, mask=alive)
    else:
        kept = allocation(chosen, density, mask=alive)
    result = unit_mask(model, {name: ~units for name, units in kept.items()})
    if mask is None:
        return result
    shared = {name: mask[name] for name in result if name in mask}
    check_alike({name: result[name] for name in shared}, shared)
    within = {name: result[name] & value.cpu() for name, value in shared.items()}
    return {**result, **{name: value.clone() for name, value in mask.items()}, **within}


def unit_densities(mask: Mapping[str, Tensor]) -> dict[str, float]:
    """The fraction of each layer's units of which any weight is kept, by layer, in [0, 1]."""
    return {
        layer_of(name): _units(value).double().mean().item()
        for name, value in mask.items()
        if value.dim() > 1
    }


def unit_density(mask: Mapping[str, Tensor]) -> float:
    """The fraction of all layers' units of which any weight is kept, in [0, 1].

    Raises:
        ValueError: if the mask has no layer's weight.
    """
    units = [_units(value) for value in mask.values() if value.dim() > 1]
    if not units:
        raise ValueError("a mask without weights [units, inputs, ...] has no units")
    return torch.cat(units).double().mean().item()


def _units(weight: Tensor) -> Tensor:
    return weight.cpu().flatten(1).any(1)


def _alive(model: nn.Module, name: str, mask: Mapping[str, Tensor]) -> Tensor:
    weight = unit_parameters(model)[name][0]
    if weight not in mask:
        raise unknown("parameter in the mask", weight, mask)
    return _units(mask[weight])


def _check_scores(model: nn.Module, scores: Mapping[str, Tensor]) -> None:
    for name, score in scores.items():
        units = len(layer(model, name).weight)
        _check_removable(model, name)
        check_tensor(f"the scores of layer {name!r}", score)
        if score.shape != (units,):
            raise ValueError(
                f"the scores of layer {name!r} must be [{units}], one a unit, "
                f"got {list(score.shape)}"
            )


def _check_removable(model: nn.Module, name: str) -> None:
    if name not in unit_parameters(model):
        raise ValueError(
            f"layer {name!r} is a {type(layer(model, name)).__name__}: units are removed from "
            "Linear and Conv1d, Conv2d, Conv3d"
        )
    behind = normalisations(model)
    for follower, module in behind.get(name, {}).items():
        if module.weight is None:
            raise ValueError(
                f"{follower!r} behind layer {name!r} has no weight and bias: removed units would "
                "not be zero behind it; build it with affine=True"
            )
        others = [other for other in behind if module in behind[other].values() and other != name]
        if others:
            raise ValueError(
                f"{follower!r} follows {', '.join(map(repr, [name, *others]))}: removing a unit of "
                "one would remove one of the others"
            )


def _places(name: str, units: Tensor | Sequence[int], count: int) -> Tensor:
    """The removed units as bool [units]."""
    given = torch.as_tensor(units).cpu()
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
