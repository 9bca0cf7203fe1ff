"""Progress, read from the runs' own metrics by the one process that shows it."""

import time
from pathlib import Path
from typing import Any

from surfeit.core import StoreError
from surfeit.execute.engine import Active, Progress, Status
from surfeit.execute.queue import TaskQueue
from surfeit.execute.work import Together
from surfeit.store import Store
from surfeit.store.files import open_regular
from surfeit.store.parsing import parse_json

SECONDS = 0.5
"""Between two reports, unless a task ends."""

_TAIL_BYTES = 8192
_LARGEST = 2.0**63  # leaves out NaN and infinity too


class Reporter:
    """Tells a caller where all tasks stand, at each task's end and twice a second at most.

    Args:
        queue: the tasks.
        store: where their runs are.
        progress: the caller's function; None to tell nobody.
    """

    def __init__(self, queue: TaskQueue, store: Path, progress: Progress | None) -> None:
        self._queue, self._store, self._progress = queue, Store(store), progress
        self._ended: set[str] | None = None  # those told of; None before the first status
        self._told = -SECONDS

    def tell(self) -> None:
        """Tells, if a task has ended since or it is time."""
        if self._progress is None:
            return
        now = time.monotonic()
        ended = {*self._queue.keys, *self._queue.failures}
        if ended == self._ended and now - self._told < SECONDS:
            return
        new = ended - (self._ended or set())
        self._ended, self._told = ended, now
        self._progress(self._status(new))

    def _status(self, new: set[str]) -> Status:
        queue = self._queue
        active = tuple(
            self._active(name, *queue.active[name]) for name in queue.tasks if name in queue.active
        )
        # A stack's trainings count, each as a task of its own; the stack does not.
        counted = [name for name, task in queue.tasks.items() if type(task.work) is not Together]
        ended = tuple(
            self._active(name, queue.keys.get(name, ""), queue.begun.get(name, 0))
            for name in counted
            if name in new
        )
        done = sum(name in queue.keys for name in counted)
        failed = sum(name in queue.failures for name in counted)
        return Status(done, failed, len(counted), active, ended)

    def _active(self, name: str, key: str, steps: int) -> Active:
        if not (key and steps):
            return Active(name, key, 0, steps)
        row = last_row(self._store.path_of(key) / "metrics.jsonl")
        numbers = {
            column: value
            for column, value in row.items()
            if type(value) in (int, float) and abs(value) < _LARGEST
        }
        return Active(name, key, int(numbers.get("step", 0)), steps, numbers)


def last_row(path: Path) -> dict[str, Any]:
    """The last whole line of a metrics file; empty if there is none yet.

    Cost: reads the file's last 8 KiB, however long the training.
    """
    try:
        with open_regular(path, follow=False) as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL_BYTES))
            *lines, _ = file.read().split(b"\n")
        row = parse_json(lines[-1], constants=True)
    except (OSError, StoreError, IndexError, ValueError):
        return {}  # what is shown is no result: whoever reads the run hears of a damaged file
    return row if isinstance(row, dict) else {}
