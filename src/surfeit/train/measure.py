"""What a training measures of itself, and what follows: early stopping, or an error."""

import math
from collections.abc import Mapping
from typing import Any

from torch import nn

from surfeit.core import DivergedError, Params, Score, Split, quantities, score
from surfeit.train.batches import Batches
from surfeit.train.checks import far_from_one
from surfeit.train.gradients import forward_of
from surfeit.train.job import Job
from surfeit.train.optimisers import rate
from surfeit.train.state import State


class Measure:
    """Rows of metrics of a training's states, each judged for early stopping.

    Args:
        job: the training.
        model: the network's structure; every call brings its own weights.
        splits: the data by name, on the device.
        batches: the training examples in their order.
        state: one of the training's, for shapes and device.
    """

    def __init__(
        self,
        job: Job,
        model: nn.Module,
        splits: Mapping[str, Split],
        batches: Batches,
        state: State,
    ) -> None:
        self._job, self._splits, self._batches = job, splits, batches
        self._forward = forward_of(model, state.outputs[: job.recipe.batch_size])
        target = job.dataset.train.targets[:1].to(job.first_outputs.device)
        self._quantities = quantities(job.first_outputs, target, job.objective)
        moments = job.pruning.moments if job.pruning else ()
        # A denser network is not what is wanted.
        self._judged_from = max((step for step, _ in moments), default=job.origin.step)

    def __call__(
        self, state: State, *, whole: bool, scores: Mapping[str, Score] | None = None
    ) -> dict[str, Any]:
        """The row of metrics of a state, which is stopped if that is due.

        Args:
            state: measured, and marked as stopped where it is.
            whole: all splits, as at an epoch's end, or the validation split alone.
            scores: those that are known already, by split; what is missing is measured.

        Raises:
            DivergedError: if a loss is no finite number.
            ProtocolError: if a removed weight is not zero.
        """
        row: dict[str, Any] = {
            "step": state.step,
            "epoch": state.step / self._job.steps_per_epoch,
            "learning_rate": rate(self._job.recipe, max(state.step - 1, 0), self._job.total_steps),
        }
        if self._job.pruning:
            row["density"] = state.mask.density()
        for name, found in self._scores(state, whole, scores or {}).items():
            row |= self._columns(name, found)
        state.mask.check_all()
        self._check_finite(row, state)
        self._judge_(state, row)
        return row

    def best_row(self, state: State) -> dict[str, Any]:
        """The row of the least validation loss; the test's figures only report."""
        best = state.best
        if best.row["test_loss"] is None and best.tensors:
            return best.row | self._columns("test", self._score_on("test", best.tensors))
        return best.row

    def _scores(
        self, state: State, whole: bool, known: Mapping[str, Score]
    ) -> dict[str, Score | None]:
        begun = state.step > self._job.origin.step
        wanted = {"train": whole and begun, "validation": True, "test": whole}
        return {
            name: known.get(name) or self._score(name, state) if measured else None
            for name, measured in wanted.items()
        }

    def _score(self, name: str, state: State) -> Score:
        return (
            self._score_of_epoch(state) if name == "train" else self._score_on(name, state.tensors)
        )

    def _score_of_epoch(self, state: State) -> Score:
        """The score of the epoch's batches as they were trained on."""
        last, first, per_epoch = state.step - 1, self._job.origin.step, self._job.steps_per_epoch
        targets = self._batches.targets_seen(last)
        # A training that begins within an epoch has not seen what came before.
        skipped = self._job.seen(first) if last // per_epoch == first // per_epoch else 0
        outputs = state.outputs[skipped : len(targets)]
        return score(outputs, targets[skipped:], self._job.objective)

    def _score_on(self, name: str, tensors: Params) -> Score:
        """The score on a split; a loss that is NaN where the outputs are not finite."""
        split = self._splits[name]
        return score(self._forward(tensors, split.inputs), split.targets, self._job.objective)

    def _columns(self, name: str, found: Score | None) -> dict[str, float | None]:
        """A split's part of a row of metrics: null where it was not measured."""
        return {f"{name}_{one}": getattr(found, one, None) for one in self._quantities}

    def _judge_(self, state: State, row: Mapping[str, Any]) -> None:
        """Early stopping, on the validation split alone, once all that is to go has gone."""
        if state.step < self._judged_from:
            return
        state.best.look(row, state.tensors)
        patience = self._job.recipe.patience
        since = state.step - state.best.step
        if patience is not None and since >= patience * self._job.steps_per_epoch:
            state.stopped = True

    def _check_finite(self, row: Mapping[str, Any], state: State) -> None:
        losses = [row[f"{name}_loss"] for name in ("train", "validation")]
        if all(loss is None or math.isfinite(loss) for loss in losses):
            return
        raise DivergedError(
            f"the training diverged: at step {state.step} (epoch {row['epoch']:.1f}) the loss is "
            f"{losses[-1]}. {_first_aid(self._job, state)}"
        )


def _first_aid(job: Job, state: State) -> str:
    """What to do about a loss that is not finite, in a sentence or two.

    Before the first update no learning rate has done anything: weights, inputs and targets alone
    can be at fault. Later those far from 1 are named before the rate.
    """
    tensors = state.tensors
    floats = [value.dtype for value in tensors.values() if value.is_floating_point()]
    scale = far_from_one(job, floats[0])
    if state.step > job.origin.step:
        advice = f"ower the learning rate ({job.recipe.lr}), warm up, or clip gradients"
        return f"{scale}; or l{advice}" if scale else f"L{advice}"
    broken = [name for name, value in tensors.items() if not bool(value.isfinite().all())]
    if broken:
        return f"No update was made yet: {broken[0]} of the network itself is not finite"
    asked = scale or "Look at the initial weights, and at what the network computes"
    return f"No update was made yet, so that the learning rate has no part in it. {asked}"
