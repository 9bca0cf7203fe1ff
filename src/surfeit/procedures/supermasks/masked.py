"""A network of frozen weights whose mask is trained: one score a weight, 0 or 1 when it is used."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from surfeit.core import Params, call, copied, ties
from surfeit.models.structure import layers

_MASKED = ("linear", "convolution", "transposed convolution")


class MaskedNetwork(nn.Module, ABC):
    """A network with frozen weights `w` and trained scores `s`: its layers compute with `w ∘ g(s)`.

    Layers are `Linear` and convolutions, also transposed ones; embeddings are left as they are. The
    scores are this module's only parameters (`network.fc1.scores`, shaped like the weights);
    all parameters of the network itself become buffers, which no optimiser sees. Biases and
    normalisation stay as they are. So `surfeit.train.train` trains the mask like any module, and
    `run.model(into=...)` reads it back.

    Args:
        network: with at least one layer; copied, never changed.
        scores: first scores by the name of the weight (`"fc1.weight"`), shaped like it.

    Raises:
        ValueError: if it is no module, has no layer or one of another kind, or a layer's weight is
            computed from others or shared with another layer.
    """

    def __init__(self, network: nn.Module, scores: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._names = [name for name, _ in network.named_parameters()]
        self.network = _frozen(network)
        self._weights = tuple(masked_layers(self.network))
        for name, layer in self._layers().items():
            layer.register_parameter("scores", nn.Parameter(scores[name].detach().clone()))

    def forward(self, images: Tensor) -> Tensor:
        """The network's outputs with its weights masked."""
        masked = {
            name: layer.get_buffer("weight") * self.gate(layer)
            for name, layer in self._layers().items()
        }
        return call(self.network, masked, images)

    @abstractmethod
    def gate(self, layer: nn.Module) -> Tensor:
        """What a layer's weights are multiplied by, with the gradient of its scores."""

    @abstractmethod
    def kept(self, layer: nn.Module) -> Bool[Tensor, "..."]:
        """A layer's mask in evaluation mode, without gradient."""

    @abstractmethod
    def factor(self, kept: Tensor) -> Tensor | float:
        """What the kept weights of a layer are multiplied by, from its mask as 0 and 1."""

    def mask(self) -> dict[str, Tensor]:
        """The mask of evaluation mode, bool on the CPU by the network's own parameter names."""
        return {name: self.kept(layer).cpu() for name, layer in self._layers().items()}

    def frozen(self) -> Params:
        """Copies of the frozen weights by their names in this module's buffers."""
        own = dict(self.named_buffers())
        return {name: own[name].clone() for name in (f"network.{name}" for name in self._names)}

    def extract(self, mask: Mapping[str, Tensor] | None = None) -> nn.Module:
        """The plain network, with parameters as it came, its weights masked (and rescaled).

        Args:
            mask: bool tensors by the network's parameter names; that of evaluation mode if None.
        """
        network = copy.deepcopy(self.network)
        for layer in self._layers(network).values():
            del layer.scores
            layer._buffers.pop("thresholds", None)
        for name in self._names:
            path, _, leaf = name.rpartition(".")
            module = network.get_submodule(path)
            value = module._buffers.pop(leaf)
            assert value is not None
            module.register_parameter(leaf, nn.Parameter(value))
        with torch.no_grad():
            for name, kept in (self.mask() if mask is None else mask).items():
                weight = network.get_parameter(name)
                kept = kept.to(weight.device, weight.dtype)
                weight.mul_(kept).mul_(self.factor(kept))
        return network

    def _layers(self, network: nn.Module | None = None) -> dict[str, nn.Module]:
        """The masked layers of the network, or of a copy of it, by the names of their weights."""
        own = self.network if network is None else network
        return {name: own.get_submodule(name.rpartition(".")[0]) for name in self._weights}


class StraightThrough(torch.autograd.Function):
    """`hard` forward, the gradient of `soft` backward: `∂L/∂soft := ∂L/∂hard`.

    An autograd function and not `hard + soft − soft.detach()`, whose rounding leaves masks that
    are not exactly 0 or 1. Source: Bengio, Léonard and Courville 2013, section 4.
    """

    @staticmethod
    def forward(ctx: Any, soft: Tensor, hard: Tensor) -> Tensor:
        """`hard`, as it is."""
        return hard

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        """The gradient goes to `soft` unchanged."""
        return grads[0], None


def straight_through(
    soft: Float[Tensor, "*shape"], hard: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """The value `hard` to the last bit with the gradient of `soft`, see `StraightThrough`."""
    return StraightThrough.apply(soft, hard)  # pyright: ignore[reportReturnType]


def masked_layers(network: nn.Module) -> dict[str, nn.Module]:
    """The layers whose weights a mask is trained of, by the names of the weights."""
    return {
        layer.weights[0].tensor: network.get_submodule(layer.module)
        for layer in layers(network).values()
        if layer.kind in _MASKED
    }


def fan_ins(network: nn.Module) -> dict[str, int]:
    """The inputs of a unit of each masked layer: entries of its weight vector, by weight's name."""
    return {
        layer.weights[0].tensor: layer.inputs // layer.groups
        for layer in layers(network).values()
        if layer.kind in _MASKED
    }


def scores_of(layer: nn.Module) -> Tensor:
    """A layer's scores, also where a functional call stands another tensor in their place."""
    scores = layer.scores
    assert isinstance(scores, Tensor)
    return scores


def check_module(network: object) -> nn.Module:
    """The network, if it is one.

    Raises:
        ValueError: if it is no module.
    """
    if not isinstance(network, nn.Module):
        raise ValueError(
            f"network must be a module such as lenet_300_100(), got {network!r}: "
            "build it first, its weights are the frozen ones"
        )
    return network


def check_network(network: object) -> nn.Module:
    """The network, if a mask of its weights can be trained.

    Raises:
        ValueError: as `MaskedNetwork`.
    """
    network = check_module(network)
    found = layers(network)
    kinds = (*_MASKED, "embedding")
    others = [layer for layer in found.values() if layer.kind not in kinds]
    if others:
        kind = type(network.get_submodule(others[0].module)).__name__
        raise ValueError(
            f"masks are trained of Linear and convolution layers, and layer {others[0].label} "
            f"({kind}) is none: take a network without one, or mask its weights by criterion, "
            "untrained_table"
        )
    modules = masked_layers(network)
    if not modules:
        raise ValueError(
            f"the network has no Linear or convolution layer to mask, got {type(network).__name__}"
        )
    computed = [
        name.rpartition(".")[0]
        for name, layer in modules.items()
        if "weight" not in layer._parameters
    ]
    if computed:
        raise ValueError(
            f"the weights of {', '.join(computed)} are no parameters of their own "
            "(parametrised, or frozen already): give the plain network"
        )
    tied = [
        name
        for name in ties(network)
        if name.rpartition(".")[0] in {one.rpartition(".")[0] for one in modules}
    ]
    if tied:
        raise ValueError(
            f"two layers share one weight or bias ({', '.join(tied)}), which two masks cannot: "
            "untie them first"
        )
    return network


def _frozen(network: nn.Module) -> nn.Module:
    """A copy whose parameters are buffers."""
    frozen = copied(network)
    for module in frozen.modules():
        for name in list(module._parameters):
            value = module._parameters.pop(name)
            module.register_buffer(name, None if value is None else value.detach().clone())
    return frozen
