"""The engine of a Ray cluster: a remote function a task, on a store that all its nodes see."""

# pyright: reportMissingImports=false
# The extra need not be installed where types are checked.

import math
import os
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from surfeit.core import SurfeitError
from surfeit.execute.engine import Outcome, Progress
from surfeit.execute.interrupts import ends_interrupt
from surfeit.execute.local import cores
from surfeit.execute.messages import sending
from surfeit.execute.performance import Failure
from surfeit.execute.processes import ONE_THREAD
from surfeit.execute.queue import TaskQueue
from surfeit.execute.reporting import SECONDS, Reporter
from surfeit.execute.shared import (
    Call,
    answer,
    environment,
    hear,
    look,
    meet,
    opened_call,
    unshared,
)
from surfeit.execute.task import Task

_MISSING = "the engine 'ray' needs Ray: pip install 'surfeit[ray]'"
_GRACE_SECONDS = 5.0  # what trainings have to save; a network file system is slower than a disk
_MEETING_SECONDS = 60.0
_LOST_SECONDS = 60.0
_TRIES = 3
_AHEAD = 1  # tasks that wait on each slot, so that none idles while the driver hears of its last
_OBJECT_BYTES = 100_000_000  # Ray's own memory; nothing but run keys goes through it
_SILENT: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # what becomes of a task is said by its outcome
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # or Ray warns of a change to come
    "RAY_raylet_start_wait_time_s": "120",  # on a busy machine Ray's own 30 s are too few
}


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
        root = Path(store).absolute()
        queue = TaskQueue(tasks)
        with ends_interrupt():
            queue.find_done(root)
            reporter = Reporter(queue, root, progress)
            with sending(queue.waiting, root) as messages, opened_call(root) as call:
                if messages:
                    self._do(queue, messages, call, reporter)
                reporter.tell()
        return queue.outcome()

    def _do(
        self, queue: TaskQueue, messages: Mapping[str, Any], call: Call, reporter: Reporter
    ) -> None:
        connect(self.address)
        cluster = _Cluster({"CPU": self.cpus, "GPU": self.gpus})
        cluster.check(call)
        flights = _Flights(queue, messages, call, cluster, self.retries)
        try:
            while queue.open:
                flights.submit()
                flights.look()
                reporter.tell()
                flights.wait()
        finally:
            flights.stop()


def connect(address: str | None) -> None:
    """Connects this process to a cluster, unless it is; see `Ray` for which.

    Raises:
        SurfeitError: if no cluster answers at the address, or none can be started.
    """
    with environment({name: os.environ.get(name, value) for name, value in QUIET.items()}):
        import ray

        if ray.is_initialized():
            return
        given = address or os.environ.get("RAY_ADDRESS")
        if given:
            _join(given)
        elif not _joined_here():
            _start()


def _join(address: str) -> None:
    import ray

    try:
        ray.init(address, runtime_env=_surroundings(), **_SILENT)
    except Exception as error:  # Ray has no class for it: what does not answer raises anything
        raise SurfeitError(
            f"no Ray cluster answers at {address}: start one with 'ray start --head' "
            f"({_first_line(error)})"
        ) from error


def _joined_here() -> bool:
    """Joins the cluster that runs on this machine, if one does."""
    import ray

    try:
        ray.init("auto", runtime_env=_surroundings(), **_SILENT)
    except ConnectionError:
        return False
    return True


def _start() -> None:
    """Starts a cluster of this machine; its workers inherit the environment, so nothing is sent."""
    import ray

    size = {"num_cpus": cores(), "object_store_memory": _OBJECT_BYTES}
    with environment(_surroundings()["env_vars"]):
        for left in reversed(range(_TRIES)):
            try:
                ray.init("local", include_dashboard=False, **size, **_SILENT)
                return
            except Exception as error:  # Ray raises nothing finer when a node starts too late
                ray.shutdown()
                if not left:
                    why = _first_line(error)
                    raise SurfeitError(f"Ray cannot be started here: {why}") from error


