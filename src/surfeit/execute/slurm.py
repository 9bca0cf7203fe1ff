"""The engine of a SLURM cluster: a submitted job a task, on a store that all its nodes see."""

# pyright: reportMissingImports=false
# The extra need not be installed where types are checked.

import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

from surfeit.core import SurfeitError
from surfeit.execute.engine import Outcome, Progress
from surfeit.execute.performance import Failure
from surfeit.execute.queue import TaskQueue
from surfeit.execute.reporting import SECONDS
from surfeit.execute.shared import Call, answer, await_saved, environment, hear, look, run_shared
from surfeit.execute.task import Task

_MISSING = "the engine 'slurm' needs submitit: pip install 'surfeit[slurm]'"
_GRACE_SECONDS = 5.0  # what trainings have to save
RESULT_SECONDS = 10.0
"""How long the result of a job that has ended may take to be seen: file systems have caches."""

_REQUEUE = 144  # the exit code by which submitit's local cluster knows a job to be started again


class Slurm:
    """Does each task as a SLURM job of its own, through submitit.

    A job is submitted once its parents are done, and its run key read from its result. One that
    SLURM preempts or that reaches its time limit is put into the queue again, and goes on from the
    run's last checkpoint; one that ends without a result is submitted once more. Ctrl-C, SIGTERM
    and SIGHUP cancel all jobs, whose trainings save where they stand, and raise KeyboardInterrupt
    within five seconds.

    >>> Slurm(slurm_partition="cpu", timeout_min=60).run(tasks, store=Path("/shared/store"))

    Args:
        folder: where submitit keeps what it sends and the jobs' output; every node must see it.
            `slurm` in the store if not given.
        cluster: submitit's name of the cluster; `local` runs the jobs as processes of this machine.
        most: how many jobs are submitted at once.
        parameters: submitit's, such as timeout_min, mem_gb, gpus_per_node, slurm_partition,
            slurm_account.

    Raises:
        ValueError: if `most` is no integer above 0.
        ImportError: if submitit is not installed.

    Cost: about 0.4 s a job to submit, 3 s while it loads torch, and what it waits in SLURM's queue:
    for trainings of minutes, not of seconds.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        cluster: str = "slurm",
        most: int = 100,
        **parameters: Any,
    ) -> None:
        if not isinstance(most, int) or isinstance(most, bool) or most < 1:
            raise ValueError(f"most must be an integer >= 1, got {most!r}")
        if find_spec("submitit") is None:
            raise ImportError(_MISSING)
        self.folder, self.cluster, self.most = folder, cluster, most
        self.parameters = parameters

    def run(
        self, tasks: Iterable[Task], *, store: Path, progress: Progress | None = None
    ) -> Outcome:
        """Does the tasks, each once its parents are done; see `Engine.run`.

        Raises:
            SurfeitError: if there is no SLURM here, it does not take the parameters, or refuses
                a job.
        """
        return run_shared(tasks, store, progress, self._begin)

    def _begin(self, queue: TaskQueue, messages: Mapping[str, Any], call: Call) -> "_Jobs":
        return _Jobs(queue, messages, call, self)

    def executor(self, root: Path) -> Any:
        """submitit's executor for a store."""
        import submitit

        folder = Path(self.folder or root / "slurm").absolute()
        try:
            executor = submitit.AutoExecutor(folder, cluster=self.cluster)
            executor.update_parameters(name="surfeit", **self.parameters)
        except RuntimeError as error:
            raise SurfeitError(
                f"no SLURM here ({error}): use this engine where srun and sbatch are, such as a "
                "login node"
            ) from error
        except (NameError, TypeError, ValueError) as error:
            raise SurfeitError(f"submitit does not take these parameters: {error}") from error
        return executor


