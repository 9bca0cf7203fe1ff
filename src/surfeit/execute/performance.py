"""One task done where one stands, and what to say if it cannot be."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from surfeit.core import DiskError, SurfeitError
from surfeit.core.own_code import place_of, told
from surfeit.execute.measuring import measured, measurement_key, stored_rows
from surfeit.execute.task import Context, Task, work_of
from surfeit.execute.work import Derived, Measurement, Together
from surfeit.store import Run, Store
from surfeit.train import Conduct, Job, Moment, stored_run, train_job, train_together


@dataclass(frozen=True)
class Failure:
    """Why a task failed.

    Args:
        sentence: what happened, without the task's name.
        passing: whether it may go better at the next try: memory or a disk ran out.
    """

    sentence: str
    passing: bool = False


def perform(task: Task, context: Context) -> str | Failure:
    """The key of the run, or of the rows, that the task ends in; or why it failed."""
    try:
        key = _done(task, context)
    except (Exception, SystemExit) as error:
        return failure_of(error, own=isinstance(task.work, Measurement | Derived))
    if not isinstance(key, str) or not key:
        return Failure(f"{task.kind} must return a run key, got {key!r}")
    return key


def found(task: Task, store: Store) -> str | Failure | None:
    """What a task of jobs or a measurement comes to if the store has it; None if it has not."""
    try:
        if isinstance(task.work, Measurement):
            key = measurement_key(task.work)
            return None if stored_rows(key, store) is None else key
        if isinstance(task.work, Together):
            jobs = task.work.jobs
            return jobs[0].key if all(stored_run(job, store) for job in jobs) else None
        if not isinstance(task.work, Job) or stored_run(task.work, store) is None:
            return None
        return train_job(task.work, store=store, conduct=task.conduct).key  # its check is made
    except (SurfeitError, ValueError) as error:
        return failure_of(error)


def failure_of(error: BaseException, *, own: bool = False) -> Failure:
    """What to say of an error that ended a task.

    Args:
        error: what was raised.
        own: whether the task is a function's, which may be a user's: then, where it is, what was
            raised is told with the line of the user's code; the library's own errors are sentences.
    """
    passing = isinstance(error, MemoryError | OSError | DiskError)
    place = place_of(error) if own else ""
    if place:
        return Failure(f"{told(error)} ({place})", passing)
    if isinstance(error, SurfeitError | ValueError) and str(error):
        return Failure(str(error), passing)
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        last = frames[-1]
        words = f"{words} ({Path(last.filename).name}, line {last.lineno}, in {last.name})"
    return Failure(words, passing)


def _done(task: Task, context: Context) -> str:
    work, store = task.work, Store(context.store)
    if isinstance(work, Measurement):
        return measured(work, store)
    if isinstance(work, Derived):
        job = work.derive(*(Run(store.path_of(key)) for key in context.parents))
        if not isinstance(job, Job):
            raise ValueError(f"derive must return a Job, got {job!r:.200}")
        work = job
    conduct = _announcing(task.conduct, context)
    if isinstance(work, Job):
        return train_job(work, store=store, conduct=conduct).key
    if isinstance(work, Together):
        train_together(work.jobs, store=store, conduct=conduct)
        return work.jobs[0].key
    return work_of(task)(task.config, context)


def _announcing(conduct: Conduct, context: Context) -> Conduct:
    """The conduct, with a progress that tells the context, once, which run began and its steps."""
    told: set[str] = set()
    other: Callable[[Moment], None] | None = conduct.progress

    def tell(moment: Moment) -> None:
        if moment.key not in told:
            told.add(moment.key)
            context.began(moment.key, moment.steps)
        if other is not None:
            other(moment)

    return replace(conduct, progress=tell)
