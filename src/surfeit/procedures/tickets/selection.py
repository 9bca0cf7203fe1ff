"""Which places a level keeps: by weight, or by unit for structured tickets.

Places go by parameter name or, for structured tickets, by layer: units that are added together, as
in a residual stream, are one place, named after their first layer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor, nn

from surfeit.core import CollapseError
from surfeit.models import Structure
from surfeit.procedures.tickets.config import Granularity, TicketConfig
from surfeit.procedures.tickets.controls import Mask
from surfeit.prune.alive import alive_units
from surfeit.prune.allocation import global_mask, layer_rates, layerwise_mask
from surfeit.prune.prunable import layer_of, prunable, weights_of
from surfeit.prune.scores import SCORES, Evidence
from surfeit.prune.unit_scores import unit_score_named
from surfeit.prune.unit_selection import alive_places, maskings
from surfeit.prune.units import Masking, mask_without


@dataclass(frozen=True, eq=False)
class Places:
    """The places of one network that a search keeps or removes.

    Args:
        network: left as it is; it must not change, since what its units need is found once.
        structure: of the network.
        granularity: what a place is.
    """

    network: nn.Module
    structure: Structure
    granularity: Granularity

    @property
    def by_unit(self) -> bool:
        """Whether places are whole units."""
        return self.granularity == "unit"

    @cached_property
    def units(self) -> dict[str, Masking]:
        """What structured tickets remove: the layers whose units can go, one for each group.

        Raises:
            ValueError: if the network cannot be followed.
        """
        layers = self.structure.layers.items()
        return maskings(self.structure, [name for name, layer in layers if layer.multiplies])

    @cached_property
    def sizes(self) -> dict[str, int]:
        """How many places there are, by parameter or, of units, by layer name."""
        if self.by_unit:
            return {name: masking.removal.units for name, masking in self.units.items()}
        own = dict(self.network.named_parameters())
        return {name: own[name].numel() for name in prunable(self.network)}

    def to_mask(self, kept: Mapping[str, Tensor]) -> Mask:
        """The mask of weights, by parameter name, that keeps these places alone."""
        if not self.by_unit:
            return dict(kept)
        removed = {layer: ~places for layer, places in kept.items()}
        return mask_without(self.network, self.units, removed)

    def of_mask(self, mask: Mapping[str, Tensor]) -> Mask:
        """The places that a mask of weights keeps: the reverse of `to_mask`.

        A unit that is kept may have no weights left, where all that it read is gone: its bias
        tells.
        """
        if not self.by_unit:
            return dict(mask)
        own = alive_units(self.network, mask)
        for name, layer in self.structure.layers.items():
            for part in layer.biases:
                if part.tensor in mask:
                    own[name] = part.matrix(mask[part.tensor][:, None]).any(1)
        return {name: alive_places(masking.removal, own) for name, masking in self.units.items()}


def select(
    config: TicketConfig,
    places: Places,
    evidence: Evidence,
    level: int,
    *,
    within: Mapping[str, Tensor] | None,
) -> Mask:
    """The places that a level keeps: those with the largest scores.

    Args:
        config: names the score, the allocation and the rates.
        places: of the dense network.
        evidence: the network as the level before ended, or the dense network.
        level: in [1, levels].
        within: the places that the level before kept, by the same names; None for all.

    Returns:
        bool by parameter name or, for structured tickets, by layer name over its units.

    Raises:
        CollapseError: if a layer would keep none.
        ValueError: if the score cannot be computed for this network.
    """
    if places.by_unit:
        scored = unit_score_named(config.score).of(evidence, places.units)
        scores = {name: own.scores for name, own in scored.items()}
    else:
        scores = SCORES[config.score](evidence)
    try:
        return _allocated(config, places, level, scores, within)
    except CollapseError as error:
        raise CollapseError(
            f"level {level} would leave a layer without {config.granularity}s: {error}"
        ) from error


def _allocated(
    config: TicketConfig,
    places: Places,
    level: int,
    scores: Mapping[str, Tensor],
    within: Mapping[str, Tensor] | None,
) -> Mask:
    densities = densities_of(config, places, level)
    scores = {name: scores[name] for name in densities}
    if config.allocation == "layerwise":
        return layerwise_mask(scores, _at_most(densities, within), mask=within)
    apart = _apart(config, places)
    pooled = {name: score for name, score in scores.items() if name not in apart}
    kept = global_mask(pooled, densities[next(iter(pooled))], mask=_of(pooled, within))
    own = {name: scores[name] for name in apart}
    if own:
        kept |= layerwise_mask(own, _of(own, densities), mask=_of(own, within))
    return kept


def densities_of(config: TicketConfig, places: Places, level: int) -> dict[str, float]:
    """The fraction to keep at a level, by parameter or, for structured tickets, by layer name.

    `(1 − rate)^level` with the layer's rate; under `global` the names that are pooled have one.

    Raises:
        ValueError: if the network cannot be followed and output layers have a rate of their own.
    """
    return {name: (1 - rate) ** level for name, rate in _rates(config, places).items()}


def _rates(config: TicketConfig, places: Places) -> dict[str, float]:
    structure = places.structure
    conv_rate = config.rate if config.conv_rate is None else config.conv_rate
    if places.by_unit:
        kinds = {name: structure.layers[name].kind for name in places.units}
        return {
            name: conv_rate if "convolution" in kind else config.rate
            for name, kind in kinds.items()
        }
    pooled = config.allocation == "global" and config.output_rate is None
    output_rate = config.rate if pooled else config.output_rate
    if output_rate == config.rate == conv_rate:
        return dict.fromkeys(places.sizes, config.rate)  # whichever layers are outputs
    if structure.obstacle is not None:
        raise ValueError(
            f"which layers are outputs is not known, since the network cannot be followed: "
            f"{structure.obstacle}. Give output layers the rate of all others, "
            f"output_rate={config.rate}, and no conv_rate"
        )
    return layer_rates(
        places.network,
        config.rate,
        output_rate=output_rate,
        conv_rate=conv_rate,
        structure=structure,
    )


def check_levels(
    config: TicketConfig, model: nn.Module, structure: Structure | None = None
) -> None:
    """Says before any training which level would empty a layer, or remove nothing.

    Raises:
        CollapseError: naming layer and level. (What a `global` allocation leaves of a layer shows
            in its scores only; here the weights must suffice for one a layer.)
        ValueError: if there is nothing to remove, a level would keep all that the one before kept,
            there is a rate for convolutions and no convolution, or the network cannot be followed
            and it must be.
    """
    structure = structure or Structure.of(model)
    places = Places(model, structure, config.granularity)
    sizes = places.sizes
    if not sizes:
        raise ValueError(f"the network has no {config.granularity}s that may be removed")
    if config.conv_rate is not None and not any(
        "convolution" in layer.kind for layer in structure.layers.values()
    ):
        raise ValueError(
            f"conv_rate = {config.conv_rate} is of convolutions, and the network has none"
        )
    before = dict(sizes)
    for level in range(1, config.levels + 1):
        counts = _counts(config, places, level)
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


def _counts(config: TicketConfig, places: Places, level: int) -> dict[str, int]:
    """How many places each layer keeps; under `global`, an even share where one each must do."""
    sizes = places.sizes
    densities = densities_of(config, places, level)
    counts = {name: round(densities[name] * size) for name, size in sizes.items()}
    apart = _apart(config, places)
    together = [name for name in counts if name not in apart]
    if config.allocation == "layerwise" or not together:
        return counts
    total = round(densities[together[0]] * sum(sizes[name] for name in together))
    return counts | {
        name: total // len(together) + (place < total % len(together))
        for place, name in enumerate(together)
    }


def _apart(config: TicketConfig, places: Places) -> list[str]:
    """Under `global`, what is not pooled with the rest: output layers with their own rate."""
    if config.allocation != "global" or config.output_rate is None:
        return []
    if config.output_rate == config.rate and places.structure.obstacle is not None:
        return []
    return output_weights(places.network, places.structure)


def output_weights(model: nn.Module, structure: Structure) -> list[str]:
    """The names of the output layers' weights that may be pruned.

    Raises:
        ValueError: if the network cannot be followed.
    """
    outputs = set(weights_of(model, structure.outputs))
    return [name for name in prunable(model) if name in outputs]


def _at_most(
    densities: Mapping[str, float], within: Mapping[str, Tensor] | None
) -> dict[str, float]:
    """The densities, none above what is left: what a removed unit was all of goes with it."""
    if within is None:
        return dict(densities)
    return {
        name: min(density, int(within[name].sum()) / within[name].numel())
        for name, density in densities.items()
    }


def _of(names: Iterable[str], values: Mapping[str, Any] | None) -> Any:
    return None if values is None else {name: values[name] for name in names}
