"""The training loop, from a job to a run."""

import copy
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from surfeit.core import DivergedError, Split
from surfeit.store import Run, RunWriter
from surfeit.train.batches import Batches
from surfeit.train.draws import lent_seed, may_draw
from surfeit.train.evaluation import Score, evaluate, score
from surfeit.train.gradients import gradient_of
from surfeit.train.interrupts import held_interrupts
from surfeit.train.job import Job
from surfeit.train.masking import HeldMask
from surfeit.train.numerics import check_machine
from surfeit.train.optimisers import Optimiser
from surfeit.train.recording import Conduct, Moment
from surfeit.train.schedules import rate

_TELL_SECONDS = 0.2


class Loop:
    """One training from where it stands to its end.

    Tensors live on the device throughout; what is random at an epoch or a step is drawn from
    (seed, epoch) or (seed, step), so that a checkpoint needs no generator's state.

    Args:
        job: what to train.
        snapshots: the steps to keep, ascending, the first 0.
        writer: where to write, the lease being held.
        conduct: how to carry it out.
    """

    def __init__(
        self, job: Job, snapshots: Sequence[int], writer: RunWriter, conduct: Conduct
    ) -> None:
        self._job, self._writer, self._conduct = job, writer, conduct
        self._snapshots = set(snapshots)
        self._recipe = job.recipe
        device, dtype = job.numerics.device, job.numerics.torch_dtype
        data = job.dataset.to(device)
        self._splits = {name: _cast(split, dtype) for name, split in data.splits.items()}
        self._batches = Batches(self._splits["train"], data.black, job.recipe, job.streams)
        self._per_epoch = self._batches.per_epoch
        self._total = job.recipe.total_steps(len(data.train))
        # The structure alone: every call brings its own weights.
        self._model = copy.deepcopy(job.network).to("meta").train()
        own = dict(job.network.named_parameters())
        tensors = {
            # The fused updates read a weight and its gradient as they lie in memory.
            name: value.to(device, dtype if value.is_floating_point() else None).clone(
                memory_format=torch.contiguous_format
            )
            for name, value in job.initial().items()
        }
        self._params = {name: tensors[name] for name in own}
        self._buffers = {name: value for name, value in tensors.items() if name not in own}
        self._mask = HeldMask(job.mask or {}, self._params)
        self._optimiser = Optimiser(job.recipe, self._params)
        largest = min(job.recipe.batch_size, len(data.train))
        self._gradient = gradient_of(self._model, self._params, largest)
        shape = len(data.train), data.classes
        self._logits = torch.empty(shape, dtype=dtype, device=device)
        self._draws = may_draw(self._model)
        self._step = 0
        self._seconds = 0.0
        self._best: tuple[float, int] = (float("inf"), 0)
        self._stopped = False
        self._metrics: dict[str, float] = {}

    def run(self) -> Run:
        """Trains to the end and returns the finished run."""
        self._resume()
        if self._step == 0:
            self._keep()
            self._measure()
        began = saved = told = time.monotonic()
        before = self._seconds
        with held_interrupts() as interrupted:
            while self._step < self._total and not self._stopped:
                self._update()
                self._step += 1
                ended = self._step % self._per_epoch == 0 or self._step == self._total
                if self._step in self._snapshots:
                    self._keep()
                if ended:
                    self._measure()
                now = time.monotonic()
                self._seconds = before + now - began
                if interrupted() or now - saved >= self._conduct.checkpoint_seconds:
                    self._save()
                    saved = time.monotonic()
                if interrupted():
                    raise KeyboardInterrupt
                if now - told >= _TELL_SECONDS or ended:
                    self._tell()
                    told = now
        return self._finish()

    def _update(self) -> None:
        """One optimiser update."""
        place, images, labels = self._batches.at(self._step)
        with self._global_draws():
            grads = self._gradient(self._params, self._buffers, images, labels, self._logits[place])
        if self._recipe.clip_norm is not None:
            grads = self._mask.of_gradients(grads)
        self._optimiser.step_(grads, rate(self._recipe, self._step, self._total))
        self._mask.hold_(self._params)

    def _global_draws(self) -> AbstractContextManager[None]:
        """Dropout draws from torch's global generators alone: they are lent this step's seed."""
        if not self._draws:
            return nullcontext()
        return lent_seed(self._job.streams.seed_of("dropout", self._step), self._logits.device)

    def _keep(self) -> None:
        self._mask.check(self._params)
        self._writer.snapshot(self._step, self._params | self._buffers)

    def _measure(self) -> None:
        """Writes the epoch's metrics; at step 0 there is no epoch behind, so no training score."""
        last = max(self._step - 1, 0)
        row: dict[str, Any] = {
            "step": self._step,
            "epoch": self._step / self._per_epoch,
            "learning_rate": rate(self._recipe, last, self._total),
        }
        for name, found in self._scores().items():
            row[f"{name}_loss"] = None if found is None else found.loss
            row[f"{name}_accuracy"] = None if found is None else found.accuracy
        self._check_finite(row)
        self._writer.record(row)
        self._metrics = {name: value for name, value in row.items() if value is not None}
        self._judge(row["validation_loss"])

    def _scores(self) -> dict[str, Score | None]:
        scores: dict[str, Score | None] = {"train": None}
        if self._step:
            labels = self._batches.labels_seen(self._step - 1)
            scores["train"] = score(self._logits[: len(labels)], labels)
        tensors = self._params | self._buffers
        for name in ("validation", "test"):
            scores[name] = evaluate(self._model, tensors, self._splits[name])
        return scores

    def _judge(self, loss: float) -> None:
        """Early stopping, on the validation split alone."""
        if loss < self._best[0]:
            self._best = (loss, self._step)
        patience = self._recipe.patience
        if patience is not None and self._step - self._best[1] >= patience * self._per_epoch:
            self._stopped = True

    def _check_finite(self, row: Mapping[str, Any]) -> None:
        losses = [row[f"{name}_loss"] for name in ("train", "validation")]
        if all(loss is None or loss < float("inf") for loss in losses):
            return
        raise DivergedError(
            f"the training diverged: at step {self._step} (epoch {row['epoch']:.1f}) the loss is "
            f"{losses[-1]}. Lower the learning rate ({self._recipe.lr}), warm up, or clip gradients"
        )

    def _save(self) -> None:
        seen = self._step % self._per_epoch * self._recipe.batch_size
        tensors = {f"weights/{n}": v for n, v in (self._params | self._buffers).items()}
        tensors |= {f"optimiser/{name}": v for name, v in self._optimiser.state().items()}
        tensors["logits"] = self._logits[:seen]
        state = {
            "step": self._step,
            # JSON has no infinity: no loss has been measured yet.
            "best": None if self._best[0] == float("inf") else list(self._best),
            "stopped": self._stopped,
            "seconds": self._seconds,
            "machine": self._job.numerics.machine(),
        }
        self._writer.checkpoint(tensors, state)

    def _resume(self) -> None:
        found = self._writer.resume(sorted(self._snapshots))
        if found is None:
            return
        tensors, state = found
        check_machine(self._job.numerics, state["machine"], self._conduct)
        for name, value in (self._params | self._buffers).items():
            value.copy_(tensors[f"weights/{name}"])
        prefix = "optimiser/"
        self._optimiser.load_(
            {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
        )
        self._logits[: len(tensors["logits"])] = tensors["logits"].to(self._logits)
        self._step, self._stopped = state["step"], state["stopped"]
        self._seconds = state["seconds"]
        if state["best"] is not None:
            self._best = (state["best"][0], state["best"][1])
        self._tell(f"going on from step {self._step:,} of {self._total:,}")

    def _tell(self, words: str = "") -> None:
        if self._conduct.progress:
            self._conduct.progress(Moment(self._step, self._total, self._metrics, words))

    def _finish(self) -> Run:
        if self._step not in self._snapshots:
            self._keep()
        summary = {
            "steps": self._step,
            "best_step": self._best[1],
            "stopped_early": self._stopped,
            "seconds": round(self._seconds, 3),
            "machine": self._job.numerics.machine(),
        }
        return self._writer.finish(summary)


def _cast(split: Split, dtype: torch.dtype) -> Split:
    return split if split.images.dtype == dtype else Split(split.images.to(dtype), split.labels)
