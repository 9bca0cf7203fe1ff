"""Inputs that a network takes: as they were given, or found where none are at hand."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.rnn import RNNBase

from surfeit.models.blocks import RadialBasis
from surfeit.models.structure.as_found import as_found
from surfeit.models.structure.calls import (
    Passes,
    UnfollowableError,
    check_modules,
    tensors_in,
    with_tensors,
)

_USUAL = (32, 28, 8, 16, 64, 224, 96, 128, 299)
_SIDES = (*_USUAL, *(side for side in range(1, 64) if side not in _USUAL))
_STEPS = 8


def placed(example: Any, model: nn.Module) -> Any:
    """The example on the model's device and, where it is floating point, of its precision."""
    floats = (value for value in model.parameters() if value.is_floating_point())
    like = next(floats, None)
    if like is None:
        return example
    return with_tensors(
        example,
        [
            value.to(like.device, like.dtype if value.is_floating_point() else None)
            for value in tensors_in(example)
        ],
    )


def passes_without_example(model: nn.Module) -> Passes:
    """The passes on the first input that the network takes, of those its layers suggest.

    One example in the shape that a layer reads, layer by layer in the order of registration:
    [1, inputs], [1, channels, side, ...] with the usual sides and all below 64, [1, 8, inputs],
    [1, 8] tokens. Only one of the right shape runs through to the end; which one it is changes
    nothing in the edges.

    Raises:
        UnfollowableError: if it takes none of them, or cannot be followed.
    """
    check_modules(model)
    first = next(model.parameters(), None)
    like = torch.zeros(()) if first is None else first
    for example in _candidates(model, like):
        if _takes(model, example):
            return Passes(model, example)
    raise UnfollowableError(
        "which layers read which is found by running the network, and no inputs of a shape that it "
        "takes are known: give an example, Structure.of(model, inputs[:1])"
    )


def _candidates(model: nn.Module, like: Tensor) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        values = torch.randn(shape, generator=generator)
        return values.to(like.device, like.dtype if like.is_floating_point() else None)

    for module in model.modules():
        if isinstance(module, nn.Linear):
            yield drawn(1, module.in_features)
        elif isinstance(module, RadialBasis):
            yield drawn(1, module.inputs)
        elif isinstance(module, _ConvNd):
            for side in _SIDES:
                yield drawn(1, module.in_channels, *[side] * len(module.kernel_size))
        elif isinstance(module, RNNBase):
            yield drawn(1, _STEPS, module.input_size)
        elif isinstance(module, nn.MultiheadAttention):
            yield drawn(1, _STEPS, module.embed_dim)
        elif isinstance(module, nn.Embedding):
            tokens = torch.randint(module.num_embeddings, (1, _STEPS), generator=generator)
            yield tokens.to(like.device)


def _takes(model: nn.Module, example: Tensor) -> bool:
    try:
        with torch.no_grad(), as_found(model):
            model(example)
    except Exception:  # whatever a foreign forward pass may raise on a shape that does not fit
        return False
    return True
