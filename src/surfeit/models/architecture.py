"""An architecture as plain JSON, and the module built from it again.

A run stores this description instead of code: what it says is all that a `Sequential` of standard
modules needs to be built anew, in any process, without pickle.
"""

from collections import OrderedDict
from typing import Any

import torch
from torch import nn

_CONV = (
    "in_channels",
    "out_channels",
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "groups",
    "padding_mode",
)
_NORM = ("num_features", "eps", "momentum", "affine", "track_running_stats")
_AVERAGE = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")

# All that each module's constructor is given and the module's outputs depend on, in the module's
# own attribute names; `bias` is a bool. (`inplace` changes no output.)
_OPTIONS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Linear: ("in_features", "out_features", "bias"),
    nn.Conv1d: (*_CONV, "bias"),
    nn.Conv2d: (*_CONV, "bias"),
    nn.BatchNorm1d: _NORM,
    nn.BatchNorm2d: _NORM,
    nn.MaxPool2d: (
        "kernel_size",
        "stride",
        "padding",
        "dilation",
        "return_indices",
        "ceil_mode",
    ),
    nn.AvgPool2d: (*_AVERAGE, "divisor_override"),
    nn.AdaptiveAvgPool2d: ("output_size",),
    nn.Dropout: ("p",),
    nn.LeakyReLU: ("negative_slope",),
    nn.ReLU: (),
    nn.GELU: ("approximate",),
    nn.Tanh: (),
    nn.Sigmoid: (),
    nn.Flatten: ("start_dim", "end_dim"),
    nn.Identity: (),
}
_KINDS = {kind.__name__: kind for kind in _OPTIONS}


def describe(model: nn.Module) -> dict[str, Any]:
    """The architecture as JSON values, the same for equal architectures.

    A (nested) `nn.Sequential` of standard modules is described whole and can be built again by
    `rebuild`. Anything else is described by its class and its printed structure, which tells two
    architectures apart but cannot be built from; so is a module with hooks.
    """
    if type(model) is nn.Sequential and not _is_hooked(model):
        parts = [{"name": name} | describe(child) for name, child in model.named_children()]
        if all(is_rebuildable(part) for part in parts):
            return {"type": "Sequential", "parts": parts}
    kind = type(model)
    if kind not in _OPTIONS or _is_hooked(model):
        return {"class": f"{kind.__module__}.{kind.__qualname__}", "structure": repr(model)}
    options = {name: _option(model, name) for name in _OPTIONS[kind]}
    return {"type": kind.__name__, "options": options}


def is_rebuildable(architecture: dict[str, Any]) -> bool:
    """Whether `rebuild` can build what `describe` described."""
    return "class" not in architecture


def rebuild(architecture: dict[str, Any]) -> nn.Module:
    """The module that `describe` described, its weights yet to be loaded or drawn.

    Raises:
        ValueError: if the description is of a module that only its own code can build.
    """
    if not is_rebuildable(architecture):
        raise ValueError(
            f"a {architecture['class']} cannot be built from its description alone, so no command "
            "can measure it. In Python build it with its own code and pass it: "
            "run.model(into=MyNetwork()), write_report(run, data, out, into=MyNetwork())"
        )
    if architecture["type"] == "Sequential":
        parts = [(part["name"], rebuild(part)) for part in architecture["parts"]]
        return nn.Sequential(OrderedDict(parts))
    options = architecture["options"].items()
    # torch draws weights at once: from a generator of its own, not from the caller's.
    with torch.random.fork_rng([]):
        return _KINDS[architecture["type"]](**{name: _tupled(value) for name, value in options})


def _is_hooked(module: nn.Module) -> bool:
    """Whether code of the user's own runs with the module's, as weight normalisation's does."""
    return bool(module._forward_pre_hooks or module._forward_hooks or module._backward_hooks)


def _option(module: nn.Module, name: str) -> object:
    value = getattr(module, name)
    if name == "bias":
        return value is not None
    return list(value) if isinstance(value, tuple) else value


def _tupled(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
