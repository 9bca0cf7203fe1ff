"""The trainings of transferred tickets, each from JSON values and runs that are there already."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

from surfeit.core import Params
from surfeit.execute import Context
from surfeit.models import Structure
from surfeit.procedures.parcels import drawn_like, tensors_of, unpack
from surfeit.procedures.tickets.arms import Begin, train_arm, train_as
from surfeit.procedures.tickets.config import Granularity
from surfeit.procedures.tickets.controls import Mask, Ticket
from surfeit.procedures.tickets.levels import overlaid
from surfeit.procedures.tickets.selection import output_weights, places_of, to_mask
from surfeit.prune.masks import check_mask, full_mask
from surfeit.prune.prunable import prunable
from surfeit.store import Store
from surfeit.train import Origin


def train_transferred(config: Mapping[str, Any], context: Context) -> str:
    """Trains a ticket, a control of it, or the dense network, on what the parcel holds.

    Args:
        config: `parcel`, see `parcels.pack`, with the dense network's initial weights and the
            output layer it has here; `ticket` and `dense`, keys of the runs where it was found;
            `rewound_to`, the step of the dense network's weights that it began with; `level` and
            `arm`.
        context: no parents: what this comes from is in the store.

    Returns:
        the run's key.

    Raises:
        ValueError: if the ticket is of another architecture.
        ProtocolError: if a control is its ticket again, or a training began otherwise.
    """
    parcel, store = unpack(config["parcel"]), Store(context.store)
    dense, found = (store.find(config[name]) for name in ("dense", "ticket"))
    initial = tensors_of(parcel.model)
    weights = dense.tensors(config["rewound_to"])
    if found.mask:
        weights = overlaid(found.tensors(found.steps()[0]), found.mask, weights)
    structure = parcel.structure
    weights = _with_own_head(weights, initial, structure)
    role = {"arm": config["arm"], "level": config["level"]}
    begin = Begin(recipe=parcel.recipe, origin=Origin(parents=(found.key,)), role=role)
    if config["level"] == 0:
        return train_as(parcel, context, weights, {}, begin).key
    mask = fitting(found.mask, parcel.model, structure)
    by = granularity_of(mask, parcel.model, structure)
    ticket = Ticket(
        weights=weights,
        initial=initial,
        kept=places_of(by, parcel.model, mask, structure=structure),
        draw=partial(drawn_like, parcel, initial),
        to_mask=partial(to_mask, by, parcel.model, structure=structure),
        by_unit=None
        if by == "weight"
        else partial(places_of, by, parcel.model, structure=structure),
    )
    run = train_arm(
        parcel,
        context,
        ticket,
        begin,
        arm=config["arm"],
        level=config["level"],
        scratch_cap=config["scratch_cap"],
    )
    return run.key


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
    places = places_of("unit", model, mask, structure=structure)
    if any(not bool(kept.any()) for kept in places.values()):
        return "weight"
    try:
        again = to_mask("unit", model, places, structure=structure)
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
