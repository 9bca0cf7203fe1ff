"""The trainings of transferred tickets, each as a job that runs which are there already tell."""

from collections.abc import Mapping
from functools import partial

from torch import Tensor, nn

from surfeit.core import Params, tensors_of
from surfeit.models import Initial, Structure
from surfeit.procedures.tickets.arms import arm_job, job_with
from surfeit.procedures.tickets.config import Granularity
from surfeit.procedures.tickets.controls import Mask, Ticket
from surfeit.procedures.tickets.drawing import drawn_like
from surfeit.procedures.tickets.levels import overlaid
from surfeit.procedures.tickets.selection import Places, output_weights
from surfeit.prune.masks import check_mask, full_mask
from surfeit.prune.prunable import prunable
from surfeit.store import Run
from surfeit.train import Job, Origin


def transferred_job(
    base: Job,
    *,
    ticket: Run,
    dense: Run,
    rewound_to: int,
    level: int,
    arm: str,
    scratch_cap: float | None,
    law: Initial | None,
) -> Job:
    """The training of a ticket, of a control of it, or of the dense network, on other data.

    Args:
        base: the data, recipe, arithmetic and seed, and the network with the dense one's initial
            weights and the output layer that it has here.
        ticket, dense: the runs where it was found.
        rewound_to: the step of the dense network's weights that it began with.
        level: 0 for the dense network.
        arm: `ticket` or a control's name.
        scratch_cap: as of `TicketConfig`.
        law: that `initialise_` drew the initial weights from, or None where it did not.

    Raises:
        ValueError: if the ticket is of another architecture.
        ProtocolError: if a control is its ticket again.
    """
    model, structure = base.network, base.structure
    initial, weights = tensors_of(model), dense.tensors(rewound_to)
    if ticket.mask:
        weights = overlaid(ticket.tensors(ticket.steps()[0]), ticket.mask, weights)
    weights = _with_own_head(weights, initial, structure)
    begin = {"recipe": base.recipe, "origin": Origin(parents=(ticket.key,))}
    if level == 0:
        return job_with(base, weights, {}, arm=arm, level=level, **begin)
    mask = fitting(ticket.mask, model, structure)
    places = Places(model, structure, granularity_of(mask, model, structure))
    placed = Ticket(
        weights=weights,
        initial=initial,
        kept=places.of_mask(mask),
        draw=partial(drawn_like, model, initial, law=law),
        to_mask=places.to_mask,
        by_unit=places.of_mask if places.by_unit else None,
    )
    return arm_job(base, placed, arm=arm, level=level, scratch_cap=scratch_cap, **begin)


def fitting(mask: Mapping[str, Tensor], model: nn.Module, structure: Structure) -> Mask:
    """The mask for a model whose output layer may have other units, and is dense then.

    Raises:
        ValueError: if the mask is of another architecture.
    """
    whole = full_mask(model)
    fitted = dict(mask)
    heads = output_weights(model, structure) if structure.obstacle is None else []
    for head in heads:
        if head in mask and mask[head].shape != whole[head].shape:
            fitted[head] = whole[head]
    check_mask(model, fitted, structure=structure)
    return fitted


def granularity_of(
    mask: Mapping[str, Tensor], model: nn.Module, structure: Structure
) -> Granularity:
    """Whether a mask removes whole units: `unit` if it is the one that removes the units it does.

    Such a mask also names biases and normalisations; one of a network without them is told by
    being the mask of its own units.
    """
    if structure.obstacle is not None:
        return "weight"
    if mask.keys() - set(prunable(model)):
        return "unit"
    places = Places(model, structure, "unit")
    units = places.of_mask(mask)
    if any(not bool(kept.any()) for kept in units.values()):
        return "weight"
    try:
        again = places.to_mask(units)
    except ValueError:  # it has units that no mask can remove
        return "weight"
    same = again.keys() == mask.keys() and all(bool((again[n] == mask[n]).all()) for n in mask)
    return "unit" if same else "weight"


def _with_own_head(weights: Params, initial: Params, structure: Structure) -> Params:
    """The weights, with an output layer's as they are here if it was exchanged."""
    if structure.obstacle is not None:
        return weights
    own = dict(weights)
    for name in structure.outputs:
        layer = structure.layers[name]
        tensors = [part.tensor for part in (*layer.weights, *layer.biases)]
        if any(one in own and own[one].shape != initial[one].shape for one in tensors):
            own |= {one: initial[one] for one in tensors}
    return own
