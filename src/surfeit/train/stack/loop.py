"""The loop of a stack: many trainings of one shape, each with its own course and its own end."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from surfeit.core import Params
from surfeit.store import Run, RunWriter
from surfeit.train.conduct import Conduct, held_interrupts
from surfeit.train.course import TELL_SECONDS, Course, splits_of
from surfeit.train.job import Job
from surfeit.train.stack.memory import StackMemory
from surfeit.train.stack.update import StackUpdate

Entry = tuple[Job, Sequence[int], RunWriter]

AT_ONCE = 16
"""Runs that are begun or ended at once: a disk flushes several as fast as one."""


class StackLoop:
    """Several trainings from where each stands to its end, updated together.

    Those that stand at an earlier step go on alone until they have caught up. One that ends leaves
    its place empty; one that fails ends alone.

    Args:
        entries: of each training the job, the steps to keep, and where to write, the lease being
            held; all of one shape, see `shape_of`, and no more than `numerics.stack`.
        conduct: how to carry them out.
    """

    def __init__(self, entries: Sequence[Entry], conduct: Conduct) -> None:
        first = entries[0][0]
        self._memory = StackMemory(first.numerics.stack)
        of_data = {job.dataset.fingerprint: job for job, _, _ in entries}
        splits = {data: splits_of(job) for data, job in of_data.items()}
        self._open = {
            place: Course(
                job,
                snapshots,
                writer,
                conduct,
                put=self._memory.put_at(place),
                splits=splits[job.dataset.fingerprint],
            )
            for place, (job, snapshots, writer) in enumerate(entries)
        }
        self._update = StackUpdate(dict(self._open), self._memory)
        self._waiting: dict[int, Params] = {}
        self._results: dict[int, Run | Exception] = {}
        self._passed = 0.0

    def run(self) -> list[Run | Exception]:
        """Trains all to their ends; of each its finished run, or why it failed."""
        with held_interrupts() as self._interrupted:
            for place in list(self._open):
                self._let(place, Course.begin)
            self._end_done(list(self._open))
            self._passed = time.monotonic()
            while self._open:
                self._advance()
        return [self._results[place] for place in sorted(self._results)]

    def _advance(self) -> None:
        """Takes those at the earliest step to where one of them has something to do."""
        steps = {place: course.state.step for place, course in self._open.items()}
        step = min(steps.values())
        places = [place for place in steps if steps[place] == step]
        self._seat(places)
        end = min(
            min(self._open[place].next_due() for place in places),
            min((other for other in steps.values() if other > step), default=step + 10**9),
        )
        while step < end and places:
            for place in self._update(places):
                self._let(place, _check_mask)
            places = self._still_open(places)
            step += 1
            if step < end:
                self._look_up(places)
        if places:
            self._arrive(places)

    def _arrive(self, places: Sequence[int]) -> None:
        """What is due where these stand, all of whose next updates come after it."""
        for place in places:
            self._let(place, Course.prune)
        places = self._still_open(places)
        if places:
            first = self._open[places[0]]
            scores = self._update.scores(first.state.step, first.measured())
            for place in places:
                self._let(place, partial(Course.arrive, scores=scores.get(place)))
        stop = self._interrupted()
        self._pass_by(self._still_open(places), save=stop)
        self._end_done(places)
        if stop:
            raise KeyboardInterrupt

    def _seat(self, places: Sequence[int]) -> None:
        """Puts these trainings at their places, and what the others have aside."""
        for place in self._open:
            if place in places and place in self._waiting:
                self._memory.put_back(place, self._waiting.pop(place))
            elif place not in places and place not in self._waiting:
                self._waiting[place] = self._memory.taken_out(place)

    def _look_up(self, places: Sequence[int]) -> None:
        """Between two steps: saves where that is due or the user stops, and tells."""
        if self._interrupted():
            self._pass_by(places, save=True)
            raise KeyboardInterrupt
        if time.monotonic() - self._passed >= TELL_SECONDS:
            self._pass_by(places, save=False)

    def _pass_by(self, places: Sequence[int], *, save: bool) -> None:
        now = time.monotonic()
        seconds = (now - self._passed) / max(len(places), 1)
        self._passed = now
        for place in places:
            self._open[place].pass_by(seconds, save=save)

    def _still_open(self, places: Iterable[int]) -> list[int]:
        return [place for place in places if place in self._open]

    def _let(self, place: int, what: Callable[[Course], Run | None]) -> None:
        """Lets a training do what is due; it ends with its run, or alone with whatever fails."""
        result = _result(self._open[place], what)
        if result is not None:
            self._end(place, result)

    def _end(self, place: int, result: Run | Exception) -> None:
        self._results[place] = result
        del self._open[place]
        self._memory.clear(place)

    def _end_done(self, places: Iterable[int]) -> None:
        """Finishes those of these that have no update left."""
        there = {place: self._open[place] for place in self._still_open(places)}
        done = {place: course for place, course in there.items() if not course.open}
        if not done:
            return
        with ThreadPoolExecutor(AT_ONCE) as threads:
            results = threads.map(_finished, done.values())
            for place, result in zip(done, results, strict=True):
                self._end(place, result)


def _result(course: Course, what: Callable[[Course], Run | None]) -> Run | Exception | None:
    try:
        return what(course)
    except Exception as error:  # the others go on
        return error


def _finished(course: Course) -> Run | Exception:
    result = _result(course, Course.finish)
    assert result is not None
    return result


def _check_mask(course: Course) -> None:
    course.state.mask.check_all()
