"""What becomes of a weight that a mask keeps (mask-1 actions) or removes (mask-0 actions).

Each action maps what is known of a layer's weights to new ones of the same shape; which of them is
used where, the mask says (`untrained`).

Source of all: Zhou, Lan, Liu and Yosinski 2019, sections 3 and 4.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from surfeit.core import Params, Streams, check_mask_fits, copied
from surfeit.procedures.signs import deviation, randomly_signed, signed
from surfeit.procedures.supermasks.masked import check_module, check_network, masked_layers


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """What is known of a layer's weights.

    Args:
        initial: before training.
        trained: after it, shaped alike.
        kept: the layer's mask, bool, shaped alike.
        generator: for actions that draw.
    """

    initial: Tensor
    trained: Tensor
    kept: Tensor
    generator: torch.Generator


Action = Callable[[Weights], Tensor]


def rewind(weights: Weights) -> Tensor:
    """The initial weights."""
    return weights.initial


def reinit(weights: Weights) -> Tensor:
    """New draws from `N(0, sd²)` with the standard deviation of the layer's initial weights."""
    draws = torch.randn(weights.initial.shape, generator=weights.generator)
    return draws.to(weights.initial.dtype) * deviation(weights.initial)


def signed_reinit(weights: Weights) -> Tensor:
    """New draws as `reinit`, each with the sign of its initial weight."""
    return reinit(weights).abs() * weights.initial.sign()


def reshuffle(weights: Weights) -> Tensor:
    """The initial weights that are kept, permuted among their places."""
    values = weights.initial[weights.kept]
    order = torch.randperm(len(values), generator=weights.generator)
    return weights.initial.masked_scatter(weights.kept, values[order])


def random_constant(weights: Weights) -> Tensor:
    """`± sd` of the layer's initial weights, with random signs."""
    return randomly_signed(weights.initial, deviation(weights.initial), weights.generator)


def signed_constant(weights: Weights) -> Tensor:
    """`sign(w) · sd` of the layer's initial weights `w`."""
    return signed(weights.initial, deviation(weights.initial))


def zero(weights: Weights) -> Tensor:
    """Zeros: pruning as it is."""
    return torch.zeros_like(weights.initial)


def freeze(weights: Weights) -> Tensor:
    """The initial weights: what is not kept stays untrained."""
    return weights.initial


def zero_inward(weights: Weights) -> Tensor:
    """Zero where training moved the weight toward zero, `|trained| < |initial|`; else initial."""
    inward = weights.trained.abs() < weights.initial.abs()
    return weights.initial.masked_fill(inward, 0)


KEPT: Mapping[str, Action] = MappingProxyType(
    {
        "rewind": rewind,
        "reinit": reinit,
        "signed_reinit": signed_reinit,
        "reshuffle": reshuffle,
        "random_constant": random_constant,
        "signed_constant": signed_constant,
    }
)
"""Mask-1 actions by name."""

REMOVED: Mapping[str, Action] = MappingProxyType(
    {"zero": zero, "freeze": freeze, "variant": zero_inward}
)
"""Mask-0 actions by name; `variant` is the paper's variant 1."""


def signed_constants(network: nn.Module) -> nn.Module:
    """A copy whose layers' weights are `sign(w) · sd`, one `sd` a layer.

    Raises:
        ValueError: if there is no layer.
    """
    constant = copy.deepcopy(check_network(network))
    with torch.no_grad():
        for layer in masked_layers(constant).values():
            weight = layer.get_parameter("weight")
            weight.copy_(signed(weight, deviation(weight)))
    return constant


def untrained(
    network: nn.Module,
    mask: Mapping[str, Tensor],
    trained: Mapping[str, Tensor],
    *,
    kept: Action = rewind,
    removed: Action = zero,
    generator: torch.Generator | None = None,
) -> nn.Module:
    """A copy of an untrained network whose masked weights are as the two actions say.

    `w := mask ∘ kept(w) + (1 − mask) ∘ removed(w)`, layer by layer; all other parameters and
    buffers are the network's own, untrained.

    Args:
        network: with its initial weights.
        mask: bool tensors by parameter name, True = kept.
        trained: the weights after training by parameter name, shaped alike.
        kept: what kept weights become (mask-1 action).
        removed: what removed weights become (mask-0 action).
        generator: for actions that draw; that of seed 0 if None.

    Raises:
        ValueError: if a name is missing or a mask is not bool and shaped like its weight.
    """
    result = copied(check_module(network))
    params: Params = dict(result.named_parameters())
    check_mask_fits(result, mask)
    generator = generator or Streams(0).get("actions")
    for name, chosen in mask.items():
        _check(name, params[name], trained)
        weights = Weights(
            initial=params[name].detach().clone(),
            trained=trained[name],
            kept=chosen,
            generator=generator,
        )
        with torch.no_grad():
            params[name].copy_(torch.where(chosen, kept(weights), removed(weights)))
    return result


def _check(name: str, weight: Tensor, trained: Mapping[str, Tensor]) -> None:
    if name not in trained:
        raise ValueError(f"the mask names {name}, which is no parameter of the trained weights")
    if trained[name].shape != weight.shape:
        raise ValueError(
            f"the trained {name} must be {list(weight.shape)} as the network's, "
            f"got {list(trained[name].shape)}"
        )
