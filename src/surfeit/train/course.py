"""The course of one training but for its updates: begin or go on, keep and measure, end."""

import time
from collections.abc import Mapping, Sequence
from typing import Literal

from surfeit.core import Score, Split, StoreError, skeleton
from surfeit.store import Run, RunWriter
from surfeit.train.batches import Batches, placed
from surfeit.train.conduct import Conduct, Moment, check_machine
from surfeit.train.job import Job
from surfeit.train.measure import Measure
from surfeit.train.memory import Put
from surfeit.train.probes.watching import Probing
from surfeit.train.state import State

TELL_SECONDS = 0.2
"""Between two words on where a training stands."""

Measured = Literal["all", "validation", "nothing"]


class Course:
    """One training from where it stands to its end, its updates being made by whoever holds it.

    Args:
        job: what to train.
        snapshots: the steps to keep, ascending; the first one is kept in any case.
        writer: where to write, the lease being held.
        conduct: how to carry it out.
        put: gives the memory of a stack; None outside of any.
        splits: the data by name, as `splits_of` gives them, which trainings may share.

    Attributes:
        state: where the training stands; updates change it.
        batches: the training examples.
        model: the network's structure, in training mode.
        probing: the job's probes, told of each update by whoever makes it.
        splits: the data by name.
    """

    def __init__(
        self,
        job: Job,
        snapshots: Sequence[int],
        writer: RunWriter,
        conduct: Conduct,
        *,
        put: Put | None = None,
        splits: Mapping[str, Split] | None = None,
    ) -> None:
        self.job, self._writer, self._conduct = job, writer, conduct
        self._snapshots = set(snapshots)
        self.state = State(job, put)
        self.splits = splits = splits or splits_of(job)
        black = job.dataset.black if job.recipe.augmentation else None
        black = None if black is None else black.to(job.numerics.device)
        classes = job.dataset.classes if job.dataset.task == "classes" else None
        self.batches = Batches(splits["train"], black, job.recipe, job.streams, classes)
        self.model = skeleton(job.network).train()
        self._measure = Measure(job, self.model, splits, self.batches, self.state)
        self.probing = Probing(job, self.batches, writer)
        self._metrics: dict[str, float] = {}
        self._saved = self._told = 0.0

    @property
    def open(self) -> bool:
        """Whether updates are still to be made."""
        return self.state.step < self.job.total_steps and not self.state.stopped

    def begin(self) -> None:
        """Goes on from the last checkpoint, or keeps and measures what there is at first.

        Raises:
            NumericsError, StoreError: as `train`.
        """
        self._resume()
        self._tell()
        if self.state.step == self.job.origin.step:
            self.prune()
            self.arrive()
        self._saved = self._told = time.monotonic()

    def prune(self) -> None:
        """Prunes at the state's step, if that is due.

        Raises:
            CollapseError, ValueError, StoreError: as `train`.
        """
        if self.state.prune_():
            self._writer.mask(self.state.step, self.state.mask.kept())

    def arrive(self, scores: Mapping[str, Score] | None = None) -> None:
        """Keeps and measures at the state's step, each if it is due, once it is pruned.

        Args:
            scores: those that are known already, by split.

        Raises:
            DivergedError, ProtocolError, StoreError: as `train`.
        """
        step, first = self.state.step, self.job.origin.step
        if step == first or step in self._snapshots:
            self._writer.snapshot(step, self.state.snapshot())
        if (measured := self.measured()) != "nothing":
            row = self._measure(self.state, whole=measured == "all", scores=scores)
            self._writer.record(row)
            self._metrics = {name: value for name, value in row.items() if value is not None}

    def measured(self) -> Measured:
        """What is measured at the state's step."""
        step, every = self.state.step, self.job.recipe.evaluate_every
        if self._epoch_ends(step):
            return "all"
        return "validation" if every is not None and step % every == 0 else "nothing"

    def next_due(self) -> int:
        """The next step at which `prune` or `arrive` has something to do."""
        step, recipe = self.state.step, self.job.recipe
        periods = [self.job.steps_per_epoch, *filter(None, [recipe.evaluate_every])]
        moments = [at for at, _ in self.job.pruning.moments] if self.job.pruning else []
        coming = [at for at in (*self._snapshots, *moments) if at > step]
        ends = (step - step % period + period for period in periods)
        return min(*coming, *ends, self.job.total_steps)

    def pass_by(self, seconds: float, *, save: bool) -> None:
        """What time asks for between two steps, where what is saved is whole.

        Args:
            seconds: spent on this training since the last call.
            save: a checkpoint is to be written now; else it is when it is due.
        """
        self.state.seconds += seconds
        now = time.monotonic()
        if save or now - self._saved >= self._conduct.checkpoint_seconds:
            tensors, values = self.state.saved()
            self._writer.checkpoint(tensors | self.probing.saved(), values)
            self._saved = time.monotonic()
        if self._epoch_ends(self.state.step) or now - self._told >= TELL_SECONDS:
            self._tell()
            self._told = now

    def finish(self) -> Run:
        """Keeps the last step and what the training came to, and returns the finished run."""
        state = self.state
        if state.step not in self._snapshots:
            self._writer.snapshot(state.step, state.snapshot())
        return self._writer.finish(
            {
                "steps": state.step,
                "best": self._measure.best_row(state),
                "stopped_early": state.stopped,
                "seconds": round(state.seconds, 3),
                "machine": self.job.numerics.machine(),
            }
        )

    def _epoch_ends(self, step: int) -> bool:
        ends = step in (self.job.origin.step, self.job.total_steps)
        return ends or step % self.job.steps_per_epoch == 0

    def _resume(self) -> None:
        """Goes on from the last checkpoint, if there is one."""
        found = self._writer.resume(sorted(self._snapshots))
        if found is None:
            return
        tensors, values = found
        check_machine(self.job.numerics, values["machine"], self._conduct)
        try:
            self.state.restore_(tensors, values)
            self.probing.restore_(tensors, self.state)
        except (KeyError, RuntimeError, TypeError) as error:
            raise StoreError(
                f"the checkpoint in {self._writer.folder} does not fit the training ({error}): "
                "delete checkpoint.safetensors there and it starts anew"
            ) from error
        self._tell(f"going on from step {self.state.step:,} of {self.job.total_steps:,}")

    def _tell(self, words: str = "") -> None:
        if self._conduct.progress:
            step, total = self.state.step, self.job.total_steps
            self._conduct.progress(Moment(step, total, self._metrics, words, self.job.key))


def splits_of(job: Job) -> dict[str, Split]:
    """A job's data by name, on its device and in its precision."""
    return placed(job.dataset.to(job.numerics.device).splits, job.numerics.torch_dtype)
