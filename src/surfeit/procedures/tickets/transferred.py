"""The trainings of transferred tickets, each from JSON values and runs that are there already."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

from surfeit.core import Params
from surfeit.execute import Desk
from surfeit.procedures.parcels import drawn_like, tensors_of, unpack
from surfeit.procedures.tickets.arms import Begin, train_arm, train_as
from surfeit.procedures.tickets.config import Granularity
from surfeit.procedures.tickets.controls import Mask, Ticket
from surfeit.procedures.tickets.levels import overlaid
from surfeit.procedures.tickets.selection import output_weight, places_of, to_mask
from surfeit.prune.masks import check_mask, full_mask
from surfeit.store import Store
from surfeit.train import Origin


def train_transferred(config: Mapping[str, Any], desk: Desk) -> str:
    """Trains a ticket, a control of it, or the dense network, on what the parcel holds.

    Args:
        config: `parcel`, see `parcels.pack`, with the dense network's initial weights and the
            output layer it has here; `ticket` and `dense`, keys of the runs where it was found;
            `rewound_to`, the step of the dense network's weights that it began with; `level` and
            `arm`.
        desk: no parents: what this comes from is in the store.

    Returns:
        the run's key.

    Raises:
        ValueError: if the ticket is of another architecture.
        ProtocolError: if a control is its ticket again, or a training began otherwise.
    """
    parcel, store = unpack(config["parcel"]), Store(desk.store)
    dense, found = (store.find(config[name]) for name in ("dense", "ticket"))
    initial = tensors_of(parcel.model)
    weights = dense.tensors(config["rewound_to"])
    if found.mask:
        weights = overlaid(found.tensors(found.steps()[0]), found.mask, weights)
    weights = _with_own_head(weights, initial, parcel.model)
    begin = Begin(recipe=parcel.recipe, origin=Origin(parents=(found.key,)))
    if config["level"] == 0:
        return train_as(parcel, desk, weights, {}, begin).key
    mask = fitting(found.mask, parcel.model)
    by = granularity_of(mask)
    ticket = Ticket(
        weights=weights,
        initial=initial,
        kept=places_of(by, parcel.model, mask),
        draw=partial(drawn_like, parcel, initial),
        to_mask=partial(to_mask, by, parcel.model),
    )
    return train_arm(parcel, desk, ticket, begin, arm=config["arm"], level=config["level"]).key


def fitting(mask: Mapping[str, Tensor], model: nn.Module) -> Mask:
    """The mask for a model whose output layer may have other classes, and is dense then.

    Raises:
        ValueError: if the mask is of another architecture.
    """
    head, whole = output_weight(model), full_mask(model)
    fitted = dict(mask)
    if head in mask and mask[head].shape != whole[head].shape:
        fitted[head] = whole[head]
    check_mask(model, fitted)
    return fitted


def granularity_of(mask: Mapping[str, Tensor]) -> Granularity:
    """Whether a mask removes whole units: `unit` if no weight vector is kept in part."""
    rows = [kept.flatten(1) for kept in mask.values() if kept.dim() > 1]
    whole = all(bool((row.all(1) == row.any(1)).all()) for row in rows)
    return "unit" if whole else "weight"


def _with_own_head(weights: Params, initial: Params, model: nn.Module) -> Params:
    """The weights, with the output layer's as they are here if it was exchanged."""
    head = output_weight(model)
    if weights[head].shape == initial[head].shape:
        return weights
    part = head.removesuffix("weight")
    return weights | {name: value for name, value in initial.items() if name.startswith(part)}
