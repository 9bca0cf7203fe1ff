"""One update of a training: a batch, its gradient, and what the optimiser makes of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from surfeit.models import describe, is_rebuildable
from surfeit.train.batches import Batches
from surfeit.train.gradients import gradient_of
from surfeit.train.job import Job
from surfeit.train.masking import TargetedDropout, of_critical, without
from surfeit.train.optimisers import rate
from surfeit.train.state import State

_DRAWING = (_DropoutNd, nn.RReLU, nn.RNNBase, nn.MultiheadAttention)


class Update:
    """The update of a state by one step of its training.

    Args:
        job: the training.
        model: the network's structure, in training mode: every call brings its own weights.
        batches: the training examples.
        state: one of the training's, for shapes, dtype and device.
    """

    def __init__(self, job: Job, model: nn.Module, batches: Batches, state: State) -> None:
        self._job, self._recipe, self._batches = job, job.recipe, batches
        largest = state.outputs[: job.recipe.batch_size]
        self._gradient = gradient_of(model, job.objective, state.params, largest)
        self._targeted = None
        if job.recipe.targeted_dropout:
            self._targeted = TargetedDropout(job.recipe, job.structure, job.trained, job.streams)
        self._draws = may_draw(model)

    def __call__(self, state: State) -> None:
        """Changes the state in place by one update.

        Raises:
            ProtocolError: if a removed weight is found that is not zero.
        """
        grads = self._gradients(state)
        if self._recipe.critical_share is not None:
            weights = list(state.params.values())
            grads = of_critical(weights, grads, self._recipe.critical_share)
        if self._recipe.clip_norm is not None:
            grads = state.mask.of_gradients(grads)
        state.optimiser.step_(grads, rate(self._recipe, state.step, self._job.total_steps))
        state.mask.hold_()
        state.mask.check()
        state.step += 1

    def _gradients(self, state: State) -> Sequence[Tensor]:
        """The batch's gradients, one a parameter; its outputs go among the state's."""
        place, inputs, targets = self._batches.at(state.step)
        # What is dropped from a step has no gradient in it.
        kept = self._targeted.kept(state.params, state.step) if self._targeted else {}
        params = without(state.params, kept) if kept else state.params
        with self._global_draws(state):
            grads = self._gradient(params, state.buffers, inputs, targets, state.outputs[place])
        return _of_kept(params, grads, kept) if kept else grads

    def _global_draws(self, state: State) -> AbstractContextManager[None]:
        """Dropout draws from torch's global generators alone: they are lent this step's seed."""
        if not self._draws:
            return nullcontext()
        seed = self._job.streams.seed_of("dropout", state.step)
        return _lent_seed(seed, state.outputs.device)


def may_draw(model: nn.Module) -> bool:
    """Whether a forward pass may draw random numbers: dropout does, foreign code might."""
    foreign = not is_rebuildable(describe(model))
    return foreign or any(isinstance(part, _DRAWING) for part in model.modules())


def _of_kept(
    names: Mapping[str, Tensor], grads: Sequence[Tensor], kept: Mapping[str, Tensor]
) -> list[Tensor]:
    return list(without(dict(zip(names, grads, strict=True)), kept).values())


@contextmanager
def _lent_seed(seed: int, device: torch.device) -> Iterator[None]:
    """Sets the global generators to a seed, and back to where they were afterwards."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
