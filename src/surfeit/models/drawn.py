"""Builders whose networks are drawn from a law of one's choice."""

from dataclasses import dataclass

import torch
from torch import nn

from surfeit.core import Streams
from surfeit.models.initial import Initial
from surfeit.models.initialise import initialise_
from surfeit.models.networks import Builder, Shape


@dataclass(frozen=True)
class DrawnAs:
    """A builder of another one's network, its weights drawn from a law: see `drawn_as`.

    Args:
        builder: of the network.
        initial: the law.
    """

    builder: Builder
    initial: Initial

    def __call__(
        self,
        *,
        input_shape: Shape | None = None,
        classes: int | None = None,
        generator: torch.Generator | None = None,
    ) -> nn.Module:
        """The network, of the builder's own shape where none is given; raises as the builder."""
        generator = generator or Streams(0).get("init")
        # The builder draws from the same beginning: the law, not the numbers, is what differs.
        beginning = torch.Generator().set_state(generator.get_state())
        given = {"input_shape": input_shape, "classes": classes, "generator": beginning}
        model = self.builder(**{name: one for name, one in given.items() if one is not None})
        return initialise_(model, generator, self.initial)


def drawn_as(builder: Builder, initial: Initial) -> Builder:
    """A builder of the same network, the weights of its layers drawn from a law.

    Twice the scale gives twice the same weights, as for all that is linear in the scale; the law
    `Initial()` gives the networks of the library as they are.

    >>> train(drawn_as(lenet_300_100, Initial("orthogonal")), load("digits"), Recipe(epochs=5))

    Args:
        builder: of a network; it is called with a generator of its own.
        initial: the law, see `initialise_`.

    Raises:
        ValueError: if the builder is a network already, whose weights are what they are.
    """
    if isinstance(builder, nn.Module):
        raise ValueError(
            f"a builder is drawn from a law, got a {type(builder).__name__}, whose weights are "
            "there already: pass the function that builds it, or call initialise_(model, "
            "generator, initial)"
        )
    if isinstance(builder, DrawnAs):
        builder = builder.builder
    return builder if initial == Initial() and _draws_so(builder) else DrawnAs(builder, initial)


def initial_of(builder: object) -> Initial:
    """The law that a builder says it draws from; `Initial()` where it says nothing."""
    law = getattr(builder, "initial", None)
    return law if isinstance(law, Initial) else Initial()


def _draws_so(builder: Builder) -> bool:
    from surfeit.models.catalog import name_of

    return name_of(builder) is not None
