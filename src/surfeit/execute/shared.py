"""What the driver and the machines of a cluster tell each other through a store that all see."""

import fcntl
import json
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol

import torch

from surfeit.core import StoreError
from surfeit.execute.engine import Outcome, Progress
from surfeit.execute.interrupts import ends_interrupt
from surfeit.execute.messages import perform_message, sending
from surfeit.execute.performance import Failure
from surfeit.execute.queue import TaskQueue
from surfeit.execute.reporting import Reporter
from surfeit.execute.task import Task
from surfeit.store import Objects, Run, Store, claimed_folder, make_folder, write_atomically
from surfeit.store.claims import CLAIM

_TOKEN = "driver"
_PATIENCE_SECONDS = 5.0  # network file systems remember for seconds that a file was not there


class Call:
    """One call of an engine, as the files in the store by which its machines find each other.

    Args:
        store: the root of the store.
        folder: the call's own folder in it.
        token: what the driver wrote there.
    """

    def __init__(self, store: Path, folder: Path, token: str) -> None:
        self.store, self.folder, self.token = store, folder, token
        self._sent = 0

    def message(self, task: Mapping[str, Any], parents: tuple[str, ...]) -> dict[str, Any]:
        """A task for `answer` on another machine.

        Args:
            task: as from `sending`.
            parents: the run keys of its parents.
        """
        self._sent += 1
        note = str(self.folder / f"began-{self._sent}")
        return {**self.greeting(), "task": task, "parents": parents, "note": note}

    def greeting(self) -> dict[str, Any]:
        """What a machine needs to look whether it sees the store, see `meet`."""
        return {"store": str(self.store), "folder": str(self.folder), "token": self.token}

    def why_unseen(self, token: str) -> str:
        """Why the driver does not see what `meet` wrote on another machine; empty if it does."""
        if _seen(self.folder / token, token):
            return ""
        return f"what it wrote into {self.folder} cannot be read here"


class Submitted(Protocol):
    """The tasks of one call that are with a cluster."""

    def submit(self) -> None:
        """Hands tasks that can begin to the cluster while it takes more."""

    def look(self) -> None:
        """Notes which runs have begun."""

    def wait(self) -> None:
        """Waits for tasks, until it is time for progress, and notes what came of them."""

    def stop(self) -> None:
        """Lets the trainings that are left save where they stand, and ends them."""


def run_shared(
    tasks: Iterable[Task],
    store: Path,
    progress: Progress | None,
    begin: Callable[[TaskQueue, Mapping[str, Any], Call], Submitted],
) -> Outcome:
    """What every engine does whose machines share a store; see `Engine.run`.

    Args:
        tasks, store, progress: as of `Engine.run`.
        begin: reaches the cluster, with the tasks, their messages and the call; it is not called
            if the store has everything.
    """
    root = Path(store).absolute()
    queue = TaskQueue(tasks)
    with ends_interrupt():
        queue.find_done(root)
        reporter = Reporter(queue, root, progress)
        if queue.open:
            with sending(queue.waiting, root) as messages, opened_call(root) as call:
                _run_submitted(begin(queue, messages, call), queue, reporter)
        reporter.tell()
    return queue.outcome()


def _run_submitted(submitted: Submitted, queue: TaskQueue, reporter: Reporter) -> None:
    try:
        while queue.open:
            submitted.submit()
            submitted.look()
            reporter.tell()
            submitted.wait()
    finally:
        submitted.stop()


@contextmanager
def opened_call(store: Path) -> Iterator[Call]:
    """The call's folder in the store, gone at its end; those of killed drivers go with it.

    Raises:
        StoreError: if the store cannot be written.
    """
    token = secrets.token_hex(16)
    parent = make_folder(store / "calls")
    try:
        with claimed_folder(parent, "call-") as folder:
            write_atomically(folder / _TOKEN, token.encode())
            yield Call(store, folder, token)
    except PermissionError as error:
        raise StoreError(f"{parent} cannot be written: {error.strerror}") from error


