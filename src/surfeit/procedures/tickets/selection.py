"""Which places a level keeps: by weight, or by unit for structured tickets."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from surfeit.core import CollapseError, layers
from surfeit.procedures.tickets.config import Granularity, TicketConfig
from surfeit.procedures.tickets.controls import Mask
from surfeit.prune.allocation import global_mask, layer_rates, layerwise_mask
from surfeit.prune.prunable import layer_of, prunable
from surfeit.prune.scores import SCORES, UNIT_SCORES, Evidence
from surfeit.prune.units import unit_mask


def select(
    config: TicketConfig, evidence: Evidence, level: int, *, within: Mapping[str, Tensor] | None
) -> Mask:
    """The places that a level keeps: those with the largest scores.

    Args:
        config: names the score, the allocation and the rates.
        evidence: the network as the level before ended, or the dense network.
        level: in [1, levels].
        within: the places that the level before kept, by the same names; None for all.

    Returns:
        bool by parameter name or, for structured tickets, by layer name over its units.

    Raises:
        CollapseError: if a layer would keep none.
        ValueError: if the score cannot be computed for this network.
    """
    by_unit = config.granularity == "unit"
    found = (UNIT_SCORES if by_unit else SCORES)[config.score](evidence)
    try:
        return _allocated(config, evidence.model, level, found, within)
    except CollapseError as error:
        raise CollapseError(
            f"level {level} would leave a layer without {config.granularity}s: {error}"
        ) from error


def _allocated(
    config: TicketConfig,
    model: nn.Module,
    level: int,
    found: Mapping[str, Tensor],
    within: Mapping[str, Tensor] | None,
) -> Mask:
    densities = densities_of(config, model, level)
    scores = {name: found[name] for name in densities}
    if config.allocation == "layerwise":
        return layerwise_mask(scores, densities, mask=within)
    apart = _apart(config, model)
    pooled = {name: score for name, score in scores.items() if name not in apart}
    kept = global_mask(pooled, densities[next(iter(pooled))], mask=_of(pooled, within))
    own = {name: scores[name] for name in apart}
    if own:
        kept |= layerwise_mask(own, _of(own, densities), mask=_of(own, within))
    return kept


def to_mask(granularity: Granularity, model: nn.Module, kept: Mapping[str, Tensor]) -> Mask:
    """The mask of weights, by parameter name, that keeps these places alone."""
    if granularity == "weight":
        return dict(kept)
    return unit_mask(model, {layer: ~places for layer, places in kept.items()})


def places_of(granularity: Granularity, model: nn.Module, mask: Mapping[str, Tensor]) -> Mask:
    """The places that a mask of weights keeps: the reverse of `to_mask`."""
    if granularity == "weight":
        return dict(mask)
    return {layer_of(name): mask[name].flatten(1).any(1) for name in _removable("unit", model)}


def densities_of(config: TicketConfig, model: nn.Module, level: int) -> dict[str, float]:
    """The fraction to keep at a level, by parameter or, for structured tickets, by layer name.

    `(1 − rate)^level` with the layer's rate; under `global` the names that are pooled have one.
    """
    pooled = config.allocation == "global" and config.output_rate is None
    output_rate = config.rate if pooled else config.output_rate
    rates = layer_rates(model, config.rate, output_rate=output_rate, conv_rate=config.conv_rate)
    names = _removable(config.granularity, model)
    return {_place(config, name): (1 - rates[name]) ** level for name in names}


def check_levels(config: TicketConfig, model: nn.Module) -> None:
    """Says before any training which level would empty a layer, or remove nothing.

    Raises:
        CollapseError: naming layer and level. (What a `global` allocation leaves of a layer shows
            in its scores only; here the weights must suffice for one a layer.)
        ValueError: if there is nothing to remove, a level would keep all that the one before kept,
            or there is a rate for convolutions and no convolution.
    """
    sizes = _sizes(config, model)
    if not sizes:
        raise ValueError(f"the network has no {config.granularity}s that may be removed")
    if config.granularity == "unit":
        unit_mask(model, {name: [] for name in sizes})  # says which layer's units cannot go
    if config.conv_rate is not None and not any(
        isinstance(module, _ConvNd) for module in layers(model).values()
    ):
        raise ValueError(
            f"conv_rate = {config.conv_rate} is of convolutions, and the network has none"
        )
    before = dict(sizes)
    for level in range(1, config.levels + 1):
        counts = _counts(config, model, level, sizes)
        for name, count in counts.items():
            if count < 1:
                raise _collapse(config, level, layer_of(name), sizes[name])
        if sum(counts.values()) == sum(before.values()):
            raise ValueError(
                f"level {level} would remove nothing more than level {level - 1}: ask for "
                f"at most {level - 1} levels, or raise the rate"
            )
        before = counts


def _collapse(config: TicketConfig, level: int, layer: str, size: int) -> CollapseError:
    pooled = config.allocation == "global"
    why = (
        "fewer are kept of all layers together than there are layers"
        if pooled
        else f"its {size:,} are too few for {config.levels} levels at its rate"
    )
    return CollapseError(
        f"level {level} would leave layer {layer!r} without {config.granularity}s: {why}; ask for "
        f"at most {level - 1} levels, or lower the rate"
    )


def _counts(
    config: TicketConfig, model: nn.Module, level: int, sizes: Mapping[str, int]
) -> dict[str, int]:
    """How many places each layer keeps; under `global`, an even share where one each must do."""
    densities = densities_of(config, model, level)
    counts = {name: round(densities[name] * size) for name, size in sizes.items()}
    together = [name for name in counts if name not in _apart(config, model)]
    if config.allocation == "layerwise" or not together:
        return counts
    total = round(densities[together[0]] * sum(sizes[name] for name in together))
    return counts | {
        name: total // len(together) + (place < total % len(together))
        for place, name in enumerate(together)
    }


def _sizes(config: TicketConfig, model: nn.Module) -> dict[str, int]:
    own = dict(model.named_parameters())
    by_unit = config.granularity == "unit"
    return {
        _place(config, name): len(own[name]) if by_unit else own[name].numel()
        for name in _removable(config.granularity, model)
    }


def _removable(granularity: Granularity, model: nn.Module) -> list[str]:
    """The weights that may be removed; with whole units all but those of the output layer."""
    names = prunable(model)
    if granularity == "unit":
        names.remove(output_weight(model))
    return names


def _place(config: TicketConfig, name: str) -> str:
    """What a weight's places go by: its own name, or its layer's."""
    return layer_of(name) if config.granularity == "unit" else name


def _apart(config: TicketConfig, model: nn.Module) -> list[str]:
    """Under `global`, what is not pooled with the rest: the output layer if it has its own rate."""
    alone = config.allocation == "global" and config.output_rate is not None
    return [output_weight(model)] if alone else []


def output_weight(model: nn.Module) -> str:
    """The name of the last layer's weight: that is taken for the output layer."""
    last = list(layers(model).values())[-1].weight
    return next(name for name, value in model.named_parameters() if value is last)


def _of(names: Iterable[str], values: Mapping[str, Any] | None) -> Any:
    return None if values is None else {name: values[name] for name in names}
