"""A chain of modules, cut at a layer: what comes before, what leaves units apart, what follows."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules import activation, batchnorm, conv, dropout, pooling

from surfeit.core import Layer, layer, layers

# Modules that work on each unit by itself: only these may stand between a layer and the next.
_UNITWISE = (
    *(nn.Identity, nn.Flatten, nn.PReLU, nn.Threshold),
    *(nn.ReLU, nn.LeakyReLU, nn.RReLU, nn.ELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Softplus, nn.Softsign, nn.Tanhshrink),
    *(nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.Hardshrink, nn.Softshrink, activation.SELU),
    *(batchnorm.BatchNorm1d, batchnorm.BatchNorm2d, batchnorm.BatchNorm3d),
    *(pooling._MaxPoolNd, pooling._AvgPoolNd),
    *(pooling._AdaptiveAvgPoolNd, pooling._AdaptiveMaxPoolNd),
    dropout._DropoutNd,
)
_SUPPORTED = (
    "elementwise activations, BatchNorm, max, average and adaptive pools, Flatten, Dropout and "
    "Identity"
)


@dataclass(frozen=True)
class Cut:
    """A chain in four parts; run one after another they are the model.

    Args:
        before: everything up to and including the layer.
        layer: the layer itself.
        between: modules that keep the layer's units apart.
        following: the layer that reads the units, or None if they are the model's outputs.
        after: everything behind that.
    """

    before: nn.Sequential
    layer: Layer
    between: nn.Sequential
    following: Layer | None
    after: nn.Sequential

    @property
    def units(self) -> int:
        """The layer's number of units."""
        return len(self.layer.weight)


def cut_at(model: nn.Module, name: str, *, dtype: torch.dtype) -> Cut:
    """A copy of the model in `dtype` and evaluation mode, cut at the layer called `name`.

    Raises:
        ValueError: if there is no such layer, the model is no chain (a possibly nested
            `nn.Sequential`) around it, a module between it and the next layer mixes units, or
            normalisation would depend on which images come together.
    """
    _check_layer(layer(model, name), name)
    own = _copy(model, dtype)
    chain = list(leaves(own, ""))
    start = _place(chain, name)
    stop = start + 1
    while stop < len(chain) and not isinstance(chain[stop][1], Layer):
        _check_unitwise(chain[stop][1], chain[stop][0], name)
        stop += 1
    modules = [module for _, module in chain]
    following = modules[stop] if stop < len(modules) else None
    own_layer = modules[start]
    assert isinstance(own_layer, Layer)
    assert following is None or isinstance(following, Layer)
    if following is not None:
        _check_layer(following, chain[stop][0])
    return Cut(
        before=nn.Sequential(*modules[: start + 1]),
        layer=own_layer,
        between=nn.Sequential(*modules[start + 1 : stop]),
        following=following,
        after=_sparing(modules[stop + 1 :]),
    )


def _copy(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    own = copy.deepcopy(model).to(dtype).eval().requires_grad_(False)
    for name, module in own.named_modules():
        if isinstance(module, batchnorm._BatchNorm) and module.running_mean is None:
            raise ValueError(
                f"{name!r} keeps no running statistics, so that an image's prediction depends on "
                "the others beside it: removal curves need track_running_stats=True"
            )
    return own


def _sparing(modules: list[nn.Module]) -> nn.Sequential:
    # The pre-activations are kept from one removal to the next: nothing may overwrite them.
    known = all(type(module).__module__.startswith("torch.nn.") for module in modules)
    if known and not any(getattr(module, "inplace", False) for module in modules):
        return nn.Sequential(*modules)
    return nn.Sequential(_Clone(), *modules)


class _Clone(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.clone()


def _place(chain: list[tuple[str, nn.Module]], name: str) -> int:
    names = [module_name for module_name, _ in chain]
    if name not in names:
        raise ValueError(
            f"layer {name!r} is inside a module that is no nn.Sequential: removal curves need a "
            "chain, i.e. possibly nested nn.Sequential from the model down to the layer"
        )
    place = names.index(name)
    if sum(module is chain[place][1] for _, module in chain) > 1:
        raise ValueError(f"layer {name!r} is used more than once: removal curves need it used once")
    return place


def leaves(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    """The modules of a (nested) `nn.Sequential` called `name`, by dotted name, in their order."""
    # A subclass may do more than its parts in a row: only Sequential's own forward is a chain.
    if type(module).forward is not nn.Sequential.forward:
        yield name, module
        return
    for child_name, child in module._modules.items():  # named_children leaves repeated modules out
        if child is not None:
            yield from leaves(child, f"{name}.{child_name}" if name else child_name)


def _check_layer(module: nn.Module, name: str) -> None:
    if isinstance(module, conv._ConvTransposeNd):
        raise ValueError(
            f"layer {name!r} is a {type(module).__name__}: removal curves support Linear and "
            "Conv1d, Conv2d, Conv3d"
        )


def _check_unitwise(module: nn.Module, module_name: str, name: str) -> None:
    flat = not isinstance(module, nn.Flatten) or (module.start_dim, module.end_dim) == (1, -1)
    if isinstance(module, _UNITWISE) and flat:
        return
    hidden = f" (with layers {', '.join(layers(module))})" if layers(module) else ""
    raise ValueError(
        f"{module_name!r} behind layer {name!r} is a {module}{hidden}, which may mix units: "
        f"between a layer and the next, removal curves support {_SUPPORTED}"
    )
