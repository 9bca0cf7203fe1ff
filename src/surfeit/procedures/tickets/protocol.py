"""What a search for tickets rests on, checked while it goes on; a violation is an error."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from surfeit.core import Params, ProtocolError, digest
from surfeit.store import Run
from surfeit.train import Job

Mask = Mapping[str, Tensor]


def check_began(run: Run, weights: Params, mask: Mask) -> None:
    """Checks that a run began with these weights, bit for bit, and was held to this mask.

    Args:
        run: a finished run.
        weights: parameters and buffers that it was to begin with, removed places at any value.
        mask: bool tensors by parameter name; empty for a dense network.

    Raises:
        ProtocolError: if its first snapshot or its mask is another.

    Cost: reads one snapshot.
    """
    if digest(run.mask) != digest(mask):
        raise ProtocolError(f"run {run.key[:12]} was held to another mask than it was to have")
    names = differing(run.tensors(run.steps()[0]), weights, mask)
    if names:
        raise ProtocolError(
            f"run {run.key[:12]} did not begin bit for bit with the weights that it was to be "
            f"rewound to: {names} differ"
        )


def began_with(job: Job, run: Run) -> None:
    """Checks that a run began with its job's weights, and was held to its mask.

    Raises:
        ProtocolError: as `check_began`.
    """
    check_began(run, job.initial(), job.mask or {})


def differing(began: Mapping[str, Tensor], weights: Params, mask: Mask) -> str:
    """The names of the tensors that are not these weights under the mask; empty if all are."""
    wanted = held(weights, mask)
    names = [n for n in wanted if n in began and not _equal(began[n], wanted[n])]
    if names or began.keys() != wanted.keys():
        return ", ".join(names) or "other names"
    return ""


def check_shrinks(mask: Mask, before: Mask, *, level: int) -> None:
    """Checks that a level's mask lies in that of the level before and is smaller.

    Raises:
        ProtocolError: if it keeps what was removed before, or removes nothing.
    """
    for name, kept in before.items():
        # What the mask does not name is kept.
        back = int((~kept & mask[name]).sum() if name in mask else (~kept).sum())
        if back:
            raise ProtocolError(
                f"the mask of level {level} keeps {back} weights of {name} that an earlier level "
                "had removed"
            )
    removed = sum(int((~kept).sum()) for kept in mask.values())
    if removed <= sum(int((~kept).sum()) for kept in before.values()):
        raise ProtocolError(f"the mask of level {level} removes nothing more than the one before")


def _as_it_is(mask: Mask) -> Mask:
    return mask


def check_control(
    arm: str,
    control: tuple[Params, Mask],
    ticket: tuple[Params, Mask],
    *,
    moves: bool,
    places: Callable[[Mask], Mapping[str, Tensor]] = _as_it_is,
) -> None:
    """Checks that a control differs from its ticket, and keeps as many places.

    A control of other places must differ in each parameter that can have others; one of other
    weights must differ in each parameter that the mask names and that has more than one dimension.

    Args:
        arm: the control's name.
        control, ticket: weights, and mask by parameter name.
        moves: whether the control keeps other places than the ticket.
        places: from a mask to its places: weights by parameter, or units by layer.

    Raises:
        ProtocolError: if the control is its ticket again, of another density, or masks other
            parameters.
    """
    if control[1].keys() != ticket[1].keys():
        other = ", ".join(sorted(control[1].keys() ^ ticket[1].keys()))
        raise ProtocolError(f"of {other} only one of the control {arm!r} and its ticket has a mask")
    what, theirs = "weights" if places is _as_it_is else "units", places(control[1])
    for name, kept in places(ticket[1]).items():
        if int(theirs[name].sum()) != int(kept.sum()):
            raise ProtocolError(
                f"the control {arm!r} keeps {int(theirs[name].sum())} {what} of {name}, its ticket "
                f"{int(kept.sum())}"
            )
    for name, kept in ticket[1].items():
        own = control[1][name]
        if kept.dim() == 1 or (moves and bool(kept.all())):
            continue
        same_places = torch.equal(own, kept)
        same_weights = torch.equal(control[0][name][own & kept], ticket[0][name][own & kept])
        if same_places and (moves or same_weights):
            what = "places" if moves else "weights"
            raise ProtocolError(f"the control {arm!r} has its ticket's own {what} in {name}")


def held(weights: Params, mask: Mask) -> Params:
    """The weights with what the mask removes at zero; copies where there is a mask."""
    return {
        name: value.masked_fill(~mask[name], 0) if name in mask else value
        for name, value in weights.items()
    }


def _equal(stored: Tensor, wanted: Tensor) -> bool:
    """Equal bit for bit, in the precision that the training was done in."""
    return digest({"": stored}) == digest({"": wanted.to(stored.dtype)})
