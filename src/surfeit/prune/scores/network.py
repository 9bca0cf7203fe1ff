"""A private copy of a network to measure on: masked, in evaluation mode, lifted and checked."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from surfeit.core import (
    Layer,
    check_finite,
    check_tensor,
    copied,
    full_precision,
    layers,
    own_parameters,
)


def weight_name(layer: str) -> str:
    """The parameter name of a layer's weight; the model itself is the layer called ""."""
    return f"{layer}.weight" if layer else "weight"


def prunable_layers(model: nn.Module) -> dict[str, Layer]:
    """The layers whose weight is a parameter of their own; of a shared one, the first.

    Raises:
        ValueError: if a layer computes its weight from other parameters.
    """
    own = own_parameters(model)
    held = {id(value) for value in model.parameters()}
    found = {}
    for name, layer in layers(model).items():
        if weight_name(name) in own:
            found[name] = layer
        elif id(layer.weight) not in held:
            raise ValueError(
                f"layer {name!r} computes its weight from other parameters "
                f"({', '.join(part for part, _ in layer.named_parameters())}): make the weight a "
                "parameter first, by torch.nn.utils.parametrize.remove_parametrizations or "
                "torch.nn.utils.prune.remove"
            )
    return found


def check_initial(model: nn.Module, initial: Mapping[str, Tensor], names: list[str]) -> None:
    """Says where initial weights do not fit the model; tensors beside `names` are not looked at.

    Raises:
        ValueError: if one of `names` is missing, of another shape, not finite or not floating
            point.
    """
    own = dict(model.named_parameters())
    missing = [name for name in names if name not in initial]
    if missing:
        raise ValueError(
            f"the initial weights lack {', '.join(missing)}: pass all weights of the same "
            "architecture, e.g. initial=run.tensors(0)"
        )
    for name in names:
        check_tensor(f"the initial {name}", initial[name])
        _check_shape(name, "initial weights", initial[name], own[name])
        check_finite(full_precision(initial[name], f"the initial {name}"), f"the initial {name}")


def private_copy(model: nn.Module, mask: Mapping[str, Tensor]) -> nn.Module:
    """A deep copy in evaluation mode, without gradients, its removed weights at zero.

    Half precision is lifted to float32, buffers included: what is measured is the same function
    without that type's rounding in between.

    Raises:
        ValueError: if a parameter, once masked, is not finite, or a layer's weight holds integers
            or complex numbers.
    """
    own = copied(model).eval().requires_grad_(False)
    for name, layer in layers(own).items():
        full_precision(layer.weight, f"weights of layer {name!r}")
    lift_(own)
    for name, value in own.named_parameters():
        value.grad = None
        if name in mask:
            # A removed weight is zero whatever stood there: 0 x NaN would be NaN.
            value.masked_fill_(~mask[name].to(value.device), 0.0)
        check_finite(value, name)
    return own


def check_statistics(network: nn.Module) -> None:
    """Says so if an image's outputs depend on those beside it, and so on the batch size.

    Raises:
        ValueError: if a batch normalisation keeps no running statistics.
    """
    for name, module in network.named_modules():
        if isinstance(module, _BatchNorm) and module.running_mean is None:
            raise ValueError(
                f"{name!r} keeps no running statistics, so that an image's outputs depend on the "
                "others beside it: scores that look at images need track_running_stats=True"
            )


def lift_(network: nn.Module) -> None:
    """Makes half precision float32, in parameters and buffers; what shares memory still does."""
    lifted: dict[int, Tensor] = {}
    for value in (*network.parameters(), *network.buffers()):
        if not value.is_floating_point() or value.dtype in (torch.float32, torch.float64):
            continue
        storage = value.untyped_storage()
        if storage.data_ptr() not in lifted:
            whole = torch.empty(0, dtype=value.dtype, device=value.device).set_(storage)
            lifted[storage.data_ptr()] = whole.float()
        of = lifted[storage.data_ptr()]
        value.data = of.as_strided(value.shape, value.stride(), value.storage_offset())


def _check_shape(name: str, what: str, given: Tensor, own: Tensor) -> None:
    if given.shape != own.shape:
        raise ValueError(
            f"{name} is {list(own.shape)} in the model, {list(given.shape)} in the {what}: "
            "is it of another architecture?"
        )
