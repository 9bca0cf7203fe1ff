"""Controls of a ticket: what else could have been trained at its density, one function each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from surfeit.core import Params
from surfeit.procedures.signs import deviation, randomly_signed, signed

Mask = dict[str, Tensor]
Change = Callable[["Ticket", torch.Generator], tuple[Params, Mask]]


def _as_it_is(kept: Mask) -> Mask:
    return kept


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A ticket before it is trained: all that a control is made from.

    Args:
        weights: what the ticket begins with, removed places included: parameters and buffers by
            name. Removed places hold what the dense network had there at the same moment.
        initial: the dense network at step 0, whose layers' spread is that of the initial weights.
        kept: what the ticket keeps, bool by name, True = kept: weights by parameter name or, for
            structured tickets, units by layer name.
        draw: a new network's parameters and buffers from a generator, of the law of `initial`.
        to_mask: from `kept` to the mask of weights by parameter name.
        by_unit: of structured tickets, from a mask of weights to the units that it keeps.
    """

    weights: Params
    initial: Params
    kept: Mask
    draw: Callable[[torch.Generator], Params]
    to_mask: Callable[[Mask], Mask] = _as_it_is
    by_unit: Callable[[Mapping[str, Tensor]], Mask] | None = None

    @cached_property
    def mask(self) -> Mask:
        """The ticket's own mask of weights."""
        return self.to_mask(self.kept)


@dataclass(frozen=True, kw_only=True)
class Control:
    """A control: how it differs from its ticket.

    Args:
        change: from the ticket and a generator to weights (parameters and buffers, by name) and
            mask of the control.
        anew: whether its weights are newly drawn; it is then trained from step 0 on with the whole
            recipe, since a new network has no earlier steps to rewind to. The others are trained
            as the ticket is.
        moves: whether it keeps other places than the ticket.
        longer: whether it is trained for as much computation as the dense network.
    """

    change: Change
    anew: bool = False
    moves: bool = False
    longer: bool = False


def reinit(ticket: Ticket, generator: torch.Generator) -> tuple[Params, Mask]:
    """The ticket's mask on newly drawn weights of the same law.

    Source: Frankle and Carbin 2019, section 2 ("random reinitialization").
    """
    return ticket.draw(generator), ticket.mask


def shuffle(ticket: Ticket, generator: torch.Generator) -> tuple[Params, Mask]:
    """The ticket's weights under its own mask with the places of each layer in random order.

    Each layer keeps as many places as before. An order that gives a layer the ticket's own places
    again is drawn once more.

    Source: Frankle, Dziugaite, Roy and Carbin 2021, "Pruning neural networks at initialization:
    why are we missing the mark?" (shuffling within layers).
    """
    places = {name: _shuffled(kept, generator) for name, kept in ticket.kept.items()}
    return ticket.weights, ticket.to_mask(places)


def random(ticket: Ticket, generator: torch.Generator) -> tuple[Params, Mask]:
    """Random places of the same number a layer, on newly drawn weights: nothing of the ticket.

    Within a layer, random places and the ticket's own places shuffled are one law; so that the two
    controls tell different things, this one draws the weights as well: a *randomly sampled sparse
    network*. With `reinit` (new weights, same mask) and `shuffle` (same weights, new places) it
    makes a table of two by two.

    Source: Frankle and Carbin 2019, figure 1 (dashed lines).
    """
    places = {name: _shuffled(kept, generator) for name, kept in ticket.kept.items()}
    return ticket.draw(generator), ticket.to_mask(places)


def scratch(ticket: Ticket, generator: torch.Generator) -> tuple[Params, Mask]:
    """The ticket's mask on newly drawn weights, wider by what each layer lost.

    `w ~ sqrt(1 / density of the layer) · (initial law)`: a unit's pre-activation then varies as
    much as in the dense network. `scratch-e` trains it for the ticket's epochs, `scratch-b` for
    the dense network's computation: `1 / density` times the steps, or `TicketConfig.scratch_cap`
    times where that is less.

    Source: Liu et al. 2019, "Rethinking the value of network pruning", section 3 and the authors'
    code for single weights, which draws with variance 2 / (kept weights an input channel). On
    CIFAR their program trains 1 / density times as long (ten times at 10 %), on ImageNet at most
    twice: `scratch_cap=2`.
    """
    weights, mask = ticket.draw(generator), ticket.mask
    for name in _weights(mask):
        weights[name] = weights[name] / mask[name].double().mean().sqrt().item()
    return weights, mask


def sign(ticket: Ticket, generator: torch.Generator) -> tuple[Params, Mask]:
    """The ticket's signs with one magnitude a layer: `sign(w) · sd(initial weights of the layer)`.

    Source: Zhou et al. 2019, mask-1 actions ("constant, init sign"). A weight of zero stays zero.
    """
    del generator  # nothing is drawn
    constants = {
        name: signed(ticket.weights[name], deviation(ticket.initial[name]))
        for name in _weights(ticket.mask)
    }
    return ticket.weights | constants, ticket.mask


def constant(ticket: Ticket, generator: torch.Generator) -> tuple[Params, Mask]:
    """One magnitude a layer with random signs: `± sd(initial weights of the layer)`, even odds.

    Beside `sign` it tells what the signs are worth. (One and the same signed number for all kept
    weights would leave units alike, which no training could then tell apart.)

    Source: Zhou et al. 2019, mask-1 actions ("constant, random sign").
    """
    constants = {
        name: randomly_signed(ticket.weights[name], deviation(ticket.initial[name]), generator)
        for name in _weights(ticket.mask)
    }
    return ticket.weights | constants, ticket.mask


def invert(ticket: Ticket, generator: torch.Generator) -> tuple[Params, Mask]:
    """The ticket's weights at the places that it removed: as many a layer as the ticket keeps.

    Where more were removed than are kept, they are drawn from all the removed; where fewer, all
    the removed are kept and the rest is drawn from the ticket's own. A layer of which nothing was
    removed stays as it is.

    Source: none of its own. Frankle et al. 2021 invert the scores instead and keep the least; here
    any removed place is as good as another.
    """
    places = {name: _inverted(kept, generator) for name, kept in ticket.kept.items()}
    return ticket.weights, ticket.to_mask(places)


REINIT = Control(change=reinit, anew=True)
RANDOM = Control(change=random, anew=True, moves=True)
SHUFFLE = Control(change=shuffle, moves=True)
SCRATCH_E = Control(change=scratch, anew=True)
SCRATCH_B = Control(change=scratch, anew=True, longer=True)
SIGN = Control(change=sign)
CONSTANT = Control(change=constant)
INVERT = Control(change=invert, moves=True)


def _weights(mask: Mask) -> list[str]:
    """The names of a mask's weights; one of units also masks their biases."""
    return [name for name, kept in mask.items() if kept.dim() > 1]


def _shuffled(kept: Tensor, generator: torch.Generator) -> Tensor:
    """The same number of places, drawn anew, and other ones if there are others."""
    flat = kept.flatten()
    drawn = flat
    while bool((drawn == flat).all()) and bool(flat.any()) and not bool(flat.all()):
        drawn = flat[torch.randperm(len(flat), generator=generator)]
    return drawn.view(kept.shape).clone()


def _inverted(kept: Tensor, generator: torch.Generator) -> Tensor:
    flat = kept.flatten()
    # The removed places first, each group in random order.
    drawn = torch.randperm(len(flat), generator=generator)
    order = torch.cat([drawn[~flat[drawn]], drawn[flat[drawn]]])
    places = torch.zeros_like(flat)
    places[order[: int(flat.sum())]] = True
    return places.view(kept.shape)
