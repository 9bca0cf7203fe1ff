"""Tasks as JSON: how engines send them to other processes and machines.

>>> with sending(tasks, store) as messages:  # by the tasks' names; nothing was run yet
...     submit(perform_message, messages[name] | {"parents": queue.parents(task)})
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from surfeit.core.importing import code_path
from surfeit.execute.arguments import decoded, encoded
from surfeit.execute.performance import Failure, failure_of, perform
from surfeit.execute.task import Context, Task
from surfeit.execute.work import Derived, Measurement, Together
from surfeit.store import Objects, sending_objects
from surfeit.train import Conduct, Job


class UnsendableError(ValueError):
    """A task is of what no other process can have."""


@contextmanager
def sending(tasks: Iterable[Task], store: Path) -> Iterator[dict[str, dict[str, Any]]]:
    """Each task as a message for `perform_message`, by its name.

    What the messages refer to lies among the store's objects until the end; see `sending_objects`.

    Raises:
        UnsendableError: if a task holds what no other process can have, such as a network that
            only its own code builds, or a function that cannot be imported: a sentence.
        DiskError: if the disk refuses.
    """
    given = list(tasks)
    if all(task.work is None for task in given):
        yield {task.name: as_json(task, Objects(store)) for task in given}
        return
    with sending_objects(store) as objects:
        yield {task.name: _message(task, objects) for task in given}


def as_json(task: Task, objects: Objects) -> dict[str, Any]:
    """A task as it is sent; whose run keys are its parents' is the sender's business.

    Raises:
        ValueError: if it holds what no other process can have.
    """
    message: dict[str, Any] = {"name": task.name, "path": code_path()}
    if task.work is None:
        return message | {"kind": task.kind, "config": task.config}
    conduct = asdict(replace(task.conduct, progress=None))
    return message | {"work": _work(task.work, objects), "conduct": conduct}


def from_json(message: Mapping[str, Any], objects: Objects) -> Task:
    """The task that was sent.

    Raises:
        SurfeitError, ValueError: if it cannot be had here; see `decoded`.
    """
    if "work" not in message:
        return Task(name=message["name"], kind=message["kind"], config=message["config"])
    return Task(
        name=message["name"],
        work=_received(message["work"], objects),
        conduct=Conduct(**message["conduct"]),
    )


def perform_message(
    message: Mapping[str, Any],
    *,
    parents: Iterable[str],
    objects: Objects,
    began: Callable[[str, int], None] = lambda key, steps: None,
) -> str | Failure:
    """Does a task that was sent: the key of its run or rows, or why it failed.

    Args:
        message: as from `sending`.
        parents: the run keys of the task's parents, in their order.
        objects: of the store as this process sees it; the same for all tasks, since it keeps what
            it read last.
        began: told which run begins, and its steps.
    """
    try:
        import_from(message["path"])
        task = from_json(message, objects)
    except Exception as error:
        return failure_of(error)
    context = Context(parents=tuple(parents), store=objects.root, began=began)
    return perform(task, context)


def import_from(path: Iterable[str]) -> None:
    """Imports from these folders too, after those that this process has of itself."""
    sys.path += [folder for folder in path if folder not in sys.path and os.path.exists(folder)]


def _message(task: Task, objects: Objects) -> dict[str, Any]:
    try:
        return as_json(task, objects)
    except ValueError as error:
        raise UnsendableError(f"{task.name}: {error}") from error


def _work(work: Job | Derived | Together | Measurement, objects: Objects) -> dict[str, Any]:
    if isinstance(work, Job):
        return {"job": encoded(work, objects)}
    if isinstance(work, Together):
        return {"together": encoded(list(work.jobs), objects)}
    if isinstance(work, Derived):
        return {"derive": encoded(work.derive, objects)}
    return {
        "measure": encoded(work.function, objects),
        "runs": encoded(list(work.runs), objects),
        "data": encoded(work.dataset, objects),
        "arguments": encoded(dict(work.arguments), objects),
    }


def _received(
    record: Mapping[str, Any], objects: Objects
) -> Job | Derived | Together | Measurement:
    if "job" in record:
        return decoded(record["job"], objects)
    if "together" in record:
        return Together(jobs=tuple(decoded(record["together"], objects)))
    if "derive" in record:
        return Derived(derive=decoded(record["derive"], objects), parents=())
    return Measurement(
        function=decoded(record["measure"], objects),
        runs=tuple(decoded(record["runs"], objects)),
        dataset=decoded(record["data"], objects),
        arguments=decoded(record["arguments"], objects),
    )
