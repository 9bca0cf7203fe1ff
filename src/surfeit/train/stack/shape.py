"""Which trainings can be stacked: those whose every step is the same program on other numbers."""

from typing import Any

from surfeit.models import key_form
from surfeit.train.gradients import dense_layers
from surfeit.train.job import Job
from surfeit.train.recipe import Recipe
from surfeit.train.stack.gradients import is_closed

# Larger networks keep a core busy alone: 64-300-100-10 gains a fifth, LeNet on MNIST nothing.
_MOST_WEIGHTS = 60_000
_OWN = ("lr", "weight_decay", "l1", "patience", "schedule", "milestones", "decay")


def shape_of(job: Job) -> tuple[Any, ...]:
    """What jobs of one stack have in common; equal values are of jobs that can be stacked.

    Each keeps its own initial weights, seed, order, mask (of the same parameters), labels, rate
    with its schedule, weight decay, L1, patience, and snapshots.
    """
    recipe: Recipe = job.recipe
    shared = tuple(
        getattr(recipe, name) for name in recipe.__dataclass_fields__ if name not in _OWN
    )
    data = job.dataset.train
    return (
        repr(key_form(job.network)),
        tuple(job.trained),
        tuple(sorted(job.first_mask())),
        shared,
        (
            tuple(data.inputs.shape),
            data.inputs.dtype,
            tuple(data.targets.shape),
            data.targets.dtype,
        ),
        job.objective,
        job.origin.step,
        job.numerics,
        job.pruning is None,
    )


def gains_from_stack(job: Job) -> bool:
    """Whether a stack trains such jobs faster than one after another, if there are enough of them.

    So it is for small fully connected ReLU networks on a CPU, whose gradients have a closed form.
    """
    names = dense_layers(job.network)
    return (
        names is not None
        and job.numerics.device == "cpu"
        and job.pruning is None
        and is_closed(job, names)
        and sum(value.numel() for value in job.network.parameters()) <= _MOST_WEIGHTS
    )
