"""What every engine is asked, and what it answers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from surfeit.execute.task import Task


@dataclass(frozen=True)
class Active:
    """A task that is being done.

    Args:
        name: the task's.
        key: the run's that it trains; empty until it is known.
        step: optimiser updates made, as of the run's last row of metrics.
        steps: updates of the whole run; 0 until they are known.
        metrics: the numbers in the run's last row of metrics, accuracies as fractions.
    """

    name: str
    key: str = ""
    step: int = 0
    steps: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Status:
    """Where all tasks stand.

    Args:
        done: tasks that are done.
        failed: tasks that failed, or were not run because one that they build on failed.
        total: all tasks but stacks, whose trainings are tasks of their own.
        active: those that are being done, in the order of the tasks.
        ended: those that are done or failed since the report before. One that failed has no key;
            of one whose run was in the store already, nothing was begun, `steps` is 0.
    """

    done: int
    failed: int
    total: int
    active: tuple[Active, ...]
    ended: tuple[Active, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of the tasks; each name is in one of the two.

    Args:
        keys: the run keys of the tasks that are done, in the order of the tasks.
        failures: why the others are not, a sentence each.
    """

    keys: dict[str, str]
    failures: dict[str, str]


Progress = Callable[[Status], None]


class Engine(Protocol):
    """Whatever does tasks: `InProcess`, `Local`, or one of your own."""

    def run(
        self, tasks: Iterable[Task], *, store: Path, progress: Progress | None = None
    ) -> Outcome:
        """Does the tasks, each once its parents are done, in the order given where it can choose.

        Args:
            tasks: what to do.
            store: the root of the store that the work functions read and write.
            progress: called now and then, and at each task's end, with where all tasks stand.

        Returns:
            The run keys of what was done and a sentence for each task that was not.

        Raises:
            ValueError: before anything runs, if the tasks do not fit together.
            KeyboardInterrupt: after Ctrl-C, SIGTERM or SIGHUP, once every training has saved
                where it stands; the same call goes on from there.
        """
        ...
