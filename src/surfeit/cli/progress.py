"""Progress on stderr: a bar in a terminal, a plain line at the end elsewhere, nothing if quiet."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, Self

from surfeit.cli.side_by_side import Screen, Watch

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.progress import TaskID

    from surfeit.data import Dataset
    from surfeit.execute import Status
    from surfeit.store import Run
    from surfeit.train import Moment


class Teller(Protocol):
    """What a command says while it works: stages with how far each is, and sentences."""

    def stage(self, name: str, done: int, total: int) -> None:
        """Says that the stage `name` has done so many of so many parts."""
        ...

    def trainings(self, status: "Status") -> None:
        """Says where trainings side by side stand."""
        ...

    def say(self, sentence: str) -> None:
        """Says a sentence."""
        ...


class _Silent:
    def stage(self, name: str, done: int, total: int) -> None:
        pass

    def trainings(self, status: "Status") -> None:
        pass

    def say(self, sentence: str) -> None:
        pass


class _Plain:
    """One line a finished stage or training: for logs and pipes."""

    def __init__(self) -> None:
        self._watch = Watch()
        self._idle = time.monotonic()  # since the last stage ended
        self._began: dict[str, float] = {}
        self._ended: set[str] = set()

    def stage(self, name: str, done: int, total: int) -> None:
        now = time.monotonic()
        began = self._began.setdefault(name, self._idle if done else now)
        if done >= total and name not in self._ended:
            self._ended.add(name)
            self.say(f"{name}: done in {now - began:.1f} s")
            self._idle = now

    def trainings(self, status: "Status") -> None:
        for ended in self._watch.look(status, time.monotonic()):
            self.say(ended)

    def say(self, sentence: str) -> None:
        print(_printable(sentence), file=sys.stderr, flush=True)


class _Bars:
    """A bar a stage; trainings side by side are one bar, and a line each while they run."""

    def __init__(self, console: "Console") -> None:
        from rich.live import Live
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._stages = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._screen = Screen(console)
        self._live = Live(get_renderable=self._drawing, console=console, refresh_per_second=10)

    def stage(self, name: str, done: int, total: int) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._stages.add_task(name, total=total)
        self._stages.update(self._tasks[name], completed=done, total=total)
        self._start()

    def trainings(self, status: "Status") -> None:
        self._screen.look(status)
        self._start()

    def say(self, sentence: str) -> None:
        self._live.console.print(_printable(sentence), highlight=False, markup=False)

    def _drawing(self) -> "Group":
        from rich.console import Group

        stages = [self._stages] if self._tasks else []
        return Group(*stages, *self._screen.drawing())

    def _start(self) -> None:
        # Not before there is something to draw: each empty drawing would scroll by a line.
        if not self._live.is_started:
            self._live.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._screen.end()
        self._live.stop()


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

    with _Bars(Console(stderr=True)) as bars:
        yield bars


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


def say_if_other_data(run: "Run", dataset: "Dataset", teller: Teller) -> None:
    """Says so if a run is about to be measured on other data than it was trained on."""
    trained = run.identity.get("data")
    if trained is not None and trained != dataset.fingerprint:
        name = run.about.get("data")
        of = f"{name}, " if name not in (None, dataset.name) else ""
        teller.say(
            f"run {run.key[:12]} was trained on {of}other data than these of {dataset.name} (their "
            "fingerprints differ): what follows is measured on these"
        )


def _printable(sentence: str) -> str:
    """The sentence as a terminal may show it: it quotes names that runs and files hold."""
    from surfeit.core import printable

    return printable(sentence, lines=True)
