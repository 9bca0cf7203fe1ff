"""Two trainings that part at one step of a third: the works of a measurement of instability."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from safetensors.torch import load_file

from surfeit.core import Streams
from surfeit.execute import Context
from surfeit.procedures.parcels import tensors_of, unpack
from surfeit.procedures.tickets.arms import Begin, train_as
from surfeit.store import Run, Store
from surfeit.train import Origin, Snapshots


def branch_seed(replicate: int, side: str) -> int:
    """The seed of one of the two trainings of a replicate, whichever step they part at.

    Neither is the replicate's own: both go on in an order that is new to the weights, as augmented
    and with dropout as that seed has it.
    """
    return Streams(replicate).seed_of("instability", side)


def train_trunk(config: Mapping[str, Any], context: Context) -> str:
    """Trains the network that others part from, and keeps it at each of their steps.

    Args:
        config: `parcel`, see `parcels.pack`; `mask`, a file's path or None; `steps` to keep.
        context: no parents.

    Returns:
        the run's key.
    """
    parcel = unpack(config["parcel"])
    mask = {} if config["mask"] is None else load_file(config["mask"])
    keep = Snapshots(every_epochs=0, at=tuple(config["steps"]))
    role = {"arm": "trunk"}
    begin = Begin(recipe=parcel.recipe, origin=Origin(), snapshots=keep, role=role)
    return train_as(parcel, context, tensors_of(parcel.model), mask, begin).key


def train_branch(config: Mapping[str, Any], context: Context) -> str:
    """Trains one of the two networks from the trunk's weights at a step, under its mask.

    Args:
        config: `parcel`; `step` and `side` ("first" or "second"); `trunk`, the key of the run to
            part from, or None where a task trains it.
        context: its parent is the trunk's task, if there is one.

    Returns:
        the run's key.

    Raises:
        ValueError: if the trunk has no snapshot at the step.
    """
    parcel = unpack(config["parcel"])
    trunk = Run(Store(context.store).path_of(config["trunk"] or context.parents[0]))
    step = config["step"]
    parcel = replace(parcel, seed=branch_seed(parcel.seed, config["side"]))
    origin = Origin(step=step, parents=(trunk.key,))
    begin = Begin(recipe=parcel.recipe, origin=origin, role={"arm": f"branch {step}"})
    return train_as(parcel, context, trunk.tensors(step), dict(trunk.mask), begin).key
