"""Which parameters a mask may hold: the layers' weights, and what belongs to a unit as a whole."""

from collections.abc import Iterable
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from surfeit.core import Layer, layers, own_parameters, ties, unknown
from surfeit.prune.chain import leaves

Mask = dict[str, Tensor]  # bool by parameter name, True = kept, on the CPU


def prunable(model: nn.Module, also: Iterable[str] = ()) -> list[str]:
    """The names of the parameters that may be masked: the weights of all layers, in model order.

    Biases and the parameters of normalisations are never among them unless named.

    >>> prunable(lenet_300_100())
    ['fc1.weight', 'fc2.weight', 'fc3.weight']

    Args:
        model: any module; a weight that two layers share has the first one's name.
        also: further parameters to prune, e.g. `("fc1.bias",)`.

    Raises:
        ValueError: if a name in `also` is no parameter (the nearest are suggested), or a layer
            computes its weight from other parameters, as weight normalisation does.
    """
    own, tied = own_parameters(model), ties(model)
    extra = {also} if isinstance(also, str) else set(also)
    for name in sorted(extra - own.keys()):
        raise unknown("parameter", name, own)
    known = {id(parameter) for parameter in model.parameters()}
    weights: set[str] = set()
    for name, module in layers(model).items():
        if id(module.weight) not in known:
            raise ValueError(
                f"layer {name!r} computes its weight from other parameters (a parametrisation): "
                "make the weight a parameter of its own first (remove_parametrizations)"
            )
        weight = f"{name}.weight" if name else "weight"
        weights.add(tied[weight].to if weight in tied else weight)
    return [name for name in own if name in weights or name in extra]


def unit_parameters(model: nn.Module) -> dict[str, list[str]]:
    """The parameters, by layer, whose first index is a unit of it: what goes when a unit goes.

    The weight, the bias, and weight and bias of each BatchNorm that follows directly in a (possibly
    nested) `nn.Sequential`. Transposed convolutions, whose first index is an input, are left out.
    """
    names = {id(value): name for name, value in model.named_parameters()}
    behind = normalisations(model)
    found: dict[str, list[str]] = {}
    for name, module in layers(model).items():
        if module.weight is None or getattr(module, "transposed", False):
            continue
        modules: list[nn.Module] = [module, *behind.get(name, {}).values()]
        parts = [getattr(part, kind) for part in modules for kind in ("weight", "bias")]
        found[name] = [names[id(part)] for part in parts if id(part) in names]
    return found


def normalisations(model: nn.Module) -> dict[str, dict[str, _BatchNorm]]:
    """By layer: the BatchNorms that follow it directly in a (possibly nested) `nn.Sequential`."""
    names = {id(module): name for name, module in layers(model).items()}
    found: dict[str, dict[str, _BatchNorm]] = {}
    for chain_name, chain in model.named_modules():
        for (_, module), (name, follower) in pairwise(leaves(chain, chain_name)):
            if isinstance(module, Layer) and isinstance(follower, _BatchNorm):
                found.setdefault(names[id(module)], {})[name] = follower
    return found


def layer_of(name: str) -> str:
    """The layer that a parameter belongs to: `"block.fc1"` of `"block.fc1.weight"`."""
    return name.removesuffix(".weight").removesuffix(".bias")
