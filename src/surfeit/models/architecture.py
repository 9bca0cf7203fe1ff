"""An architecture as plain JSON, and the module built from it again.

A run stores this description instead of code: what it says is all that a `Sequential` of standard
modules needs to be built anew, in any process, without pickle.
"""

from collections import OrderedDict
from typing import Any

from torch import nn

# What each module's constructor is given, in the module's own attribute names.
_OPTIONS: dict[str, tuple[type[nn.Module], tuple[str, ...]]] = {
    "Linear": (nn.Linear, ("in_features", "out_features")),
    "Conv1d": (
        nn.Conv1d,
        ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups"),
    ),
    "Conv2d": (
        nn.Conv2d,
        ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups"),
    ),
    "BatchNorm1d": (nn.BatchNorm1d, ("num_features", "eps", "momentum", "affine")),
    "BatchNorm2d": (nn.BatchNorm2d, ("num_features", "eps", "momentum", "affine")),
    "MaxPool2d": (nn.MaxPool2d, ("kernel_size", "stride", "padding", "ceil_mode")),
    "AvgPool2d": (nn.AvgPool2d, ("kernel_size", "stride", "padding", "ceil_mode")),
    "AdaptiveAvgPool2d": (nn.AdaptiveAvgPool2d, ("output_size",)),
    "Dropout": (nn.Dropout, ("p",)),
    "LeakyReLU": (nn.LeakyReLU, ("negative_slope",)),
    "ReLU": (nn.ReLU, ()),
    "GELU": (nn.GELU, ()),
    "Tanh": (nn.Tanh, ()),
    "Sigmoid": (nn.Sigmoid, ()),
    "Flatten": (nn.Flatten, ()),
    "Identity": (nn.Identity, ()),
}
_HAS_BIAS = ("Linear", "Conv1d", "Conv2d")


def describe(model: nn.Module) -> dict[str, Any]:
    """The architecture as JSON values, the same for equal architectures.

    A (nested) `nn.Sequential` of standard modules is described whole and can be built again by
    `rebuild`. Anything else is described by its class and its printed structure, which tells two
    architectures apart but cannot be built from.
    """
    if type(model) is nn.Sequential:
        parts = [{"name": name} | describe(child) for name, child in model.named_children()]
        if all("class" not in part for part in parts):
            return {"type": "Sequential", "parts": parts}
    name = type(model).__name__
    known = _OPTIONS.get(name)
    if known is None or type(model) is not known[0]:
        kind = type(model)
        return {"class": f"{kind.__module__}.{kind.__qualname__}", "structure": repr(model)}
    options = {option: _plain(getattr(model, option)) for option in known[1]}
    if name in _HAS_BIAS:
        options["bias"] = model.bias is not None
    return {"type": name, "options": options}


def rebuild(architecture: dict[str, Any]) -> nn.Module:
    """The module that `describe` described, its weights yet to be loaded or drawn.

    Raises:
        ValueError: if the description is of a module that only its own code can build.
    """
    if "class" in architecture:
        raise ValueError(
            f"a {architecture['class']} cannot be built from its description alone: build it with "
            "its own code and pass it, e.g. run.model(into=MyNetwork())"
        )
    if architecture["type"] == "Sequential":
        parts = [(part["name"], rebuild(part)) for part in architecture["parts"]]
        return nn.Sequential(OrderedDict(parts))
    kind, _ = _OPTIONS[architecture["type"]]
    options = architecture["options"].items()
    return kind(**{name: _tupled(value) for name, value in options})


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _tupled(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
