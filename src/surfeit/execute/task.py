"""What is to be done: tasks that build on each other, and what each of them is."""

import importlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, cast

from surfeit.core import unknown
from surfeit.execute.work import Derived, Measurement, Together
from surfeit.train import Conduct, Job

_WORKS = (Job, Derived, Together, Measurement)
_KIND = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


@dataclass(frozen=True, kw_only=True)
class Task:
    """One piece of work that ends in a stored run, or in stored rows.

    It is a value of the library, `work`, which an engine may look at, so as to train jobs of equal
    shape together; or a function of one's own, `kind`, with its configuration.

    Args:
        name: what to call it, unlike any other of the same call.
        work: a job, a job derived from the parents' runs, jobs that are one stack, or a
            measurement.
        kind: instead of it, a function `package.module:function`, a `Work`. It is imported where
            the task is done, so it cannot stand in the script that is being run.
        config: the function's configuration, of what JSON has; it is copied, and tuples become
            lists.
        parents: the names of the tasks that must be done before; their run keys are passed.
        conduct: how a job is trained; its progress is told in this process alone.

    Raises:
        ValueError: if the name is empty, there is not one of work and kind, the kind is not so
            written or the configuration holds what JSON has not.
    """

    name: str
    work: Job | Derived | Together | Measurement | None = None
    kind: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    conduct: Conduct = field(default_factory=Conduct)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"a task's name must be a text, got {self.name!r}")
        if self.work is None:
            _check_kind(self.name, self.kind)
        elif self.kind or self.config or not isinstance(self.work, _WORKS):
            raise ValueError(
                f"task {self.name!r}: work must be a Job, a Derived, a Together or a Measurement, "
                f"and kind and config be left out then, got {self.work!r:.200}"
            )
        if not isinstance(self.config, Mapping):
            raise ValueError(f"task {self.name!r}: config must be a dict, got {self.config!r}")
        if isinstance(self.parents, str):
            raise ValueError(
                f"task {self.name!r}: parents must be a tuple of names, got {self.parents!r}"
            )
        _check_json(self.config, f"task {self.name!r}: config")
        object.__setattr__(self, "config", json.loads(json.dumps(dict(self.config))))
        object.__setattr__(self, "parents", tuple(self.parents))


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a work function finds where it works, beside its configuration.

    Args:
        parents: the run keys of the task's parents, in the order in which it names them.
        store: the root of the store that all tasks read and write.
        began: to be called with the key and the steps of the run that is about to be trained, as
            soon as they are known: its metrics are then shown as progress. A function that does
            several runs one after another calls it for each.
    """

    parents: tuple[str, ...]
    store: Path
    began: Callable[[str, int], None]


Work = Callable[[Mapping[str, Any], Context], str]
"""`work(config, context) -> run key`. It may be called again after its process was killed, and then
goes on from what it stored; called again when all is done, it returns the same key at once."""


def work_of(task: Task) -> Work:
    """The function that the task's kind names.

    Raises:
        ValueError: if there is no such module or function, or it cannot be called; the nearest
            names are suggested.
    """
    module_name, _, name = task.kind.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ValueError(
            f"task {task.name!r}: {module_name!r} of kind {task.kind!r} cannot be imported: {error}"
        ) from error
    work = getattr(module, name, None)
    if callable(work):
        return cast(Work, work)
    own = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
    raise ValueError(f"task {task.name!r}: {unknown(f'function in {module_name}', name, own)}")


def check_tasks(tasks: Iterable[Task]) -> dict[str, Task]:
    """The tasks by name, in the order given, which is their priority.

    Raises:
        ValueError: if a name is there twice, a parent is not there, tasks wait for each other in
            a circle, or a kind names no function.
    """
    named: dict[str, Task] = {}
    for task in tasks:
        if not isinstance(task, Task):
            raise ValueError(f"tasks must be Task(...), got {task!r}")
        if task.name in named:
            raise ValueError(f"two tasks are called {task.name!r}: each needs a name of its own")
        named[task.name] = task
    for task in named.values():
        for parent in task.parents:
            if parent not in named:
                raise ValueError(
                    f"task {task.name!r} builds on {parent!r}: {unknown('task', parent, named)}"
                )
    try:
        TopologicalSorter({name: task.parents for name, task in named.items()}).prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise ValueError(f"tasks wait for each other in a circle: {circle}") from error
    for task in {task.kind: task for task in named.values() if task.work is None}.values():
        work_of(task)
    return named


def _check_kind(name: str, kind: object) -> None:
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        raise ValueError(f"task {name!r}: kind must be 'package.module:function', got {kind!r}")
    if kind.startswith("__main__:"):
        raise ValueError(
            f"task {name!r}: {kind!r} stands in the script itself, which other "
            "processes do not import: put the function into a module"
        )


def _check_json(value: Any, place: str) -> None:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not isinstance(name, str):
                raise ValueError(f"{place}: names must be texts, got {name!r}")
            _check_json(item, f"{place}[{name!r}]")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_json(item, f"{place}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{place} must be a finite number, got {value}")
    elif value is not None and not isinstance(value, str | int | float):
        raise ValueError(
            f"{place} must be what JSON has (text, number, bool, None, list, dict), "
            f"got a {type(value).__name__}"
        )
