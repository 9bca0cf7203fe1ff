"""The training loop, from a job to a run."""

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from surfeit.core import (
    DivergedError,
    Params,
    Score,
    StoreError,
    converted_,
    copied,
    load_,
    outputs_of,
    own_parameters,
    quantities,
    score,
    skeleton,
)
from surfeit.models.structure import computed_tensors
from surfeit.store import Run, RunWriter
from surfeit.train.batches import Batches
from surfeit.train.best import Best
from surfeit.train.critical import of_critical
from surfeit.train.divergence import first_aid
from surfeit.train.draws import lent_seed, may_draw
from surfeit.train.gradients import gradient_of
from surfeit.train.interrupts import held_interrupts
from surfeit.train.job import Job
from surfeit.train.masking import HeldMask
from surfeit.train.numerics import check_machine
from surfeit.train.optimisers import Optimiser
from surfeit.train.placement import placed
from surfeit.train.recording import Conduct, Moment
from surfeit.train.schedules import rate
from surfeit.train.targeted import TargetedDropout, without

_TELL_SECONDS = 0.2


class Loop:
    """One training from where it stands to its end.

    Tensors live on the device throughout; what is random at an epoch or a step is drawn from
    (seed, epoch) or (seed, step), so that a checkpoint needs no generator's state.

    Args:
        job: what to train.
        snapshots: the steps to keep, ascending, the first one the first step.
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
        self._splits = placed(data.splits, dtype)
        black = data.black if job.recipe.augmentation else None
        self._batches = Batches(self._splits["train"], black, job.recipe, job.streams)
        self._per_epoch = self._batches.per_epoch
        self._total = job.recipe.total_steps(len(data.train))
        # The structure alone: every call brings its own weights.
        self._model = skeleton(job.network).train()
        tensors = {
            # The fused updates read a weight and its gradient as they lie in memory.
            name: value.to(device, dtype if value.is_floating_point() else None).clone(
                memory_format=torch.contiguous_format
            )
            for name, value in job.initial().items()
        }
        every = {name: tensors[name] for name in own_parameters(job.network)}
        self._mask = HeldMask(job.first_mask(), every, job.trained)
        tensors |= every  # those that are masked lie elsewhere now
        self._params = {name: tensors[name] for name in job.trained}
        # Frozen parameters too: what no gradient is asked for and no optimiser sees.
        self._buffers = {n: value for n, value in tensors.items() if n not in self._params}
        self._moments = dict(job.pruning.moments) if job.pruning else {}
        self._judged_from = max(self._moments, default=job.origin.step)
        self._optimiser = Optimiser(job.recipe, self._params)
        shape = len(data.train), *job.first_outputs.shape[1:]
        self._outputs = torch.empty(shape, dtype=dtype, device=device)
        self._quantities = quantities(
            job.first_outputs, data.train.targets[:1].to(job.first_outputs.device), job.objective
        )
        largest = self._outputs[: job.recipe.batch_size]
        self._gradient = gradient_of(self._model, job.objective, self._params, largest)
        self._targeted = None
        if job.recipe.targeted_dropout:
            self._targeted = TargetedDropout(
                job.recipe, job.structure, list(self._params), job.streams
            )
        self._draws = may_draw(self._model)
        self._computes = bool(computed_tensors(job.network))
        self._step = self._first = job.origin.step
        self._seconds = 0.0
        self._best = Best(self._params | self._buffers, keep=job.recipe.evaluate_every is not None)
        self._stopped = False
        self._metrics: dict[str, float] = {}

    def run(self) -> Run:
        """Trains to the end and returns the finished run."""
        with held_interrupts() as interrupted:
            self._resume()
            self._tell()
            if self._step == self._first:
                self._prune()
                self._keep()
                self._measure(whole=True)
            began = saved = told = time.monotonic()
            before = self._seconds
            while self._step < self._total and not self._stopped:
                self._update()
                self._step += 1
                self._prune()
                ended = self._step % self._per_epoch == 0 or self._step == self._total
                if self._step in self._snapshots:
                    self._keep()
                if ended or self._is_due():
                    self._measure(whole=ended)
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

    def _is_due(self) -> bool:
        """Whether the recipe wants the validation split measured in the midst of an epoch."""
        every = self._recipe.evaluate_every
        return every is not None and self._step % every == 0

    def _update(self) -> None:
        """One optimiser update."""
        place, inputs, targets = self._batches.at(self._step)
        outputs = self._outputs[place]
        # What is dropped from a step has no gradient in it.
        dropped = self._targeted.kept(self._params, self._step) if self._targeted else {}
        params = without(self._params, dropped) if dropped else self._params
        with self._global_draws():
            grads = self._gradient(params, self._buffers, inputs, targets, outputs)
        if dropped:
            grads = list(without(dict(zip(self._params, grads, strict=True)), dropped).values())
        if self._recipe.critical_share is not None:
            weights = list(self._params.values())
            grads = of_critical(weights, grads, self._recipe.critical_share)
        if self._recipe.clip_norm is not None:
            grads = self._mask.of_gradients(grads)
        self._optimiser.step_(grads, rate(self._recipe, self._step, self._total))
        self._mask.hold_()
        self._mask.check()

    def _prune(self) -> None:
        """Removes what the job's pruning removes at this step, if anything."""
        pruning, density = self._job.pruning, self._moments.get(self._step)
        if pruning is None or density is None:
            return
        mask = pruning.choose(
            self._network(),
            density,
            structure=self._job.structure,
            initial=self._job.initial(),
            split=self._job.dataset.train.to("cpu"),
            objective=self._job.objective,
            mask=self._mask.kept(),
            generator=self._job.streams.get("pruning", self._step),
        )
        self._mask.shrink_(mask)
        self._mask.hold_()
        self._writer.mask(self._step, self._mask.kept())

    def _network(self) -> nn.Module:
        """The network as it is now, on the CPU."""
        network = converted_(copied(self._job.network), "cpu")
        return load_(network, self._params | self._buffers)

    def _global_draws(self) -> AbstractContextManager[None]:
        """Dropout draws from torch's global generators alone: they are lent this step's seed."""
        if not self._draws:
            return nullcontext()
        return lent_seed(self._job.streams.seed_of("dropout", self._step), self._outputs.device)

    def _keep(self) -> None:
        self._mask.check_all()
        computed = computed_tensors(self._network()) if self._computes else {}
        self._writer.snapshot(self._step, self._params | self._buffers | computed)

    def _measure(self, *, whole: bool) -> None:
        """Writes a row of metrics: a whole one at an epoch's end, else the validation's alone.

        At the first step there is no epoch behind, so no training score.
        """
        last = max(self._step - 1, 0)
        row: dict[str, Any] = {
            "step": self._step,
            "epoch": self._step / self._per_epoch,
            "learning_rate": rate(self._recipe, last, self._total),
        }
        if self._moments:
            row["density"] = self._mask.density()
        for name, found in self._scores(whole).items():
            row |= self._columns(name, found)
        self._mask.check_all()
        self._check_finite(row)
        self._writer.record(row)
        self._metrics = {name: value for name, value in row.items() if value is not None}
        self._judge(row)

    def _scores(self, whole: bool) -> dict[str, Score | None]:
        scores: dict[str, Score | None] = {"train": None}
        if whole and self._step > self._first:
            targets = self._batches.targets_seen(self._step - 1)
            # A training that begins within an epoch has not seen what came before.
            same_epoch = (self._step - 1) // self._per_epoch == self._first // self._per_epoch
            skipped = self._seen(self._first) if same_epoch else 0
            outputs = self._outputs[skipped : len(targets)]
            scores["train"] = score(outputs, targets[skipped:], self._job.objective)
        tensors = self._params | self._buffers
        scores["validation"] = self._score_on("validation", tensors)
        scores["test"] = self._score_on("test", tensors) if whole else None
        return scores

    def _score_on(self, name: str, tensors: Params) -> Score:
        """The score on a split; a loss that is NaN where the outputs are not finite."""
        split = self._splits[name]
        outputs = outputs_of(self._model, tensors, split.inputs)
        return score(outputs, split.targets, self._job.objective)

    def _columns(self, name: str, found: Score | None) -> dict[str, float | None]:
        """A split's part of a row of metrics: null where it was not measured."""
        return {f"{name}_{one}": getattr(found, one, None) for one in self._quantities}

    def _seen(self, step: int) -> int:
        """The examples of the epoch that a step stands in, which come before it."""
        return step % self._per_epoch * self._recipe.batch_size

    def _judge(self, row: Mapping[str, Any]) -> None:
        """Early stopping, on the validation split alone, once all that is to go has gone."""
        if self._step < self._judged_from:
            return
        self._best.look(row, self._params | self._buffers)
        patience = self._recipe.patience
        if patience is not None and self._step - self._best.step >= patience * self._per_epoch:
            self._stopped = True

    def _check_finite(self, row: Mapping[str, Any]) -> None:
        losses = [row[f"{name}_loss"] for name in ("train", "validation")]
        if all(loss is None or math.isfinite(loss) for loss in losses):
            return
        advice = first_aid(
            self._step,
            self._first,
            self._job.dataset.train,
            self._params | self._buffers,
            self._recipe.lr,
        )
        raise DivergedError(
            f"the training diverged: at step {self._step} (epoch {row['epoch']:.1f}) the loss is "
            f"{losses[-1]}. {advice}"
        )

    def _save(self) -> None:
        tensors = {f"weights/{n}": v for n, v in (self._params | self._buffers).items()}
        tensors |= {f"optimiser/{name}": v for name, v in self._optimiser.state().items()}
        tensors |= {f"best/{name}": value for name, value in self._best.tensors.items()}
        if self._moments:
            tensors |= {f"mask/{name}": kept for name, kept in self._mask.kept().items()}
        tensors["logits"] = self._outputs[: self._seen(self._step)]
        state = {
            "step": self._step,
            "best": self._best.row,
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
        try:
            self._take_up(tensors, state)
        except (KeyError, RuntimeError, TypeError) as error:
            raise StoreError(
                f"the checkpoint in {self._writer.folder} does not fit the training ({error}): "
                "delete checkpoint.safetensors there and it starts anew"
            ) from error
        self._tell(f"going on from step {self._step:,} of {self._total:,}")

    def _take_up(self, tensors: Params, state: Mapping[str, Any]) -> None:
        for name, value in (self._params | self._buffers).items():
            value.copy_(tensors[f"weights/{name}"])
        self._optimiser.load_(_under("optimiser/", tensors))
        if self._moments:
            self._mask.shrink_(_under("mask/", tensors))
        self._outputs[: len(tensors["logits"])] = tensors["logits"].to(self._outputs)
        self._step, self._stopped = state["step"], state["stopped"]
        self._seconds = state["seconds"]
        self._best.load_(state["best"], {n: tensors[f"best/{n}"] for n in self._best.tensors})

    def _tell(self, words: str = "") -> None:
        if self._conduct.progress:
            self._conduct.progress(
                Moment(self._step, self._total, self._metrics, words, self._job.key)
            )

    def _finish(self) -> Run:
        if self._step not in self._snapshots:
            self._keep()
        summary = {
            "steps": self._step,
            "best": self._best_row(),
            "stopped_early": self._stopped,
            "seconds": round(self._seconds, 3),
            "machine": self._job.numerics.machine(),
        }
        return self._writer.finish(summary)

    def _best_row(self) -> dict[str, Any]:
        """The row of the least validation loss; the test's figures only report."""
        row = self._best.row
        if row["test_loss"] is None and self._best.tensors:
            row = row | self._columns("test", self._score_on("test", self._best.tensors))
        return row


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> Params:
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
