"""Iterative pruning: which fraction of what survives each parameter loses a level."""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from surfeit.core import layers
from surfeit.prune.allocation.candidates import check_names
from surfeit.prune.checks import collapse
from surfeit.prune.prunable import prunable


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
    check_names("rate", rates, mask)
    result: dict[str, float] = {}
    for name, value in mask.items():
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
) -> dict[str, float]:
    """Rates a level, by parameter, for the weights of all layers: the last layer loses less.

    Args:
        model: any module; its last layer is taken for the output layer.
        rate: fraction of the survivors that a layer loses each level, in [0, 1).
        output_rate: the same for the output layer; half of `rate` if not given.
        conv_rate: the same for convolutions; `rate` if not given.

    Raises:
        ValueError: if a rate is outside [0, 1).

    Source: Frankle and Carbin 2019, figure 2: LeNet 20 %, its output layer 10 %; Conv-2, 4, 6
    convolutions 10, 10, 15 %, linear layers 20 %, output 10 %.
    """
    output_rate = rate / 2 if output_rate is None else output_rate
    conv_rate = rate if conv_rate is None else conv_rate
    for value in (rate, output_rate, conv_rate):
        check_rate(value)
    modules = list(layers(model).values())
    convolutions = {id(module.weight) for module in modules if isinstance(module, _ConvNd)}
    own, last = dict(model.named_parameters()), modules[-1].weight if modules else None
    return {
        name: output_rate
        if own[name] is last
        else conv_rate
        if id(own[name]) in convolutions
        else rate
        for name in prunable(model)
    }


def check_rate(rate: float, where: str = "") -> None:
    """Checks that a rate is in [0, 1).

    Raises:
        ValueError: if it is not.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate must be in [0, 1), the fraction removed a level, got {rate}{where}")