def _surroundings() -> dict[str, Any]:
    """What workers are started with: this process's code and folders, and one thread.

    Surfeit itself is sent; other modules are looked for where this process finds them.
    """
    import surfeit

    own = {name: value for name, value in os.environ.items() if name.startswith("SURFEIT_")}
    installed = (sys.prefix, sys.base_prefix)
    paths = [os.path.abspath(path) for path in sys.path if path]
    paths = [path for path in paths if not path.startswith(installed)]
    environment = {**own, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(paths)}
    return {"py_modules": [surfeit.__path__[0]], "env_vars": environment}


class _Cluster:
    """The nodes of the cluster that can do a task.

    Args:
        takes: what a task takes, by Ray's name of the resource.
    """

    def __init__(self, takes: Mapping[str, float]) -> None:
        self.takes = takes
        self._counted, self._seen = -math.inf, time.monotonic()
        self._slots = 0

    @property
    def slots(self) -> int:
        """How many tasks can be done at once; nodes come and go.

        Raises:
            SurfeitError: if no node could do any for a minute.
        """
        now = time.monotonic()
        if now - self._counted > SECONDS:
            self._slots = sum(self._fits(node) for node in self._nodes())
            self._counted = now
        if self._slots:
            self._seen = now
        elif now - self._seen > _LOST_SECONDS:
            raise SurfeitError(
                f"the cluster has lost every node with {self._words()}, for a minute by now: "
                "start some and give the same command again, it goes on from there"
            )
        return self._slots

    def check(self, call: Call) -> None:
        """Looks that every node which could do a task sees the store.

        Raises:
            SurfeitError: if none could do one, or one does not see the store or has another torch.
        """
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        nodes = [node for node in self._nodes() if self._fits(node)]
        if not nodes:
            raise SurfeitError(f"no node of the cluster has {self._words()}: {self._inventory()}")
        meeting = ray.remote(meet)
        replies = {
            meeting.options(
                num_cpus=0,
                max_retries=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            ).remote(call.greeting()): node
            for node in nodes
        }
        _, silent = ray.wait(list(replies), num_returns=len(replies), timeout=_MEETING_SECONDS)
        problems = []
        for reply, node in replies.items():
            machine = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
            if reply in silent:
                problems.append(f"node {machine} did not answer within {_MEETING_SECONDS:.0f} s")
                continue
            try:
                problems.append(_problem(machine, ray.get(reply), call))
            except ray.exceptions.RayError as error:
                problems.append(f"node {machine} cannot run surfeit: {_first_line(error)}")
        if any(problems):
            raise SurfeitError("\n  ".join(filter(None, problems)))

    def _nodes(self) -> list[dict[str, Any]]:
        import ray

        return [node for node in ray.nodes() if node["Alive"]]

    def _fits(self, node: Mapping[str, Any]) -> int:
        """How many tasks a node can do at once."""
        has = node["Resources"]
        return min(int(has.get(n, 0) / taken + 1e-9) for n, taken in self.takes.items() if taken)

    def _words(self) -> str:
        return " and ".join(f"{taken:g} {name}" for name, taken in self.takes.items() if taken)

    def _inventory(self) -> str:
        return ", ".join(
            f"{node['NodeManagerHostname']} has {node['Resources'].get('CPU', 0):g} CPU and "
            f"{node['Resources'].get('GPU', 0):g} GPU"
            for node in self._nodes()
        )


def _problem(machine: str, reply: Mapping[str, str], call: Call) -> str:
    if why := reply["problem"] or call.why_unseen(reply["token"]):
        return unshared(machine, call.store, why)
    if reply["torch"] != torch.__version__:
        return (
            f"node {machine} has torch {reply['torch']}, this process {torch.__version__}: "
            "install the same version, or their numbers differ"
        )
    return ""


class _Flights:
    """The tasks that are with the cluster."""

    def __init__(
        self,
        queue: TaskQueue,
        messages: Mapping[str, Any],
        call: Call,
        cluster: _Cluster,
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
        return f"Ray could not do it: {_first_line(error)}"


def _check_number(name: str, value: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:
        raise ValueError(f"{name} must be a number >= 0, got {value!r}")
    if value > 1 and value != int(value):
        raise ValueError(f"{name} above 1 must be a whole number, as Ray has it, got {value!r}")


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