def meet(greeting: Mapping[str, Any]) -> dict[str, str]:
    """On another machine: whether it sees the store as the driver does.

    Returns:
        `problem`, empty if there is none; `token`, the name and content of the file that was
        written for the driver to read; `torch`, the version that is there.
    """
    token = secrets.token_hex(16)
    reply = {"problem": _why_unshared(greeting), "token": token, "torch": torch.__version__}
    if not reply["problem"]:
        try:
            (Path(greeting["folder"]) / token).write_text(token)
        except OSError as error:
            reply["problem"] = f"it cannot write there ({error.strerror})"
    return reply


def unshared(machine: str, store: str | Path, why: str) -> str:
    """The sentence on a machine that does not see the store."""
    return (
        f"node {machine} does not see the store {store}: {why}; every node needs the same file "
        "system at the same path, with locks that reach across nodes"
    )


def answer(message: Mapping[str, Any]) -> dict[str, Any]:
    """On another machine: does a task that `Call.message` described, with one thread.

    Returns:
        `done`, the run key, or `failed` and `passing` as in `Failure`; `began`, the key and the
        steps of the run that it trained last, null if it trained none.
    """
    torch.set_num_threads(1)
    if why := _why_unseen(message):
        return _reply(Failure(unshared(socket.gethostname(), message["store"], why)), [])
    begun: list[tuple[str, int]] = []
    result = perform_message(
        message["task"],
        parents=message["parents"],
        objects=_objects(message["store"]),
        began=partial(_began, Path(message["note"]), begun),
    )
    return _reply(result, begun)


def hear(queue: TaskQueue, name: str, reply: Mapping[str, Any]) -> None:
    """Notes on the queue what `answer` replied."""
    if reply["began"] is not None:
        queue.began(name, *reply["began"])
    failed = reply.get("failed")
    queue.end(name, reply["done"] if failed is None else Failure(failed, reply["passing"]))


def look(queue: TaskQueue, notes: Mapping[str, str]) -> None:
    """Notes on the queue which runs the active tasks have begun.

    Args:
        queue: the tasks.
        notes: by a task's name, where its machine writes what it begins.
    """
    for name, note in notes.items():
        with suppress(OSError, ValueError):
            key, steps = json.loads(Path(note).read_text())
            queue.began(name, key, steps)


def await_saved(queue: TaskQueue, store: Path, seconds: float) -> None:
    """Waits until no active task's training holds the lease of its run any more, so many seconds.

    A training that was told to end writes its checkpoint first.
    """
    runs = [Run(Store(store).path_of(key)) for key, _ in queue.active.values() if key]
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(run.status == "running" for run in runs):
        time.sleep(0.05)


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for what is started meanwhile, as they were before at the end."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@lru_cache(maxsize=1)
def _objects(store: str) -> Objects:
    """The same for all tasks of a process, so that it reads a data set once."""
    return Objects(Path(store))


def _reply(result: str | Failure, begun: list[tuple[str, int]]) -> dict[str, Any]:
    began = begun[-1] if begun else None
    if isinstance(result, str):
        return {"done": result, "began": began}
    return {"failed": result.sentence, "passing": result.passing, "began": began}


def _began(note: Path, begun: list[tuple[str, int]], key: str, steps: int) -> None:
    begun.append((str(key), int(steps)))
    with suppress(StoreError):  # the work is worth more than its progress
        write_atomically(note, json.dumps(begun[-1]).encode(), sync=False)


def _why_unshared(greeting: Mapping[str, Any]) -> str:
    return _why_unseen(greeting) or _why_unlocked(Path(greeting["folder"]).parent / CLAIM)


def _why_unseen(greeting: Mapping[str, Any]) -> str:
    folder = Path(greeting["folder"])
    if _seen(folder / _TOKEN, greeting["token"]):
        return ""
    if not Path(greeting["store"]).is_dir():
        return "there is no such folder"
    return "it has a folder of that name without what the driver has just written into it"


def _why_unlocked(path: Path) -> str:
    """Why a lock that the driver holds could be taken here; empty if it cannot.

    Where it can, two nodes would write one run at once: a lease is such a lock.
    """
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return ""  # the driver got no lock either, and each training will say so
    except OSError as error:
        return f"it cannot write there ({error.strerror})"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return "it does not see the locks that are held there by other nodes"


def _seen(path: Path, token: str) -> bool:
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return path.read_text() == token
        except FileNotFoundError:
            if time.monotonic() > end or not path.parent.parent.is_dir():
                return False
        except OSError:
            return False
        time.sleep(0.1)
