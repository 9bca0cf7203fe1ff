"""Trainings side by side, from one report to the next: what ended, and where all stand."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import TaskID

    from surfeit.execute import Active, Status

_SPEED_SECONDS = 180.0  # what remains is estimated from the speed of so many last seconds


class Watch:
    """What has ended since the report before: one sentence a training, for logs and pipes."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._stored = 0
        self._told = 0

    def look(self, status: "Status", now: float) -> list[str]:
        """The sentences about what has ended.

        Trainings that were in the store already are counted in one sentence, once another begins.

        Args:
            status: where the trainings stand.
            now: seconds of a clock that never goes back.
        """
        for one in status.active:
            self._began.setdefault(one.name, now)
        trained = [one for one in status.ended if one.steps]
        self._stored += sum(bool(one.key and not one.steps) for one in status.ended)
        over = status.done + status.failed
        at_work = bool(trained) or any(one.steps for one in status.active)
        counts = _counted_up(status, trained)
        before = next(counts)
        sentences = self._of_stored(before) if at_work or over == status.total else []
        sentences += [self._sentence(*pair, now) for pair in zip(trained, counts, strict=True)]
        if over > self._told and not sentences and not self._stored:
            sentences = [tally(status)]
        self._told = over
        return sentences

    def _of_stored(self, status: "Status") -> list[str]:
        count, self._stored = self._stored, 0
        return [f"in the store already: {count} ({tally(status)})"] if count else []

    def _sentence(self, one: "Active", status: "Status", now: float) -> str:
        seconds = now - self._began.get(one.name, now)
        if not one.key:
            return f"{one.name}: failed after {seconds:.0f} s ({tally(status)})"
        accuracy = _accuracy(one.metrics)
        accuracy = f", {accuracy} at step {one.step:,}" if accuracy else ""
        return f"{one.name}: {seconds:.0f} s{accuracy} ({tally(status)})"


class Screen:
    """One bar over all trainings and a line for each active one, in a terminal."""

    def __init__(self, console: "Console") -> None:
        from rich.progress import (
            BarColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._overall = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=18),
            TextColumn("{task.fields[tally]}"),
            TimeElapsedColumn(),
            TextColumn("gone ·"),
            TimeRemainingColumn(),
            TextColumn("to go"),
            console=console,
            speed_estimate_period=_SPEED_SECONDS,
        )
        self._task: TaskID | None = None
        self._active: tuple[Active, ...] = ()

    def look(self, status: "Status") -> None:
        """Takes a status in; it is drawn the next time the terminal is."""
        if self._task is None:
            self._task = self._overall.add_task("trainings", total=status.total, tally="")
        # Begun trainings count by their share, so that the bar moves and what remains is known.
        begun = sum(one.step / one.steps for one in status.active if one.steps)
        completed = min(status.total, status.done + status.failed + begun)
        self._overall.update(
            self._task, completed=completed, total=status.total, tally=tally(status)
        )
        self._active = status.active

    def end(self) -> None:
        """Nothing is active any more: what stays on the screen is the bar."""
        self._active = ()

    def drawing(self) -> "list[RenderableType]":
        """What to draw: nothing before the first status."""
        from rich.table import Table

        if self._task is None:
            return []
        if not self._active:
            return [self._overall]
        lines = Table.grid(padding=(0, 3))
        lines.add_column(no_wrap=True, overflow="ellipsis")
        lines.add_column(no_wrap=True, justify="right")
        lines.add_column(no_wrap=True)
        for one in self._active:
            step = f"step {one.step:,} of {one.steps:,}" if one.steps else "beginning"
            lines.add_row(f"  {one.name}", step, _accuracy(one.metrics))
        return [self._overall, lines]


def _counted_up(status: "Status", trained: "list[Active]") -> "Iterator[Status]":
    """The status before several ended at once, and as each of them ends."""
    done = sum(bool(one.key) for one in trained)
    done, failed = status.done - done, status.failed - (len(trained) - done)
    yield replace(status, done=done, failed=failed)
    for one in trained:
        done, failed = (done + 1, failed) if one.key else (done, failed + 1)
        yield replace(status, done=done, failed=failed)


def tally(status: "Status") -> str:
    """How many are done and failed: `12 of 147 done, 1 failed`."""
    failed = f", {status.failed} failed" if status.failed else ""
    return f"{status.done} of {status.total} done{failed}"


def _accuracy(metrics: Mapping[str, Any] | None) -> str:
    accuracy = (metrics or {}).get("validation_accuracy")
    return "" if accuracy is None else f"validation {100 * accuracy:.1f} %"
