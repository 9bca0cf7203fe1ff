"""Iterative pruning: which fraction of what survives each parameter loses a level."""

from collections.abc import Mapping
from numbers import Real

from torch import Tensor, nn

from surfeit.core.parameters import check_mask_kind
from surfeit.models import Structure
from surfeit.prune.allocation.candidates import check_names
from surfeit.prune.checks import check_bool, collapse
from surfeit.prune.prunable import prunable, weights_of


def level_densities(mask: Mapping[str, Tensor], rates: Mapping[str, float]) -> dict[str, float]:
    """The densities of the next level: each parameter loses its rate of what survives.

    A parameter of n weights, of which s survive, keeps `round((1 − rate) s) / n`; as densities for
    `layerwise_mask`. A handful of survivors may round to themselves: then nothing is removed there.

    Args:
        mask: of the level before; `full_mask(model)` at level 0.
        rates: fraction of the survivors to remove, in [0, 1), for each parameter of the mask.

    Raises:
        ValueError: if a rate is outside [0, 1), or the names of mask and rates differ.
        CollapseError: if a parameter would keep none, naming its layer.

    Source: Frankle and Carbin 2019, section 1 ("20 % of the weights that survive").
    """
    check_mask_kind(mask)
    if not isinstance(rates, Mapping):
        raise ValueError(
            f"rates must be by parameter name, such as layer_rates(model) gives, got {rates!r:.200}"
        )
    check_names("rate", rates, mask)
    result: dict[str, float] = {}
    for name, value in mask.items():
        check_bool(name, value)
        check_rate(rates[name], f" for {name!r}")
        count = round((1 - rates[name]) * int(value.sum()))
        if count == 0:
            raise collapse(name, value.numel())
        result[name] = count / value.numel()
    return result


def layer_rates(
    model: nn.Module,
    rate: float = 0.2,
    *,
    output_rate: float | None = None,
    conv_rate: float | None = None,
    structure: Structure | None = None,
) -> dict[str, float]:
    """Rates a level, by parameter, for the weights of all layers: output layers lose less.

    Args:
        model: any network that `Structure` can follow: it says which layers are outputs.
        rate: fraction of the survivors that a layer loses each level, in [0, 1).
        output_rate: the same for output layers; half of `rate` if not given.
        conv_rate: the same for convolutions; `rate` if not given.
        structure: of the model, if it is at hand.

    Raises:
        ValueError: if a rate is outside [0, 1), or the network cannot be followed.

    Source: Frankle and Carbin 2019, figure 2: LeNet 20 %, its output layer 10 %; Conv-2, 4, 6
    convolutions 10, 10, 15 %, linear layers 20 %, output 10 %.
    """
    known = structure if structure is not None else Structure.of(model)
    check_rate(rate)
    output_rate = rate / 2 if output_rate is None else output_rate
    conv_rate = rate if conv_rate is None else conv_rate
    for value in (output_rate, conv_rate):
        check_rate(value)
    convolutions = [name for name, own in known.layers.items() if "convolution" in own.kind]
    rates = dict.fromkeys(weights_of(model, known.layers), rate)
    rates |= dict.fromkeys(weights_of(model, convolutions), conv_rate)
    rates |= dict.fromkeys(weights_of(model, known.outputs), output_rate)
    return {name: rates[name] for name in prunable(model)}


def check_rate(rate: float, where: str = "") -> None:
    """Checks that a rate is in [0, 1).

    Raises:
        ValueError: if it is not.
    """
    if not isinstance(rate, Real) or not 0 <= rate < 1:
        raise ValueError(
            f"rate must be in [0, 1), the fraction removed a level, got {rate!r:.100}{where}"
        )
