"""Which task is next, and what became of each."""

from collections.abc import Iterable
from graphlib import TopologicalSorter
from pathlib import Path

from surfeit.execute.derivations import Derivations
from surfeit.execute.engine import Outcome
from surfeit.execute.performance import Failure, found
from surfeit.execute.task import Task, check_tasks
from surfeit.execute.work import Derived, Together
from surfeit.store import Store

_SETBACKS = 2


class TaskQueue:
    """The tasks of one call, from waiting to done or failed.

    A task that lost its process, memory or disk is tried once more; every other failure stands,
    and so do those of all tasks that build on it.

    Args:
        tasks: what is to be done, in the order of their priority.

    Raises:
        ValueError: as `check_tasks`.
    """

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.tasks = check_tasks(tasks)
        self.active: dict[str, tuple[str, int]] = {}
        self.begun: dict[str, int] = {}
        self.keys: dict[str, str] = {}
        self.failures: dict[str, str] = {}
        self._derivations: Derivations | None = None
        self._store: Store | None = None
        self._setbacks = dict.fromkeys(self.tasks, 0)

    def find_done(self, store: Path) -> None:
        """Ends the jobs whose runs are in the store, and the measurements whose rows are.

        A derived job is known by what it came to before, see `Derivations`. What is derived from
        now on is remembered.

        Cost: a look at each run's folder; nothing has to be sent for them.
        """
        self._derivations, self._store = Derivations(store), Store(store)
        for name in self.tasks:
            self._find(name)
        self._find_derived()

    @property
    def waiting(self) -> list[Task]:
        """The tasks that are neither done nor failed."""
        return [
            task
            for name, task in self.tasks.items()
            if name not in self.keys and name not in self.failures
        ]

    @property
    def open(self) -> bool:
        """Whether anything is left to do."""
        return len(self.keys) + len(self.failures) < len(self.tasks)

    def take(self) -> Task | None:
        """The first task that can begin, which is then active; None if there is none now."""
        for name, task in self.tasks.items():
            begun = name in self.active or name in self.keys or name in self.failures
            if not begun and all(parent in self.keys for parent in task.parents):
                self.active[name] = ("", 0)
                return task
        return None

    def parents(self, task: Task) -> tuple[str, ...]:
        """The run keys of the task's parents."""
        return tuple(self.keys[parent] for parent in task.parents)

    def began(self, name: str, key: str, steps: int) -> None:
        """Notes which run an active task trains, and its steps."""
        self.active[name] = (key, steps)
        self.begun[name] = steps

    def end(self, name: str, result: str | Failure) -> None:
        """Notes what an active task came to: its run key, or why it failed."""
        del self.active[name]
        if isinstance(result, str):
            self.keys[name] = result
            self._remember(name)
            if isinstance(self.tasks[name].work, Together):
                for other in [one.name for one in self.waiting if name in one.parents]:
                    self._find(other)
            return
        self._setbacks[name] += 1
        if result.passing and self._setbacks[name] < _SETBACKS:
            return
        twice = "; it was tried twice" if self._setbacks[name] == _SETBACKS else ""
        self.failures[name] = f"{name}: {result.sentence}{twice}"
        self._give_up_on(name)

    def outcome(self) -> Outcome:
        """What came of the tasks, in their order."""
        return Outcome(
            {name: self.keys[name] for name in self.tasks if name in self.keys},
            {name: self.failures[name] for name in self.tasks if name in self.failures},
        )

    def _find(self, name: str) -> None:
        """Ends a task if the store has what it comes to."""
        result = None if self._store is None else found(self.tasks[name], self._store)
        if result is not None:
            self.active[name] = ("", 0)
            self.end(name, result)

    def _find_derived(self) -> None:
        """Ends the derived jobs that are remembered, parents before those that build on them."""
        order = TopologicalSorter({name: task.parents for name, task in self.tasks.items()})
        for name in order.static_order():
            task = self.tasks[name]
            ready = name not in self.failures and all(one in self.keys for one in task.parents)
            if not ready or self._derivations is None or not isinstance(task.work, Derived):
                continue
            key = self._derivations.find(task.work, self.parents(task))
            if key is not None:
                self.keys[name] = key

    def _remember(self, name: str) -> None:
        task = self.tasks[name]
        if self._derivations is not None and isinstance(task.work, Derived):
            self._derivations.keep(task.work, self.parents(task), self.keys[name])

    def _give_up_on(self, name: str) -> None:
        """Fails everything that builds on a task, directly or not."""
        lost = {name}
        while more := {
            heir for heir, task in self.tasks.items() if lost & {*task.parents} and heir not in lost
        }:
            lost |= more
        for heir in self.tasks:
            if heir in lost - {name}:
                words = f"{heir}: not run, because it builds on {name}, which failed"
                self.failures.setdefault(heir, words)
