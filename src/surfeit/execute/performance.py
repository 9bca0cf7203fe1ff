"""One task done where one stands, and what to say if it cannot be."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surfeit.core import DiskError, SurfeitError
from surfeit.execute.task import Context, Task, work_of


@dataclass(frozen=True)
class Failure:
    """Why a task failed.

    Args:
        sentence: what happened, without the task's name.
        passing: whether it may go better at the next try: memory or a disk ran out.
    """

    sentence: str
    passing: bool = False


def perform(task: Task, context: Context) -> str | Failure:
    """The run key that the task's work ends in, or why it failed."""
    try:
        key = work_of(task)(task.config, context)
    except (Exception, SystemExit) as error:
        return _failure(error)
    if not isinstance(key, str) or not key:
        return Failure(f"{task.kind} must return a run key, got {key!r}")
    return key


def as_json(task: Task) -> dict[str, Any]:
    """A task as it is sent to another process."""
    return {"name": task.name, "kind": task.kind, "config": task.config}


def from_json(record: Mapping[str, Any]) -> Task:
    """The task that was sent; who its parents are is the sender's business."""
    return Task(**record)


def _failure(error: BaseException) -> Failure:
    passing = isinstance(error, MemoryError | OSError | DiskError)
    if isinstance(error, SurfeitError | ValueError) and str(error):
        return Failure(str(error), passing)
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        last = frames[-1]
        words = f"{words} ({Path(last.filename).name}, line {last.lineno}, in {last.name})"
    return Failure(words, passing)
