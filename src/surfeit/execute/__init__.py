"""Execution: tasks that end in stored runs, done in this process or side by side in others.

A task is a function's name, a configuration in JSON and the tasks that it builds on; it returns the
key of a run. Data goes through the store alone. So whatever can call a function somewhere and bring
a text back can be an engine: the protocol `Engine` is one method, and `TaskQueue` has what all
share (order, dependencies, second tries, what is given up).

- Ray: a remote function of one CPU that calls `perform(task, context)` on a store that all machines
  see, with `torch.set_num_threads(1)` first; `queue.take()` feeds it, `ray.wait` brings the keys.
- SLURM: one submitted job a task, the same call in it, and its key read from the job's result; the
  queue gives the jobs in the order of their parents.

A dead driver costs nothing: the same call finds the finished runs in the store and goes on from
the checkpoints of the others.
"""

from surfeit.execute.engine import Active, Engine, Outcome, Progress, Status
from surfeit.execute.in_process import InProcess
from surfeit.execute.local import Local, cores
from surfeit.execute.many import Derived, Measurement, Row, measure_many, train_many
from surfeit.execute.performance import Failure, perform
from surfeit.execute.queue import TaskQueue
from surfeit.execute.task import Context, Task, Work

__all__ = [
    "Active",
    "Context",
    "Derived",
    "Engine",
    "Failure",
    "InProcess",
    "Local",
    "Measurement",
    "Outcome",
    "Progress",
    "Row",
    "Status",
    "Task",
    "TaskQueue",
    "Work",
    "cores",
    "measure_many",
    "perform",
    "train_many",
]
