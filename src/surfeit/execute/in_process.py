"""The engine for tests, debuggers and notebooks: this process, one task after another."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from surfeit.execute.engine import Outcome, Progress
from surfeit.execute.interrupts import ends_interrupt
from surfeit.execute.performance import perform
from surfeit.execute.queue import TaskQueue
from surfeit.execute.reporting import Reporter
from surfeit.execute.task import Context, Task


class InProcess:
    """Does the tasks one after another in this process; its outcome is that of every engine.

    Progress is told when a task begins its run and when it ends, not between. What kills a
    process kills this one: the same call then goes on from the runs' checkpoints.
    """

    def run(
        self, tasks: Iterable[Task], *, store: Path, progress: Progress | None = None
    ) -> Outcome:
        """Does the tasks, each once its parents are done, in the order given; see `Engine.run`."""
        queue = TaskQueue(tasks)
        root = Path(store).absolute()
        with ends_interrupt():
            queue.find_done(root)
            reporter = Reporter(queue, root, progress)
            reporter.tell()
            while (task := queue.take()) is not None:
                began = partial(self._began, queue, reporter, task.name)
                context = Context(parents=queue.parents(task), store=root, began=began)
                queue.end(task.name, perform(task, context))
                reporter.tell()
        return queue.outcome()

    def _began(self, queue: TaskQueue, reporter: Reporter, name: str, key: str, steps: int) -> None:
        queue.began(name, key, steps)
        reporter.tell()
