"""Many trainings and many measurements, each done once, side by side where the engine can."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from surfeit.core import SurfeitError, unknown
from surfeit.execute.engine import Engine, Outcome, Progress
from surfeit.execute.in_process import InProcess
from surfeit.execute.local import Local
from surfeit.execute.measuring import measurement_key, stored_rows
from surfeit.execute.messages import UnsendableError
from surfeit.execute.rows import check_call
from surfeit.execute.stacks import in_stacks, stack_tasks
from surfeit.execute.task import Task
from surfeit.execute.work import Derived, Measurement
from surfeit.store import Run, Store
from surfeit.train import Conduct, Job


@overload
def train_many(
    jobs: Mapping[str, Job | Derived],
    *,
    store: Store | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
    conduct: Conduct | None = None,
    stacks: bool = True,
) -> dict[str, Run]: ...
@overload
def train_many(
    jobs: Sequence[Job],
    *,
    store: Store | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
    conduct: Conduct | None = None,
    stacks: bool = True,
) -> list[Run]: ...
def train_many(
    jobs: Mapping[str, Job | Derived] | Sequence[Job],
    *,
    store: Store | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
    conduct: Conduct | None = None,
    stacks: bool = True,
) -> dict[str, Run] | list[Run]:
    """Trains all, each once its parents are done; what the store has is not trained again.

    >>> runs = train_many([Job(mlp_100, data, recipe, seed=seed) for seed in range(20)])

    Args:
        jobs: by name, so that derived ones can name their parents; or a sequence of jobs.
        store: where runs are kept; `Store()` by default.
        engine: what trains them. By default processes of this machine (`Local()`), or this process
            for a single job and for what no other process can have.
        progress: called now and then, and at each training's end, with where all trainings stand.
        conduct: checkpoints, waiting; its progress is called in this process alone.
        stacks: whether many trainings of one small network are trained together, twice as fast
            and as other runs than those of trainings alone: see `surfeit.execute.in_stacks`.

    Returns:
        the runs by name, or in the order of the jobs.

    Raises:
        ValueError: before any training, if a parent is not there, jobs wait for each other in a
            circle, or the engine given cannot train one of them: a sentence.
        SurfeitError: once all others have ended, if some failed: a sentence for each.
        KeyboardInterrupt: after Ctrl-C, once every training has saved where it stands.
    """
    named = jobs if isinstance(jobs, Mapping) else {str(n): job for n, job in enumerate(jobs)}
    store = store or Store()
    outcome = train_outcome(
        named, store=store, engine=engine, progress=progress, conduct=conduct, stacks=stacks
    )
    _check(outcome, "training")
    runs = {name: Run(store.path_of(outcome.keys[name])) for name in named}
    return runs if isinstance(jobs, Mapping) else list(runs.values())


def train_outcome(
    jobs: Mapping[str, Job | Derived],
    *,
    store: Store | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
    conduct: Conduct | None = None,
    stacks: bool = True,
) -> Outcome:
    """As `train_many`, but what failed is an answer, not an error.

    Returns:
        the run keys of what was trained or found, and a sentence for each training that failed.
    """
    given = Conduct() if conduct is None else conduct
    for name, job in jobs.items():
        for parent in job.parents if isinstance(job, Derived) else ():
            if parent not in jobs:
                raise unknown(f"training that {name!r} waits for", parent, jobs)
    stacked = in_stacks(jobs) if stacks else jobs
    of_stacks = stack_tasks(stacked, given)
    tasks = [
        Task(name=name, work=job, parents=_parents(job, of_stacks.get(name)), conduct=given)
        for name, job in stacked.items()
    ]
    firsts = {task.name: task for task in of_stacks.values()}
    outcome = _run([*firsts.values(), *tasks], (store or Store()).root, engine, progress)
    return Outcome(
        {name: key for name, key in outcome.keys.items() if name in jobs},
        {name: why for name, why in outcome.failures.items() if name in jobs},
    )


def _parents(job: Job | Derived, stack: Task | None) -> tuple[str, ...]:
    if isinstance(job, Derived):
        return job.parents
    return () if stack is None else (stack.name,)


def measure_many(
    measurements: Mapping[Hashable, Measurement],
    *,
    store: Store | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> dict[Hashable, list[dict[str, Any]]]:
    """The rows of every measurement, each computed once and kept in the store.

    They are kept under all that they depend on, see `measurement_key`, in
    `<root>/measurements/<ab>/<key>.json`; a file that is damaged is measured anew.

    Args:
        measurements: by any name.
        store, engine, progress: as of `train_many`.

    Raises:
        ValueError: before anything is measured, if a function stands at no module's top level or
            does not take what it is called with, an argument has no canonical form, or the engine
            given cannot do one of them.
        SurfeitError: once all others have ended, if some failed: a sentence for each.
    """
    store = store or Store()
    keys = {name: measurement_key(one) for name, one in measurements.items()}
    for one in measurements.values():
        check_call(one)
    wanted = {keys[name]: (str(name), one) for name, one in measurements.items()}
    rows = {key: stored_rows(key, store) for key in wanted}
    missing = {key: wanted[key] for key in wanted if rows[key] is None}
    names = _distinct([name for name, _ in missing.values()])
    tasks = [
        Task(name=name, work=one) for name, (_, one) in zip(names, missing.values(), strict=True)
    ]
    if tasks:
        outcome = _run(tasks, store.root, engine, progress)
        _check(outcome, "measurement")
        for task, key in zip(tasks, missing, strict=True):
            rows[key] = stored_rows(key, store)
            if rows[key] is None:
                raise SurfeitError(
                    f"{task.name}: another process measured with other code than this one has: "
                    "have the same code in both places"
                )
    return {name: [dict(row) for row in rows[key] or ()] for name, key in keys.items()}


def _run(
    tasks: list[Task], root: Path, engine: Engine | None, progress: Progress | None
) -> Outcome:
    """By the engine given, or the one that suits."""
    if engine is not None:
        return engine.run(tasks, store=root, progress=progress)
    if len(tasks) > 1:
        try:
            return Local().run(tasks, store=root, progress=progress)
        except UnsendableError:  # nothing was run yet
            pass
    return InProcess().run(tasks, store=root, progress=progress)


def failed_in_words(failures: Mapping[str, str], what: str) -> str:
    """What to say of all that failed: a line a fault, which may have failed several.

    >>> failed_in_words(outcome.failures, "training")
    '3 trainings failed:\\n  seed 0 and 1 more: the loss is nan at step 7\\n  seed 2: ...'

    Args:
        failures: sentences by name, as of `Outcome`; at least one.
        what: failed, in the singular.
    """
    head = f"{len(failures)} {what}s failed" if len(failures) > 1 else f"a {what} failed"
    names: dict[str, list[str]] = {}
    for name, sentence in failures.items():
        names.setdefault(sentence.removeprefix(f"{name}: "), []).append(name)
    lines = [
        f"{first}{f' and {len(others)} more' if others else ''}: {sentence}"
        for sentence, (first, *others) in names.items()
    ]
    return "\n  ".join([f"{head}:", *lines])


def _check(outcome: Outcome, what: str) -> None:
    if outcome.failures:
        raise SurfeitError(failed_in_words(outcome.failures, what))


def _distinct(names: Iterable[str]) -> list[str]:
    """The names, each unlike all others: 1 and "1" are two measurements."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found
