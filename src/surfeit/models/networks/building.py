"""What all builders have in common: their arguments, what these may be, and the first weights."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import nn

from surfeit.core import Streams
from surfeit.models.initialise import initialise_

Shape = tuple[int, ...]
"""The shape of one input: (channels, height, width) of an image, (features,) of a vector."""


_DEEPEST = 10_000  # ten times the deepest that was published; to build more takes minutes


class Builder(Protocol):
    """A function that builds a network for the shape of a data set's inputs and its outputs."""

    def __call__(
        self,
        *,
        input_shape: Shape = ...,
        classes: int = ...,
        generator: torch.Generator | None = ...,
    ) -> nn.Module: ...


def finish(parts: OrderedDict[str, nn.Module], generator: torch.Generator | None) -> nn.Sequential:
    """The network of these parts, its weights drawn; without a generator those of seed 0."""
    model = nn.Sequential(parts)
    initialise_(model, generator or Streams(0).get("init"))
    return model


def check(widths: Sequence[int], input_shape: Shape, classes: int) -> None:
    """Says so if a width, a side or the number of outputs is not positive.

    Raises:
        ValueError: naming it.
    """
    if any(width < 1 for width in widths):
        raise ValueError(f"every width must be at least 1, got {tuple(widths)}")
    if not input_shape or min(input_shape) < 1:
        raise ValueError(
            "input_shape must have at least one side, such as (features,) or (channels, height, "
            f"width), each at least 1, got {tuple(input_shape)}"
        )
    if classes < 1:
        raise ValueError(f"classes must be at least 1, got {classes}")


def check_depth(depth: int, *, least: int, form: str, fits: bool = True) -> None:
    """Says so if there is no network of a depth.

    Args:
        depth: layers.
        least: the smallest.
        form: what depths may be, in words.
        fits: whether the depth is of that form.

    Raises:
        ValueError: with the form.
    """
    if not least <= depth <= _DEEPEST or not fits:
        most = f" and at most {_DEEPEST:,}" if depth > _DEEPEST else ""
        raise ValueError(f"depth must be {form}{most}, got {depth}")


def check_images(widths: Sequence[int], input_shape: Shape, classes: int) -> None:
    """As `check`, of a network that takes images.

    Raises:
        ValueError: naming what is not positive, or if the inputs are no images.
    """
    check(widths, input_shape, classes)
    if len(input_shape) != 3:
        raise ValueError(
            "a convolutional network takes images, whose input_shape is (channels, height, width), "
            f"got {tuple(input_shape)}: use mlp(...) for other inputs"
        )
