"""A network of frozen weights whose mask is trained: one score a weight, 0 or 1 when it is used."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from surfeit.core import Params, call, copied, layers, ties
from surfeit.prune.scores.network import weight_name


class MaskedNetwork(nn.Module, ABC):
    """A network with frozen weights `w` and trained scores `s`: its layers compute with `w ∘ g(s)`.

    The scores are this module's only parameters (`network.fc1.scores`, shaped like the weights);
    all parameters of the network itself become buffers, which no optimiser sees. Biases and
    normalisation stay as they are. So `surfeit.train.train` trains the mask like any module, and
    `run.model(into=...)` reads it back.

    Args:
        network: with at least one layer; copied, never changed.
        scores: first scores by the name of the weight (`"fc1.weight"`), shaped like it.

    Raises:
        ValueError: if it is no module, has no layer, or a layer's weight is computed from others
            or shared with another layer.
    """

    def __init__(self, network: nn.Module, scores: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._names = [name for name, _ in network.named_parameters()]
        self.network = _frozen(network)
        for name, layer in layers(self.network).items():
            first = scores[weight_name(name)].detach().clone()
            layer.register_parameter("scores", nn.Parameter(first))

    def forward(self, images: Tensor) -> Tensor:
        """The network's outputs with its weights masked."""
        masked = {
            weight_name(name): layer.weight * self.gate(layer)
            for name, layer in layers(self.network).items()
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
        return {
            weight_name(name): self.kept(layer).cpu()
            for name, layer in layers(self.network).items()
        }

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
        for layer in layers(network).values():
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


def scores_of(layer: nn.Module) -> Tensor:
    """A layer's scores, also where a functional call stands another tensor in their place."""
    scores = layer.scores
    assert isinstance(scores, Tensor)
    return scores


def check_network(network: object) -> nn.Module:
    """The network, if a mask of its weights can be trained.

    Raises:
        ValueError: as `MaskedNetwork`.
    """
    if not isinstance(network, nn.Module):
        raise ValueError(
            f"network must be a module such as lenet_300_100(), got {network!r}: "
            "build it first, its weights are the frozen ones"
        )
    found = layers(network)
    if not found:
        raise ValueError(
            f"the network has no Linear or convolution layer to mask, got {type(network).__name__}"
        )
    computed = [name for name, layer in found.items() if "weight" not in layer._parameters]
    if computed:
        raise ValueError(
            f"the weights of {', '.join(computed)} are no parameters of their own "
            "(parametrised, or frozen already): give the plain network"
        )
    tied = [name for name in ties(network) if name.rpartition(".")[0] in found]
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
