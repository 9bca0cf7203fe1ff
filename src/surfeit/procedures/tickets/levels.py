"""The trainings of a search for tickets, each as a job that its parents' runs tell.

They are derived where they are trained: a worker calls `level_job` with the runs of the levels
before, and trains what it returns.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import torch

from surfeit.core import Params, Streams, copied
from surfeit.models import Initial
from surfeit.procedures.tickets.arms import TICKET, arm_job
from surfeit.procedures.tickets.config import TicketConfig
from surfeit.procedures.tickets.controls import Mask, Ticket
from surfeit.procedures.tickets.drawing import drawn_like
from surfeit.procedures.tickets.protocol import began_with, check_shrinks
from surfeit.procedures.tickets.selection import Places, select
from surfeit.prune.masks import check_mask
from surfeit.prune.scores import Evidence
from surfeit.store import Run
from surfeit.train import Job, Origin, Recipe, Snapshots
from surfeit.train.building import with_weights_
from surfeit.train.optimisers import rate


def dense_job(base: Job, config: TicketConfig) -> Job:
    """The training of the dense network, level 0, which keeps the step that tickets rewind to."""
    return replace(
        base,
        snapshots=Snapshots(every_epochs=0, at=(config.rewind_to,)),
        role={"arm": TICKET, "level": 0},
        check=began_with,
    )


def level_job(
    base: Job,
    config: TicketConfig,
    level: int,
    arm: str,
    law: Initial | None,
    dense: Run,
    before: Run | None = None,
) -> Job:
    """The training of one level's ticket, or of one of its controls.

    Args:
        base: network, data, arithmetic and seed of the search.
        config: the search.
        level: >= 1.
        arm: `ticket` or a control's name.
        law: that `initialise_` drew the initial weights from, or None where it did not.
        dense: the dense run.
        before: the run that the level's mask comes from, if that is another: the ticket of the
            level before.

    Raises:
        ProtocolError: if a mask grows or removes from a normalisation, or a control is its ticket
            again.
        CollapseError: if the level would empty a layer.
    """
    parents = (dense,) if before is None else (dense, before)
    before = parents[-1]
    initial = dense.tensors(0)
    places = Places(base.network, base.structure, config.granularity)
    ticket = Ticket(
        weights=beginning(config, dense, before),
        initial=initial,
        kept=places_at(base, config, places, level, dense=dense, before=before),
        draw=partial(drawn_like, base.network, initial, law=law),
        to_mask=places.to_mask,
        by_unit=places.of_mask if places.by_unit else None,
    )
    check_mask(base.network, ticket.mask, structure=base.structure)
    check_shrinks(ticket.mask, before.mask, level=level)
    return arm_job(
        base,
        ticket,
        recipe=retraining(base.recipe, config, len(base.dataset.train)),
        origin=Origin(step=config.rewind_to, parents=tuple(run.key for run in parents)),
        arm=arm,
        level=level,
        scratch_cap=config.scratch_cap,
    )


def places_at(
    base: Job, config: TicketConfig, places: Places, level: int, *, dense: Run, before: Run
) -> Mask:
    """The places that a level keeps, from the weights that the run before ended with.

    Args:
        base: network and data, for scores that look at them; arithmetic and seed.
        config: the search.
        places: of the network.
        level: >= 1.
        dense: the dense run; its weights at `rewind_to` are the initial ones of scores that
            compare with them.
        before: the ticket of the level before, within whose mask the result lies; or the dense run.

    Returns:
        as `select`.
    """
    iterative = config.schedule == "iterative"
    # One draw for all levels of one-shot pruning: their masks, too, must be nested.
    generator = Streams(base.seed).get("score", *([level] if iterative else []))
    evidence = Evidence(
        with_weights_(copied(base.network), before.tensors()),
        initial=dense.tensors(config.rewind_to),
        split=base.dataset.train,
        objective=base.objective,
        structure=base.structure,
        mask=before.mask or None,
        generator=generator,
    )
    within = places.of_mask(before.mask) if before.mask else None
    with base.numerics.in_force():
        return select(config, places, evidence, level, within=within)


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