class TaskJob:
    """What SLURM runs: a task, until it is done or SLURM wants the node back."""

    def __init__(self) -> None:
        self._requeued = False

    def __call__(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Does the task; SIGTERM, which a cancelled job is sent, makes its training save."""
        before = signal.signal(signal.SIGTERM, _interrupt)
        try:
            reply = answer(message)
        finally:
            signal.signal(signal.SIGTERM, before)
        if self._requeued:  # the exit that submitit began has become a failure of the task
            sys.exit(_REQUEUE)
        return reply

    def checkpoint(self, message: Mapping[str, Any]) -> Any:
        """What submitit is to start again after a preemption or at the time limit."""
        from submitit.helpers import DelayedSubmission

        self._requeued = True
        return DelayedSubmission(TaskJob(), message)


class _Jobs:
    """The tasks that are with SLURM."""

    def __init__(
        self, queue: TaskQueue, messages: Mapping[str, Any], call: Call, engine: Slurm
    ) -> None:
        self._queue, self._messages, self._call = queue, messages, call
        self._executor, self._most = engine.executor(call.store), engine.most
        self._in_process = engine.cluster == "debug"  # a job is done when its result is asked for
        self._jobs: dict[str, Any] = {}
        self._notes: dict[str, str] = {}
        self._ended: dict[str, float] = {}

    def submit(self) -> None:
        """Submits the tasks that can begin, as one array of jobs."""
        messages = {}
        while len(self._jobs) + len(messages) < self._most:
            if (task := self._queue.take()) is None:
                break
            messages[task.name] = self._call.message(
                self._messages[task.name], self._queue.parents(task)
            )
        if not messages:
            return
        try:
            with environment(_code_of_this_process()), self._executor.batch():
                for name, message in messages.items():
                    self._notes[name] = message["note"]
                    self._jobs[name] = self._executor.submit(TaskJob(), message)
        except Exception as error:  # of sbatch, or of the disk
            raise SurfeitError(f"SLURM refused a job: {_last_line(error)}") from error

    def look(self) -> None:
        """Notes which runs have begun."""
        look(self._queue, self._notes)

    def wait(self) -> None:
        """Waits for jobs, until it is time for progress, and notes what came of them."""
        end = time.monotonic() + SECONDS
        while not (ended := [name for name in self._jobs if self._has_ended(name)]):
            if time.monotonic() > end:
                return
            time.sleep(SECONDS / 10)
        for name in ended:
            self._end(name)

    def stop(self) -> None:
        """Cancels what is left; trainings save where they stand."""
        if not self._jobs:
            return
        self.look()
        for job in self._jobs.values():
            with suppress(Exception):  # whatever ended meanwhile, the others are cancelled
                job.cancel(check=False)
        await_saved(self._queue, self._call.store, _GRACE_SECONDS)

    def _has_ended(self, name: str) -> bool:
        """Whether a job has a result, or has ended and its result is not on its way either."""
        job = self._jobs[name]
        if not job.done():
            return False
        ended = self._ended.setdefault(name, time.monotonic())
        return self._has_result(job) or time.monotonic() - ended > RESULT_SECONDS

    def _has_result(self, job: Any) -> bool:
        return self._in_process or job.paths.result_pickle.exists()

    def _end(self, name: str) -> None:
        import submitit

        job = self._jobs.pop(name)
        del self._notes[name], self._ended[name]
        if not self._has_result(job):
            sentence = f"its job {job.job_id} ended without a result ({_ending(job)})"
            self._queue.end(name, Failure(sentence, passing=True))
            return
        try:
            reply = job.result()
        except submitit.core.utils.FailedJobError as error:
            self._queue.end(name, Failure(_last_line(error)))
        else:
            hear(self._queue, name, reply)


def _ending(job: Any) -> str:
    return f"state {job.state}, see {job.paths.stderr}"


def _last_line(error: BaseException) -> str:
    lines = [line.strip(" -") for line in str(error).splitlines() if line.strip(" -")]
    return lines[-1] if lines else type(error).__name__


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _code_of_this_process() -> dict[str, str]:
    """Hands on where this process finds its modules: jobs inherit the environment."""
    return {"PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path if path)}
