"""The engine of a Ray cluster: a remote function a task, on a store that all its nodes see."""

# pyright: reportMissingImports=false
# The extra need not be installed where types are checked.

import math
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from surfeit.execute.engine import Outcome, Progress
from surfeit.execute.performance import Failure
from surfeit.execute.queue import TaskQueue
from surfeit.execute.ray_cluster import Cluster, connect, first_line
from surfeit.execute.reporting import SECONDS
from surfeit.execute.shared import Call, answer, hear, look, run_shared
from surfeit.execute.task import Task

_MISSING = "the engine 'ray' needs Ray: pip install 'surfeit[ray]'"
_GRACE_SECONDS = 5.0  # what trainings have to save; a network file system is slower than a disk
_AHEAD = 1  # tasks that wait on each slot, so that none idles while the driver hears of its last


class Ray:
    """Does tasks side by side on the machines of a Ray cluster.

    Data goes through the store alone, which must lie at the same path on every node; each node
    shows at the start that it sees it. Workers take the code from where this process has it. A
    task whose worker or node dies is done again by another, and goes on from the run's last
    checkpoint. Ctrl-C, SIGTERM and SIGHUP let every training save where it stands and raise
    KeyboardInterrupt within five seconds. If this process is killed, Ray ends its tasks.

    >>> Ray("ray://head:10001", gpus=0.25).run(tasks, store=Path("/shared/store"))

    Args:
        address: `ray://HOST:10001`, or `HOST:6379` of a cluster that this machine belongs to.
            Without it, the cluster that this process is connected to, or that RAY_ADDRESS names,
            or that runs on this machine; if there is none, one is started on its cores for as
            long as this process lasts.
        cpus: cores that a task takes; it computes on one thread whatever it takes, so that its
            numbers are those of `Local`.
        gpus: GPUs that a task takes; with 0.25 four tasks share one. Ray shows a task its own
            alone, so that `Numerics(device="cuda")` is the one that the task was given.
        retries: how often a task whose worker or node died is done again.

    Raises:
        ValueError: if a number is out of range.
        ImportError: if Ray is not installed.

    Cost: about 10 s to start a cluster on this machine, 2 s to join one, 3 s a worker while torch
    loads; then some 5 ms a task.
    """

    def __init__(
        self, address: str | None = None, *, cpus: float = 1, gpus: float = 0, retries: int = 3
    ) -> None:
        _check_number("cpus", cpus)
        _check_number("gpus", gpus)
        if cpus == gpus == 0:
            raise ValueError("a task must take some of a CPU or of a GPU, got cpus=0 and gpus=0")
        if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
            raise ValueError(f"retries must be an integer >= 0, got {retries!r}")
        if find_spec("ray") is None:
            raise ImportError(_MISSING)
        self.address, self.cpus, self.gpus, self.retries = address, cpus, gpus, retries

    def run(
        self, tasks: Iterable[Task], *, store: Path, progress: Progress | None = None
    ) -> Outcome:
        """Does the tasks, each once its parents are done; see `Engine.run`.

        Raises:
            SurfeitError: if no cluster answers, no node has what a task takes, or a node does not
                see the store.
        """
        return run_shared(tasks, store, progress, self._begin)

    def _begin(self, queue: TaskQueue, messages: Mapping[str, Any], call: Call) -> "_Flights":
        connect(self.address)
        cluster = Cluster({"CPU": self.cpus, "GPU": self.gpus})
        cluster.check(call)
        return _Flights(queue, messages, call, cluster, self.retries)


class _Flights:
    """The tasks that are with the cluster."""

    def __init__(
        self,
        queue: TaskQueue,
        messages: Mapping[str, Any],
        call: Call,
        cluster: Cluster,
        retries: int,
    ) -> None:
        import ray

        self._queue, self._messages, self._call = queue, messages, call
        self._cluster, self._retries = cluster, retries
        takes = cluster.takes
        self._answer = ray.remote(answer).options(
            num_cpus=takes["CPU"], num_gpus=takes["GPU"], max_retries=retries
        )
        self._names: dict[Any, str] = {}
        self._notes: dict[str, str] = {}
        self._looked = -math.inf

    def submit(self) -> None:
        """Hands tasks to the cluster while it has room for more."""
        most = self._cluster.slots * (1 + _AHEAD)
        while len(self._names) < most and (task := self._queue.take()) is not None:
            message = self._call.message(self._messages[task.name], self._queue.parents(task))
            self._notes[task.name] = message["note"]
            self._names[self._answer.remote(message)] = task.name

    def look(self) -> None:
        """Notes which runs have begun, as often as progress is told."""
        now = time.monotonic()
        if now - self._looked >= SECONDS:
            look(self._queue, self._notes)
            self._looked = now

    def wait(self) -> None:
        """Waits for tasks, until it is time for progress, and notes what came of them."""
        import ray

        if not self._names:
            time.sleep(SECONDS)
            return
        ready, _ = ray.wait(list(self._names), timeout=SECONDS)
        while ready:
            for reference in ready:
                self._end(reference)
            if not self._names:
                return
            ready, _ = ray.wait(list(self._names), timeout=0)

    def stop(self) -> None:
        """Lets the trainings that are left save where they stand, and ends them."""
        import ray

        left = list(self._names)
        if not left:
            return
        for reference in left:
            ray.cancel(reference, force=False)
        _, left = ray.wait(left, num_returns=len(left), timeout=_GRACE_SECONDS)
        for reference in left:
            with suppress(ValueError):
                ray.cancel(reference, force=True)

    def _end(self, reference: Any) -> None:
        import ray

        name = self._names.pop(reference)
        del self._notes[name]
        try:
            hear(self._queue, name, ray.get(reference))
        except ray.exceptions.RayError as error:
            self._queue.end(name, Failure(self._why(error)))

    def _why(self, error: Exception) -> str:
        import ray

        died = (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError)
        if isinstance(error, died):
            tries = self._retries + 1
            times = "" if tries == 1 else f", {tries} times in a row"
            return f"its worker or its node died{times}, as it does when memory runs out"
        return f"Ray could not do it: {first_line(error)}"


def _check_number(name: str, value: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:
        raise ValueError(f"{name} must be a number >= 0, got {value!r}")
    if value > 1 and value != int(value):
        raise ValueError(f"{name} above 1 must be a whole number, as Ray has it, got {value!r}")
