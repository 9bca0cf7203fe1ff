"""The engine of one machine: as many worker processes as cores, one thread each."""

import os
from collections.abc import Iterable
from multiprocessing import connection
from pathlib import Path
from typing import Any

from surfeit.execute.engine import Outcome, Progress
from surfeit.execute.interrupts import ends_interrupt
from surfeit.execute.messages import sending
from surfeit.execute.performance import Failure
from surfeit.execute.processes import WorkerProcess, stop
from surfeit.execute.queue import TaskQueue
from surfeit.execute.reporting import SECONDS, Reporter
from surfeit.execute.task import Task


class Local:
    """Does tasks side by side in processes of this machine.

    A worker that dies is replaced and its task tried once more, which goes on from the run's last
    checkpoint. Ctrl-C, SIGTERM and SIGHUP let every training save where it stands and raise
    KeyboardInterrupt within two seconds; if this process is killed, its workers notice and end.

    >>> Local().run([Task(name="a", work=job)], store=Path("store"))

    Args:
        workers: how many processes, one thread each; as many as this process may use cores if
            not given, and never more than there are tasks.

    Raises:
        ValueError: if workers is no integer above 0.

    Cost: torch is loaded once, about 1 s; then some 35 ms a worker and 1 ms a task.
    """

    def __init__(self, workers: int | None = None) -> None:
        whole = isinstance(workers, int) and not isinstance(workers, bool)
        if workers is not None and not (whole and workers >= 1):
            raise ValueError(f"workers must be an integer >= 1, got {workers!r}")
        self.workers = workers or cores()

    def run(
        self, tasks: Iterable[Task], *, store: Path, progress: Progress | None = None
    ) -> Outcome:
        """Does the tasks, each once its parents are done, in the order given; see `Engine.run`."""
        root = Path(store).absolute()
        queue = TaskQueue(tasks)
        with ends_interrupt():
            queue.find_done(root)
            reporter = Reporter(queue, root, progress)
            with sending(queue.waiting, root) as messages:
                self._do(queue, messages, root, reporter)
        return queue.outcome()

    def _do(
        self, queue: TaskQueue, messages: dict[str, Any], root: Path, reporter: Reporter
    ) -> None:
        pool = _Pool(queue, messages, root, min(self.workers, len(messages)))
        try:
            while queue.open:
                pool.assign()
                reporter.tell()
                pool.wait()
            reporter.tell()
        finally:
            stop(pool.processes)


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Pool:
    """The workers of one call and what each is doing."""

    def __init__(self, queue: TaskQueue, messages: dict[str, Any], store: Path, most: int) -> None:
        self._queue, self._messages, self._store, self._most = queue, messages, store, most
        self.processes: list[WorkerProcess] = []
        self._doing: dict[WorkerProcess, str] = {}

    def assign(self) -> None:
        """Gives each idle worker a task, and starts workers while there are more tasks."""
        while len(self._doing) < self._most and (task := self._queue.take()) is not None:
            process = self._idle()
            self._doing[process] = task.name
            parents = self._queue.parents(task)
            message = {"task": self._messages[task.name], "parents": parents}
            process.send(message | {"store": str(self._store)})

    def wait(self) -> None:
        """Waits for workers, until it is time for progress, and notes what they say."""
        signs = [sign for process in self.processes for sign in process.signs]
        ready = set(map(id, connection.wait(signs, SECONDS)))
        for process in list(self.processes):
            if any(id(sign) in ready for sign in process.signs):
                self._hear(process)

    def _idle(self) -> WorkerProcess:
        for process in self.processes:
            if process not in self._doing:
                return process
        process = WorkerProcess()
        self.processes.append(process)  # before it starts: whatever happens then, it is ended
        process.start()
        return process

    def _hear(self, process: WorkerProcess) -> None:
        try:
            while (message := process.receive()) is not None:
                self._note(process, message)
        except EOFError:
            self._replace(process)

    def _note(self, process: WorkerProcess, message: dict[str, Any]) -> None:
        if "began" in message:
            self._queue.began(self._doing[process], message["began"], message["steps"])
        elif "done" in message:
            self._queue.end(self._doing.pop(process), message["done"])
        else:
            failure = Failure(message["failed"], message["passing"])
            self._queue.end(self._doing.pop(process), failure)

    def _replace(self, process: WorkerProcess) -> None:
        """Lets a dead worker go; its task is tried once more, by another."""
        how = process.how_it_ended()
        process.close()
        self.processes.remove(process)
        if process in self._doing:
            failure = Failure(f"its process {how}", passing=True)
            self._queue.end(self._doing.pop(process), failure)
