"""The training loop, from a job to a run, on one page.

A `State` is where the training stands: weights, mask, optimiser. An `Update` takes it one step on;
a `Measure` makes a row of metrics of it, and says when to stop early; a `RunWriter` keeps what is
to be kept. A training that is interrupted goes on from its checkpoint to the same bits.
"""

import time
from collections.abc import Sequence

from surfeit.core import StoreError, skeleton
from surfeit.store import Run, RunWriter
from surfeit.train.batches import Batches, placed
from surfeit.train.conduct import Conduct, Moment, check_machine, held_interrupts
from surfeit.train.job import Job
from surfeit.train.measure import Measure
from surfeit.train.state import State, Update

_TELL_SECONDS = 0.2


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
        self._job, self._writer, self._conduct = job, writer, conduct
        self._snapshots = set(snapshots)
        self._state = State(job)
        data = job.dataset.to(job.numerics.device)
        splits = placed(data.splits, job.numerics.torch_dtype)
        black = data.black if job.recipe.augmentation else None
        batches = Batches(splits["train"], black, job.recipe, job.streams)
        model = skeleton(job.network).train()
        self._update = Update(job, model, batches, self._state)
        self._measure = Measure(job, model, splits, batches, self._state)
        self._metrics: dict[str, float] = {}

    def run(self) -> Run:
        """Trains to the end and returns the finished run."""
        job, state = self._job, self._state
        with held_interrupts() as interrupted:
            self._resume()
            self._tell()
            if state.step == job.origin.step:
                self._arrive()
            saved = told = time.monotonic()
            began = saved - state.seconds
            while state.step < job.total_steps and not state.stopped:
                self._update(state)
                epoch_ended = self._arrive()
                now = time.monotonic()
                state.seconds = now - began
                # Between two steps: what is saved is whole.
                if interrupted() or now - saved >= self._conduct.checkpoint_seconds:
                    self._writer.checkpoint(*state.saved())
                    saved = time.monotonic()
                if interrupted():
                    raise KeyboardInterrupt
                if epoch_ended or now - told >= _TELL_SECONDS:
                    self._tell()
                    told = now
        return self._finish()

    def _arrive(self) -> bool:
        """Prunes, keeps and measures at a step, each if it is due; whether an epoch ends there."""
        job, step = self._job, self._state.step
        first, every = job.origin.step, job.recipe.evaluate_every
        epoch_ended = step in (first, job.total_steps) or step % job.steps_per_epoch == 0
        self._prune()
        if step == first or step in self._snapshots:
            self._writer.snapshot(step, self._state.snapshot())
        if epoch_ended or (every is not None and step % every == 0):
            row = self._measure(self._state, whole=epoch_ended)
            self._writer.record(row)
            self._metrics = {name: value for name, value in row.items() if value is not None}
        return epoch_ended

    def _prune(self) -> None:
        if self._state.prune_():
            self._writer.mask(self._state.step, self._state.mask.kept())

    def _resume(self) -> None:
        """Goes on from the last checkpoint, if there is one."""
        found = self._writer.resume(sorted(self._snapshots))
        if found is None:
            return
        tensors, values = found
        check_machine(self._job.numerics, values["machine"], self._conduct)
        try:
            self._state.restore_(tensors, values)
        except (KeyError, RuntimeError, TypeError) as error:
            raise StoreError(
                f"the checkpoint in {self._writer.folder} does not fit the training ({error}): "
                "delete checkpoint.safetensors there and it starts anew"
            ) from error
        self._tell(f"going on from step {self._state.step:,} of {self._job.total_steps:,}")

    def _tell(self, words: str = "") -> None:
        if self._conduct.progress:
            step, total = self._state.step, self._job.total_steps
            self._conduct.progress(Moment(step, total, self._metrics, words, self._job.key))

    def _finish(self) -> Run:
        state = self._state
        if state.step not in self._snapshots:
            self._writer.snapshot(state.step, state.snapshot())
        return self._writer.finish(
            {
                "steps": state.step,
                "best": self._measure.best_row(state),
                "stopped_early": state.stopped,
                "seconds": round(state.seconds, 3),
                "machine": self._job.numerics.machine(),
            }
        )
