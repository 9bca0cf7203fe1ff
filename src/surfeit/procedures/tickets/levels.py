"""The trainings of a search for tickets, each from JSON values and its parents' runs.

These are works of `surfeit.execute`: a worker calls them with a task's configuration, and they
return the key of the run that they trained, or found.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from surfeit.core import Params, Streams
from surfeit.execute import Context
from surfeit.procedures.parcels import Parcel, drawn_like, model_with, tensors_of, unpack
from surfeit.procedures.tickets.arms import TICKET, Begin, train_arm, train_as
from surfeit.procedures.tickets.config import TicketConfig
from surfeit.procedures.tickets.controls import Mask, Ticket
from surfeit.procedures.tickets.protocol import check_shrinks
from surfeit.procedures.tickets.selection import places_of, select, to_mask
from surfeit.prune.masks import check_mask
from surfeit.prune.scores import Evidence
from surfeit.store import Run, Store
from surfeit.train import Origin, Recipe, Snapshots
from surfeit.train.schedules import rate


def train_dense(config: Mapping[str, Any], context: Context) -> str:
    """Trains the dense network, level 0, and keeps the step that tickets rewind to.

    Args:
        config: `parcel`, see `parcels.pack`, and `tickets`, the fields of a `TicketConfig`.
        context: no parents.

    Returns:
        the run's key.
    """
    parcel = unpack(config["parcel"])
    keep = Snapshots(every_epochs=0, at=(config["tickets"]["rewind_to"],))
    role = {"arm": TICKET, "level": 0}
    begin = Begin(recipe=parcel.recipe, origin=Origin(), snapshots=keep, role=role)
    return train_as(parcel, context, tensors_of(parcel.model), {}, begin).key


def train_level(config: Mapping[str, Any], context: Context) -> str:
    """Trains one level's ticket, or one of its controls.

    Args:
        config: as of `train_dense`, and `level` (>= 1) and `arm`.
        context: its parents are the dense run and, if that is another, the run that the level's
            mask comes from: the ticket of the level before.

    Returns:
        the run's key.

    Raises:
        ProtocolError: if a mask grows or removes from a normalisation, a control is its ticket
            again, or a training did not begin with the weights that it was to begin with.
        CollapseError: if the level would empty a layer.
    """
    parcel, tickets = unpack(config["parcel"]), TicketConfig(**config["tickets"])
    store = Store(context.store)
    dense, before = (Run(store.path_of(context.parents[place])) for place in (0, -1))
    initial = dense.tensors(0)
    ticket = Ticket(
        weights=beginning(tickets, dense, before),
        initial=initial,
        kept=places_at(parcel, tickets, config["level"], dense=dense, before=before),
        draw=partial(drawn_like, parcel, initial),
        to_mask=partial(to_mask, tickets.granularity, parcel.model, structure=parcel.structure),
        by_unit=None
        if tickets.granularity == "weight"
        else partial(places_of, tickets.granularity, parcel.model, structure=parcel.structure),
    )
    check_mask(parcel.model, ticket.mask, structure=parcel.structure)
    check_shrinks(ticket.mask, before.mask, level=config["level"])
    origin = Origin(step=tickets.rewind_to, parents=context.parents)
    recipe = retraining(parcel.recipe, tickets, len(parcel.dataset.train))
    run = train_arm(
        parcel,
        context,
        ticket,
        Begin(recipe=recipe, origin=origin),
        arm=config["arm"],
        level=config["level"],
        scratch_cap=tickets.scratch_cap,
    )
    return run.key


def places_at(parcel: Parcel, config: TicketConfig, level: int, *, dense: Run, before: Run) -> Mask:
    """The places that a level keeps, from the weights that the run before ended with.

    Args:
        parcel: network and data, for scores that look at them; arithmetic and seed.
        config: the search.
        level: >= 1.
        dense: the dense run; its weights at `rewind_to` are the initial ones of scores that
            compare with them.
        before: the ticket of the level before, within whose mask the result lies; or the dense run.

    Returns:
        as `select`.
    """
    iterative = config.schedule == "iterative"
    # One draw for all levels of one-shot pruning: their masks, too, must be nested.
    generator = Streams(parcel.seed).get("score", *([level] if iterative else []))
    evidence = Evidence(
        model_with(parcel, before.tensors()),
        initial=dense.tensors(config.rewind_to),
        split=parcel.dataset.train,
        objective=parcel.objective,
        structure=parcel.structure,
        mask=before.mask or None,
        generator=generator,
    )
    within = None
    if before.mask:
        within = places_of(
            config.granularity, parcel.model, before.mask, structure=parcel.structure
        )
    with parcel.numerics.in_force():
        return select(config, evidence, level, within=within)


def beginning(config: TicketConfig, dense: Run, before: Run) -> Params:
    """Parameters and buffers that a ticket begins with, at removed places the dense network's.

    Rewound: the dense network's at that step. Otherwise those that the level before ended with.
    """
    if config.retrain == "rewind":
        return dense.tensors(config.rewind_to)
    return overlaid(before.tensors(), before.mask, dense.tensors())


def overlaid(weights: Params, mask: Mapping[str, torch.Tensor], under: Params) -> Params:
    """The weights, with others at the places that the mask removed."""
    return {
        name: torch.where(mask[name], value, under[name]) if name in mask else value
        for name, value in weights.items()
    }


def retraining(recipe: Recipe, config: TicketConfig, examples: int) -> Recipe:
    """How tickets are trained: by the recipe or, to fine-tune, at one rate throughout.

    Args:
        recipe: the dense network's.
        config: the search; `fine_tune_rate` or else the last rate of the schedule is the one rate.
        examples: the size of the train split.

    Raises:
        ValueError: if that last rate is next to nothing, as a cosine's is.
    """
    if config.retrain != "fine-tune":
        return recipe
    steps = recipe.total_steps(examples)
    last = rate(recipe, steps - 1, steps)
    if config.fine_tune_rate is None and recipe.schedule == "cosine":
        raise ValueError(
            f"the schedule 'cosine' ends at a rate of {last:.1e}, at which fine-tuning would move "
            f"no weight: give fine_tune_rate, such as {recipe.lr / 100:g}, a hundredth of lr"
        )
    return replace(
        recipe,
        lr=config.fine_tune_rate or last,
        schedule="constant",
        milestones=(),
        decay_steps=None,
        warmup_steps=0,
    )
