"""The training loop, from a job to a run, on one page.

A `State` is where the training stands: weights, mask, optimiser. An `Update` takes it one step on;
its `Course` measures it, stops it early and keeps what is to be kept, and has the job's probes look
at the update. A training that is interrupted goes on from its checkpoint to the same bits.
"""

import time
from collections.abc import Sequence

from surfeit.store import Run, RunWriter
from surfeit.train.conduct import Conduct, held_interrupts
from surfeit.train.course import Course
from surfeit.train.job import Job
from surfeit.train.state import Update


class Loop:
    """One training from where it stands to its end.

    Args:
        job: what to train.
        snapshots: the steps to keep, ascending; the first one is kept in any case.
        writer: where to write, the lease being held.
        conduct: how to carry it out.
    """

    def __init__(
        self, job: Job, snapshots: Sequence[int], writer: RunWriter, conduct: Conduct
    ) -> None:
        self._course = course = Course(job, snapshots, writer, conduct)
        look = course.probing.look if job.probes else None
        self._update = Update(job, course.model, course.batches, course.state, look)

    def run(self) -> Run:
        """Trains to the end and returns the finished run."""
        course = self._course
        with held_interrupts() as interrupted:
            course.begin()
            began = time.monotonic()
            while course.open:
                course.probing.before(course.state)
                self._update(course.state)
                course.probing.after(course.state)
                course.prune()
                course.arrive()
                now, stop = time.monotonic(), interrupted()
                course.pass_by(now - began, save=stop)
                began = now
                if stop:
                    raise KeyboardInterrupt
        return course.finish()
