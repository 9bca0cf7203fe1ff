"""Execution: tasks that end in stored runs, done in this process or side by side in others.

A task is a job, a job derived from the runs of other tasks, or a measurement; it ends in the key of
a run, or of rows. As a message it is JSON, and what is large goes through the store. So whatever
can call a function somewhere and bring a text back can be an engine: the protocol `Engine` is one
method, `TaskQueue` has what all share (order, dependencies, second tries, what is given up),
`sending` makes the messages and `perform_message` does what they say, wherever it is called.

- `InProcess` and `Local` are this machine.
- `Ray`: a remote function a task on a store that all machines see; `queue.take()` feeds it,
  `ray.wait` brings the keys.
- `Slurm`: one submitted job a task, and its key read from the job's result; the queue gives the
  jobs in the order of their parents.

`engine_named` finds one by the name it has in the shell.

A dead driver costs nothing: the same call finds the finished runs in the store and goes on from
the checkpoints of the others.
"""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.execute.catalog import ENGINES, engine_named
    from surfeit.execute.derivations import Derivations
    from surfeit.execute.engine import Active, Engine, Outcome, Progress, Status
    from surfeit.execute.in_process import InProcess
    from surfeit.execute.local import Local, cores
    from surfeit.execute.many import failed_in_words, measure_many, train_many, train_outcome
    from surfeit.execute.messages import UnsendableError, perform_message, sending
    from surfeit.execute.performance import Failure, perform
    from surfeit.execute.queue import TaskQueue
    from surfeit.execute.ray import Ray
    from surfeit.execute.slurm import Slurm
    from surfeit.execute.stacks import in_stacks
    from surfeit.execute.task import Context, Task, Work
    from surfeit.execute.work import Derived, Measurement, Row, Together

__all__ = [
    "ENGINES",
    "Active",
    "Context",
    "Derivations",
    "Derived",
    "Engine",
    "Failure",
    "InProcess",
    "Local",
    "Measurement",
    "Outcome",
    "Progress",
    "Ray",
    "Row",
    "Slurm",
    "Status",
    "Task",
    "TaskQueue",
    "Together",
    "UnsendableError",
    "Work",
    "cores",
    "engine_named",
    "failed_in_words",
    "in_stacks",
    "measure_many",
    "perform",
    "perform_message",
    "sending",
    "train_many",
    "train_outcome",
]

lazy_front(__name__)
