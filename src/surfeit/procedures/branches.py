"""Two trainings that part at one step of a third, and the line between their ends."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from surfeit.core import Params, Split, Streams, copied
from surfeit.data import Dataset
from surfeit.execute import Derived
from surfeit.landscape import along_line
from surfeit.procedures.tickets.protocol import check_began
from surfeit.store import Run
from surfeit.train import Job, Numerics, Origin, Snapshots
from surfeit.train.building import with_weights_

SIDES = ("first", "second")


def branch_seed(replicate: int, side: str) -> int:
    """The seed of one of the two trainings of a replicate, whichever step they part at.

    Neither is the replicate's own: both go on in an order that is new to the weights, as augmented
    and with dropout as that seed has it.
    """
    return Streams(replicate).seed_of("instability", side)


def trunk(job: Job, steps: Sequence[int]) -> Job:
    """The training that others part from, kept at these steps beside its first and last."""
    keep = Snapshots(every_epochs=0, at=tuple(steps))
    return replace(job, snapshots=keep, role={"arm": "trunk"})


def branch(trunk: Run, *, job: Job, step: int, side: str) -> Job:
    """One of the two trainings: from the trunk's weights at a step, under its mask, to the end.

    Args:
        trunk: a finished run with a snapshot at the step.
        job: as the trunk was trained; its seed is the replicate's.
        step: at which they part; the schedule goes on from there, the optimiser begins anew.
        side: "first" or "second", in an order of its own each.

    Raises:
        ValueError: if the trunk has no snapshot at the step.
    """
    return replace(
        job,
        model=with_weights_(copied(job.network), trunk.tensors(step)),
        name=job.names()["model"],
        seed=branch_seed(job.seed, side),
        mask=dict(trunk.mask) or None,
        origin=Origin(step=step, parents=(trunk.key,)),
        snapshots=Snapshots(every_epochs=0),
        role={"arm": f"branch {step}"},
    )


def parting(
    job: Job, steps: Sequence[int], *, name: str, of: Run | None = None
) -> dict[str, Job | Derived]:
    """A training and the two that part from it at each of the steps, for `train_many`.

    >>> runs = train_many(parting(job, (0, 100), name="seed 0"))
    >>> runs["seed 0"], runs[branch_name("seed 0", 100, "first")]

    Args:
        job: the training that the others part from; its own snapshots and role are not read.
        steps: at which they part, each below the training's last.
        name: of the training; the others are called `branch_name(name, step, side)`.
        of: the training's run, where it is there already: then the two are named alone.
    """
    branches: dict[str, Job | Derived] = {}
    for step in steps:
        for side in SIDES:
            derive = partial(branch, *filter(None, [of]), job=job, step=step, side=side)
            parents = (name,) if of is None else ()
            branches[branch_name(name, step, side)] = Derived(derive=derive, parents=parents)
    return branches if of is not None else {name: trunk(job, steps), **branches}


def branch_name(name: str, step: int, side: str) -> str:
    """What one of the two trainings that part from `name` at a step is called."""
    return f"{name}, step {step}, {side}"


def line_rows(
    trunk: Run,
    first: Run,
    second: Run,
    dataset: Dataset,
    *,
    replicate: int,
    points: int,
    train_images: int,
    numerics: Numerics,
    into: nn.Module | None = None,
) -> Iterator[dict[str, Any]]:
    """Loss and error along the line between the ends of two trainings: a `Measurement`'s function.

    Args:
        trunk: the run that both parted from.
        first, second: the two; it is checked that they began with the trunk's weights and mask.
        dataset: measured on the test split and on images of the train split.
        replicate: its stream ("instability", "images") chooses the training images.
        points: on the line, both ends included, at least 2.
        train_images: of which the line is measured and batch statistics are computed (all, if
            there are fewer).
        numerics: device, threads and precision of the measurement.
        into: the network, where only its own code can build it.

    Yields:
        rows `split ("test" or "train"), t, loss` (nats)`, error` (fraction).

    Raises:
        ProtocolError: if one of them did not begin bit for bit as the trunk was at that step.
        ValueError: as `along_line`.

    Cost: `points` forward passes over the images.
    """
    for side in (first, second):
        check_began(side, trunk.tensors(side.steps()[0]), trunk.mask)
    generator = Streams(replicate).get("instability", "images")
    chosen = torch.randperm(len(dataset.train), generator=generator)[:train_images]
    splits = {
        name: _placed(split, numerics)
        for name, split in (("test", dataset.test), ("train", dataset.train[chosen]))
    }
    with numerics.in_force():
        line = along_line(
            first.model() if into is None else into,
            _moved(first.tensors(), numerics.device),
            _moved(second.tensors(), numerics.device),
            splits,
            points=points,
            statistics_from=splits["train"].inputs,
        )
    for row in line.to_pylist():
        error = 1 - row.pop("accuracy")
        yield row | {"error": error}


def _placed(split: Split, numerics: Numerics) -> Split:
    """The split on the device and, if its inputs are real, of the precision of the trainings."""
    inputs = split.inputs
    if inputs.is_floating_point():
        inputs = inputs.to(numerics.torch_dtype)
    return Split(inputs, split.targets).to(numerics.device)


def _moved(tensors: Params, device: str) -> dict[str, Tensor]:
    return {name: value.to(device) for name, value in tensors.items()}
