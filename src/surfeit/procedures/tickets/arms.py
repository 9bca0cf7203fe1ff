"""One training of a ticket or of a control, and what is checked around it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from surfeit.core import Params, Streams
from surfeit.execute import Context
from surfeit.procedures.parcels import Parcel, announcing, model_with, named
from surfeit.procedures.tickets.controls import CONTROLS, Mask, Ticket
from surfeit.procedures.tickets.protocol import check_began, check_control
from surfeit.prune.masks import full_mask
from surfeit.prune.prunable import prunable
from surfeit.store import Run, Store
from surfeit.train import Conduct, Origin, Recipe, Snapshots, train

TICKET = "ticket"
"""The arm that is no control."""


@dataclass(frozen=True, kw_only=True)
class Begin:
    """How a training begins: recipe, first step and parents, what it keeps, and what it is for."""

    recipe: Recipe
    origin: Origin
    # The first and the last alone.
    snapshots: Snapshots = field(default_factory=lambda: Snapshots(every_epochs=0))
    # What lists of runs call it.
    role: Mapping[str, str | int] | None = None


def train_arm(
    parcel: Parcel,
    context: Context,
    ticket: Ticket,
    begin: Begin,
    *,
    arm: str,
    level: int,
    scratch_cap: float | None = None,
) -> Run:
    """Trains a ticket, or one of its controls once it is sure that they differ.

    Args:
        parcel: network, data, arithmetic and seed.
        context: where to.
        ticket: what is trained, or what the control is made from.
        begin: how the ticket is trained. A control of newly drawn weights begins at step 0.
        arm: `ticket` or a name of `CONTROLS`, whose draws are from the stream
            ("control", arm, level).
        level: >= 1.
        scratch_cap: as of `TicketConfig`.

    Raises:
        ProtocolError: if the control is its ticket again, or the training began otherwise.
    """
    weights, mask = ticket.weights, ticket.mask
    if arm != TICKET:
        control = CONTROLS[arm]
        changed = control.change(ticket, Streams(parcel.seed).get("control", arm, level))
        places = {} if ticket.by_unit is None else {"places": ticket.by_unit}
        check_control(arm, changed, (weights, mask), moves=control.moves, **places)
        weights, mask = changed
        if control.anew:
            recipe = lengthened(parcel, mask, scratch_cap) if control.longer else parcel.recipe
            begin = replace(begin, recipe=recipe, origin=replace(begin.origin, step=0))
    role = {"arm": arm, "level": level}
    return train_as(parcel, context, weights, mask, replace(begin, role=role))


def train_as(parcel: Parcel, context: Context, weights: Params, mask: Mask, begin: Begin) -> Run:
    """Trains from these weights under this mask, and looks that it was so."""
    run = train(
        named(model_with(parcel, weights), parcel.name),
        parcel.dataset,
        begin.recipe,
        seed=parcel.seed,
        mask=mask,
        origin=begin.origin,
        snapshots=begin.snapshots,
        store=Store(context.store),
        numerics=parcel.numerics,
        conduct=Conduct(progress=announcing(context), role=begin.role),
        objective=parcel.objective,
    )
    check_began(run, weights, mask)
    return run


def lengthened(parcel: Parcel, mask: Mask, cap: float | None = None) -> Recipe:
    """The recipe with `1 / density` times the steps, `cap` at most, its schedule drawn out alike.

    A masked network's computation is taken to be in proportion to its kept weights: exact for
    single weights of linear layers, and where convolutions are as dense as the rest. With whole
    units it is less than that, since weights that read a removed unit count as kept.
    """
    whole = full_mask(parcel.model)
    kept = sum(int(mask.get(name, whole[name]).sum()) for name in prunable(parcel.model))
    factor = sum(places.numel() for places in whole.values()) / kept
    factor = factor if cap is None else min(factor, cap)
    recipe = parcel.recipe
    return replace(
        recipe,
        epochs=None,
        steps=round(factor * recipe.total_steps(len(parcel.dataset.train))),
        milestones=tuple(round(factor * step) for step in recipe.milestones),
        decay_steps=None if recipe.decay_steps is None else round(factor * recipe.decay_steps),
        warmup_steps=round(factor * recipe.warmup_steps),
    )
