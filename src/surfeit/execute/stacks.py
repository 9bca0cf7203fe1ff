"""Which of many trainings are trained together, as stacks: nobody has to ask for it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from surfeit.execute.task import Task
from surfeit.execute.work import Derived, Together
from surfeit.train import Conduct, Job
from surfeit.train.stack import gains_from_stack, shape_of

STACK = 16
"""Networks of a stack. Two stacks of 16 keep two cores busy; larger ones are no faster."""


def in_stacks(jobs: Mapping[str, Job | Derived]) -> dict[str, Job | Derived]:
    """The same trainings; where there are many of one small network, as trainings of a stack.

    Sixteen or more of one shape (see `surfeit.train.stack.shape_of`) whose networks gain from it
    get `Numerics(stack=16)`: they are runs with keys of their own, which agree with those trained
    alone up to rounding. Nothing but the jobs themselves decides, so the same call has the same
    runs everywhere. Trainings that others are derived from stay as they are, and so do those that
    probes look at and those that are derived: what they will be is known where they are trained.

    Args:
        jobs: by name, as `train_many` takes them.

    Cost: draws each network once, as its key does.
    """
    if len(jobs) < STACK:
        return dict(jobs)
    parents = {name for job in jobs.values() if isinstance(job, Derived) for name in job.parents}
    groups: dict[tuple[Any, ...], list[str]] = {}
    for name, job in jobs.items():
        if name in parents or not isinstance(job, Job) or job.probes:
            continue
        if job.numerics.stack == 1:
            groups.setdefault(shape_of(job), []).append(name)
    found = dict(jobs)
    for names in groups.values():
        # What one of a shape gains, all gain.
        if len(names) >= STACK and gains_from_stack(_job(jobs[names[0]])):
            for name in names:
                job = _job(jobs[name])
                found[name] = replace(job, numerics=replace(job.numerics, stack=STACK))
    return found


def stack_tasks(jobs: Mapping[str, Job | Derived], conduct: Conduct) -> dict[str, Task]:
    """By the trainings' names the tasks of the stacks that they are trained in.

    A training's own task has this one as its parent, and then finds its run in the store.

    Args:
        jobs: as from `in_stacks`; those whose numerics are of a stack are grouped by shape.
        conduct: of the tasks.
    """
    groups: dict[tuple[Any, ...], dict[str, list[str]]] = {}
    for name, job in jobs.items():
        if isinstance(job, Job) and job.numerics.stack > 1:
            groups.setdefault(shape_of(job), {}).setdefault(job.key, []).append(name)
    tasks = {}
    for group in groups.values():
        for several in _parts(list(group.values()), jobs):
            first, last = several[0][0], several[-1][0]
            called = f"{len(several)} networks together, {first} to {last}"
            while called in jobs:
                called += "'"
            work = Together(jobs=tuple(_job(jobs[names[0]]) for names in several))
            task = Task(name=called, work=work, conduct=conduct)
            tasks |= {name: task for names in several for name in names}
    return tasks


def _parts(group: list[list[str]], jobs: Mapping[str, Job | Derived]) -> Iterator[list[list[str]]]:
    """As many at a time as a stack holds; one alone is no stack."""
    size = _job(jobs[group[0][0]]).numerics.stack
    for begin in range(0, len(group), size):
        if len(part := group[begin : begin + size]) > 1:
            yield part


def _job(job: Job | Derived) -> Job:
    assert isinstance(job, Job)
    return job
