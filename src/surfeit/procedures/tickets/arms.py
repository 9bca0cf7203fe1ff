"""One training of a ticket or of a control, as a job, and what is checked around it."""

from dataclasses import replace

from surfeit.core import Params, ProtocolError, Streams, copied
from surfeit.procedures.tickets.catalog import CONTROLS
from surfeit.procedures.tickets.controls import Mask, Ticket
from surfeit.procedures.tickets.protocol import began_with, check_control, differing
from surfeit.prune.masks import full_mask
from surfeit.prune.prunable import prunable
from surfeit.train import Job, Origin, Recipe, Snapshots
from surfeit.train.building import with_weights_

TICKET = "ticket"
"""The arm that is no control."""

_ENDS = Snapshots(every_epochs=0)  # the first and the last step alone


def arm_job(
    base: Job,
    ticket: Ticket,
    *,
    recipe: Recipe,
    origin: Origin,
    arm: str,
    level: int,
    scratch_cap: float | None = None,
) -> Job:
    """The training of a ticket, or of one of its controls once it is sure that they differ.

    Args:
        base: network, data, arithmetic and seed; a control of new weights has its recipe.
        ticket: what is trained, or what the control is made from.
        recipe: how the ticket is trained.
        origin: where the ticket begins; a control of newly drawn weights begins at step 0.
        arm: `ticket` or a name of `CONTROLS`, whose draws are from the stream
            ("control", arm, level).
        level: >= 1.
        scratch_cap: as of `TicketConfig`.

    Raises:
        ProtocolError: if the control is its ticket again.
    """
    weights, mask = ticket.weights, ticket.mask
    if arm != TICKET:
        control = CONTROLS[arm]
        changed = control.change(ticket, Streams(base.seed).get("control", arm, level))
        places = {} if ticket.by_unit is None else {"places": ticket.by_unit}
        check_control(arm, changed, (weights, mask), moves=control.moves, **places)
        weights, mask = changed
        if control.anew:
            recipe = lengthened(base, mask, scratch_cap) if control.longer else base.recipe
            origin = replace(origin, step=0)
    return job_with(base, weights, mask, recipe=recipe, origin=origin, arm=arm, level=level)


def job_with(
    base: Job,
    weights: Params,
    mask: Mask,
    *,
    recipe: Recipe,
    origin: Origin,
    arm: str,
    level: int,
) -> Job:
    """A training from these weights under this mask, which is checked once it is done.

    Args:
        base: network, data, arithmetic and seed.
        weights: parameters and buffers by name, removed places at any value.
        mask: bool by parameter name; empty for a dense network.
        recipe, origin: how it is trained.
        arm, level: what it is for, in lists of runs.

    Raises:
        ProtocolError: if the network does not hold the weights bit for bit.
    """
    job = replace(
        base,
        model=with_weights_(copied(base.network), weights),
        name=base.names()["model"],
        recipe=recipe,
        mask=mask,
        origin=origin,
        snapshots=_ENDS,
        role={"arm": arm, "level": level},
        check=began_with,
    )
    others = differing(job.initial(), weights, mask)
    if others:
        raise ProtocolError(f"the network does not hold the weights that it was given: {others}")
    return job


def lengthened(base: Job, mask: Mask, cap: float | None = None) -> Recipe:
    """The recipe with `1 / density` times the steps, `cap` at most, its schedule drawn out alike.

    A masked network's computation is taken to be in proportion to its kept weights: exact for
    single weights of linear layers, and where convolutions are as dense as the rest. With whole
    units it is less than that, since weights that read a removed unit count as kept.
    """
    whole = full_mask(base.network)
    kept = sum(int(mask.get(name, whole[name]).sum()) for name in prunable(base.network))
    factor = sum(places.numel() for places in whole.values()) / kept
    factor = factor if cap is None else min(factor, cap)
    recipe = base.recipe
    return replace(
        recipe,
        epochs=None,
        steps=round(factor * recipe.total_steps(len(base.dataset.train))),
        milestones=tuple(round(factor * step) for step in recipe.milestones),
        decay_steps=None if recipe.decay_steps is None else round(factor * recipe.decay_steps),
        warmup_steps=round(factor * recipe.warmup_steps),
    )
