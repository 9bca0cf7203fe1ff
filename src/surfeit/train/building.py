"""A builder's network for a data set, and what a builder must be."""

import inspect

import torch
from torch import nn

from surfeit.core import unwrapped
from surfeit.data import Dataset
from surfeit.models import Builder

_WRITTEN = "def build(*, input_shape, classes, generator): ..."


def built(model: nn.Module | Builder, dataset: Dataset, generator: torch.Generator) -> nn.Module:
    """The network to train: the module itself, or what the builder builds for the data.

    Of a compiled or parallel module it is the network within.

    Args:
        model: a module or a builder.
        dataset: whose input shape and number of outputs a builder is given, the latter as
            `classes`, also where targets are real.
        generator: that a builder draws the initial weights from.

    Raises:
        ValueError: if the model is a class, or a builder that takes other arguments or returns no
            module.
    """
    if isinstance(model, nn.Module):
        return unwrapped(model)
    _check_builder(model)
    network = model(input_shape=dataset.input_shape, classes=dataset.outputs, generator=generator)
    if not isinstance(network, nn.Module):
        raise ValueError(
            f"the builder {_name(model)} returned a {type(network).__name__}: it must return the "
            "module that it built"
        )
    return unwrapped(network)


def _check_builder(builder: Builder) -> None:
    if isinstance(builder, type) and issubclass(builder, nn.Module):
        name = builder.__name__
        raise ValueError(
            f"model must be a module or a builder, got a class: pass {name}(...), whose own "
            f"weights all seeds then share, or a builder, {_WRITTEN}, that returns a {name} drawn "
            "from the generator for each seed"
        )
    try:
        signature = inspect.signature(builder)
    except (TypeError, ValueError):  # compiled code may have none
        return
    try:
        signature.bind(input_shape=(1, 1, 1), classes=1, generator=None)
    except TypeError as error:
        raise ValueError(
            f"the builder {_name(builder)} takes other arguments than a builder is given "
            f"({error}): write {_WRITTEN}, which draws its weights from the generator, or pass a "
            "module, whose own weights all seeds then share"
        ) from error


def _name(builder: Builder) -> str:
    return getattr(builder, "__name__", type(builder).__name__)
