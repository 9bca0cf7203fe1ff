"""The training loop, from a job to a run."""

import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from surfeit.core import DivergedError, NumericsError, ProtocolError, Split
from surfeit.store import Run, RunWriter
from surfeit.train.augmentation import shifted
from surfeit.train.evaluation import Score, evaluate, score
from surfeit.train.gradients import gradient_of
from surfeit.train.interrupts import held_interrupts
from surfeit.train.job import Job
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
        self._data = job.dataset.to(device)
        self._train = _cast(self._data.train, dtype)
        self._per_epoch = self._recipe.steps_per_epoch(len(self._train))
        self._total = self._recipe.total_steps(len(self._train))
        # The structure alone: every call brings its own weights.
        self._model = copy.deepcopy(job.network).to("meta").train()
        own = dict(job.network.named_parameters())
        tensors = {
            name: value.to(device, dtype if value.is_floating_point() else None)
            for name, value in job.initial().items()
        }
        self._params = {name: tensors[name] for name in own}
        self._buffers = {name: value for name, value in tensors.items() if name not in own}
        self._mask = {name: kept.to(device) for name, kept in (job.mask or {}).items()}
        self._kept = {name: kept.to(dtype) for name, kept in self._mask.items()}
        self._optimiser = Optimiser(self._recipe, self._params)
        self._gradient = gradient_of(job.network, self._params, self._recipe.batch_size)
        self._logits = torch.empty(
            len(self._train), job.dataset.classes, dtype=dtype, device=device
        )
        self._drops = any("Dropout" in type(part).__name__ for part in self._model.modules())
        self._step = 0
        self._best: tuple[float, int] = (float("inf"), 0)
        self._stopped = False
        self._metrics: dict[str, float] = {}

    def run(self) -> Run:
        """Trains to the end and returns the finished run."""
        started = time.monotonic()
        self._resume()
        if self._step == 0:
            self._keep()
            self._measure(None)
        saved = told = time.monotonic()
        order = self._order(self._step // self._per_epoch)
        with held_interrupts() as interrupted:
            while self._step < self._total and not self._stopped:
                epoch, position = divmod(self._step, self._per_epoch)
                if position == 0:
                    order = self._order(epoch)
                self._update(order, position)
                self._step += 1
                ended = position + 1 == self._per_epoch or self._step == self._total
                if self._step in self._snapshots:
                    self._keep()
                if ended:
                    self._measure(order)
                now = time.monotonic()
                if interrupted() or now - saved >= self._conduct.checkpoint_seconds:
                    self._save()
                    saved = time.monotonic()
                if interrupted():
                    raise KeyboardInterrupt
                if now - told >= _TELL_SECONDS or ended:
                    self._tell()
                    told = now
        return self._finish(time.monotonic() - started)

    def _update(self, order: Tensor, position: int) -> None:
        """One optimiser update on the batch at `position` of the epoch's order."""
        begin = position * self._recipe.batch_size
        index = order[begin : begin + self._recipe.batch_size]
        images = self._train.images.index_select(0, index)
        labels = self._train.labels.index_select(0, index)
        if self._recipe.augmentation:
            images = shifted(
                images,
                pixels=self._recipe.augmentation_pixels,
                black=self._data.black,
                flip=self._recipe.augmentation == "crop-flip",
                generator=self._job.streams.get("augmentation", self._step),
            )
        logits = self._logits[begin : begin + len(index)]
        with self._global_draws():
            grads = self._gradient(self._params, self._buffers, images, labels, logits)
        self._optimiser.step_(grads, rate(self._recipe, self._step, self._total))
        # The weights, not the gradients, are masked: whatever momentum, weight decay or Adam's
        # moments would add to a removed weight is gone before anything reads it.
        for name, kept in self._kept.items():
            self._params[name].mul_(kept)

    @contextmanager
    def _global_draws(self) -> Iterator[None]:
        """Dropout draws from torch's global generators alone: they are lent this step's seed."""
        if not self._drops:
            yield
            return
        device = self._train.labels.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(self._job.streams.seed_of("dropout", self._step))
            yield

    def _order(self, epoch: int) -> Tensor:
        generator = self._job.streams.get("order", epoch)
        return torch.randperm(len(self._train), generator=generator).to(self._train.labels.device)

    def _keep(self) -> None:
        self._check_mask()
        self._writer.snapshot(self._step, self._params | self._buffers)

    def _measure(self, order: Tensor | None) -> None:
        """Writes the epoch's metrics; at step 0 there is no epoch behind, so no training score."""
        tensors = self._params | self._buffers
        scores: dict[str, Score | None] = {"train": None}
        if order is not None:
            seen = (self._step - 1) % self._per_epoch + 1
            index = order[: seen * self._recipe.batch_size]
            scores["train"] = score(self._logits[: len(index)], self._train.labels[index])
        for name in ("validation", "test"):
            split = _cast(getattr(self._data, name), self._job.numerics.torch_dtype)
            scores[name] = evaluate(self._model, tensors, split)
        last = max(self._step - 1, 0)
        row: dict[str, Any] = {
            "step": self._step,
            "epoch": self._step / self._per_epoch,
            "learning_rate": rate(self._recipe, last, self._total),
        }
        for name, found in scores.items():
            row[f"{name}_loss"] = None if found is None else found.loss
            row[f"{name}_accuracy"] = None if found is None else found.accuracy
        self._check_finite(row)
        self._writer.record(row)
        self._metrics = {name: value for name, value in row.items() if value is not None}
        self._judge(row["validation_loss"])

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

    def _check_mask(self) -> None:
        for name, kept in self._mask.items():
            revived = int((self._params[name][~kept] != 0).sum())
            if revived:
                raise ProtocolError(f"{revived} masked weights of {name} came back to life")

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
            "machine": self._job.numerics.machine(),
        }
        self._writer.checkpoint(tensors, state)

    def _resume(self) -> None:
        found = self._writer.resume(sorted(self._snapshots))
        if found is None:
            return
        tensors, state = found
        self._check_machine(state["machine"])
        for name, value in (self._params | self._buffers).items():
            value.copy_(tensors[f"weights/{name}"])
        prefix = "optimiser/"
        self._optimiser.load_(
            {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
        )
        self._logits[: len(tensors["logits"])] = tensors["logits"].to(self._logits)
        self._step, self._stopped = state["step"], state["stopped"]
        if state["best"] is not None:
            self._best = (state["best"][0], state["best"][1])

    def _check_machine(self, began: Mapping[str, str]) -> None:
        now = self._job.numerics.machine()
        differs = {name for name in began.keys() | now.keys() if began.get(name) != now.get(name)}
        if differs and not self._conduct.other_numerics:
            changes = "; ".join(
                f"{n}: {began.get(n)} then, {now.get(n)} now" for n in sorted(differs)
            )
            raise NumericsError(
                f"the run began with other arithmetic ({changes}) and would not end bit for bit as "
                "if uninterrupted. Go on where it began, or allow it: --other-numerics, "
                "Conduct(other_numerics=True)"
            )

    def _tell(self) -> None:
        if self._conduct.progress:
            self._conduct.progress(Moment(self._step, self._total, self._metrics))

    def _finish(self, seconds: float) -> Run:
        if self._step not in self._snapshots:
            self._keep()
        summary = {
            "steps": self._step,
            "best_step": self._best[1],
            "stopped_early": self._stopped,
            "seconds": round(seconds, 3),
        }
        return self._writer.finish(summary)


def _cast(split: Split, dtype: torch.dtype) -> Split:
    return split if split.images.dtype == dtype else Split(split.images.to(dtype), split.labels)
