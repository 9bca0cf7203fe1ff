"""A private copy of a network to measure on: masked, in evaluation mode, lifted and checked."""

from collections.abc import Mapping

from torch import Tensor, nn

from surfeit.core import check_finite, check_tensor, copied, full_precision, lift_
from surfeit.models.structure import layers, tensor


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
    for layer in layers(own).values():
        for part in layer.weights:
            full_precision(tensor(own, part.tensor), f"weights of layer {layer.label}")
    lift_(own)
    for name, value in own.named_parameters():
        value.grad = None
        if name in mask:
            # A removed weight is zero whatever stood there: 0 x NaN would be NaN.
            value.masked_fill_(~mask[name].to(value.device), 0.0)
        check_finite(value, name)
    return own


def _check_shape(name: str, what: str, given: Tensor, own: Tensor) -> None:
    if given.shape != own.shape:
        raise ValueError(
            f"{name} is {list(own.shape)} in the model, {list(given.shape)} in the {what}: "
            "is it of another architecture?"
        )
