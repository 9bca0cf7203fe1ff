"""Progress on stderr: a bar in a terminal, a plain line at the end elsewhere, nothing if quiet."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from surfeit.store import Run
    from surfeit.train import Moment


class Teller(Protocol):
    """What a command says while it works: stages with how far each is, and sentences."""

    def stage(self, name: str, done: int, total: int) -> None:
        """Says that the stage `name` has done so many of so many parts."""
        ...

    def say(self, sentence: str) -> None:
        """Says a sentence."""
        ...


class _Silent:
    def stage(self, name: str, done: int, total: int) -> None:
        pass

    def say(self, sentence: str) -> None:
        pass


class _Plain:
    """One line a finished stage: for logs and pipes."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._ended: set[str] = set()

    def stage(self, name: str, done: int, total: int) -> None:
        if done >= total and name not in self._ended:
            self._ended.add(name)
            now = time.monotonic()
            self.say(f"{name}: done in {now - self._began:.1f} s")
            self._began = now

    def say(self, sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)


class _Bars:
    """A bar a stage."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def stage(self, name: str, done: int, total: int) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=done, total=total)

    def say(self, sentence: str) -> None:
        self._progress.console.print(sentence, highlight=False, markup=False)


@contextmanager
def telling(quiet: bool) -> Iterator[Teller]:
    """A teller for one command; bars need a terminal, `NO_COLOR` takes their colours away."""
    if quiet:
        yield _Silent()
        return
    if not sys.stderr.isatty():
        yield _Plain()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        yield _Bars(progress)


def training_teller(teller: Teller, name: str) -> "Callable[[Moment], None]":
    """What turns a training's moments into a stage, and their words into sentences."""

    def tell(moment: "Moment") -> None:
        if moment.words:
            teller.say(moment.words)
        else:
            teller.stage(name, moment.step, moment.steps)

    return tell


def say_if_unfinished(run: "Run", teller: Teller) -> None:
    """Says so if a run that is about to be measured has not reached its end."""
    if run.status != "done":
        step = run.steps()[-1] if run.steps() else "none"
        teller.say(f"run {run.key[:12]} is {run.status}: what follows is of its step {step}")
