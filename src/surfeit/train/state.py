"""Where a training stands, all that its checkpoint holds, and the update that takes it on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from surfeit.core import Params, converted_, copied, load_, own_parameters
from surfeit.models import ShiftNoise, describe, is_rebuildable
from surfeit.models.structure import computed_tensors
from surfeit.train.batches import Batches
from surfeit.train.gradients import gradient_of
from surfeit.train.job import Job
from surfeit.train.masking import HeldMask, TargetedDropout, of_critical, without
from surfeit.train.max_norm import MaxNorm
from surfeit.train.memory import Put, own_memory
from surfeit.train.noise import WeightDisturbance
from surfeit.train.optimisers import Optimiser, rate

_SPLITS = ("validation_", "test_")
_DRAWING = (_DropoutNd, ShiftNoise, nn.RReLU, nn.RNNBase, nn.MultiheadAttention)


class State:
    """Step, weights, mask, optimiser and best moment of a training, on its device.

    What is random at an epoch or a step is drawn from (seed, epoch) or (seed, step), so that no
    generator's state is among them.

    Args:
        job: the training; the state is that before its first update.
        put: gives the memory of a stack, for what an update reads and changes; None outside of
            any.

    Attributes:
        step: the updates that the weights have behind them.
        params: the trained parameters by name.
        buffers: all other tensors by name, frozen parameters too: no gradient is asked for them.
        outputs: [examples, ...], of the epoch's training examples in its order, as they were
            trained on; filled up to where the epoch stands.
        seconds: spent on training until now.
        stopped: whether early stopping has ended the training.
    """

    def __init__(self, job: Job, put: Put | None = None) -> None:
        self._job = job
        device, dtype = job.numerics.device, job.numerics.torch_dtype
        placed = put or own_memory
        tensors = {
            name: placed(name, value.to(device, dtype if value.is_floating_point() else None))
            for name, value in job.initial().items()
        }
        every = {name: tensors[name] for name in own_parameters(job.network)}
        self.mask = HeldMask(job.first_mask(), every, job.trained, put)
        tensors |= every  # those that are masked lie elsewhere now
        self.step = job.origin.step
        self.params = {name: tensors[name] for name in job.trained}
        self.buffers = {n: value for n, value in tensors.items() if n not in self.params}
        self.optimiser = Optimiser(job.recipe, self.params, placed)
        self.best = Best(self.tensors, keep=job.recipe.evaluate_every is not None)
        shape = len(job.dataset.train), *job.first_outputs.shape[1:]
        outputs = torch.empty(shape, dtype=dtype, device=device)
        self.outputs = outputs if put is None else put("outputs", outputs)
        self.seconds = 0.0
        self.stopped = False
        self._densities = dict(job.pruning.moments) if job.pruning else {}
        self._computes = bool(computed_tensors(job.network))

    @property
    def tensors(self) -> Params:
        """All parameters and buffers by name."""
        return self.params | self.buffers

    def network(self) -> nn.Module:
        """The network as it is now, on the CPU."""
        return load_(converted_(copied(self._job.network), "cpu"), self.tensors)

    def snapshot(self) -> Params:
        """The tensors, and those that the network computes of them, once the mask is checked.

        Raises:
            ProtocolError: if a removed weight is not zero.
        """
        self.mask.check_all()
        return self.tensors | (computed_tensors(self.network()) if self._computes else {})

    def prune_(self) -> bool:
        """Removes what the job's pruning removes at this step; whether it removes anything.

        Raises:
            CollapseError, ValueError: as `Pruning.choose`.
        """
        job, density = self._job, self._densities.get(self.step)
        if job.pruning is None or density is None:
            return False
        mask = job.pruning.choose(
            self.network(),
            density,
            structure=job.structure,
            initial=job.initial(),
            split=job.dataset.train.to("cpu"),
            objective=job.objective,
            mask=self.mask.kept(),
            generator=job.streams.get("pruning", self.step),
        )
        self.mask.shrink_(mask)
        self.mask.hold_()
        return True

    def saved(self) -> tuple[Params, dict[str, Any]]:
        """What a checkpoint holds: tensors by name, and JSON values."""
        tensors = {f"weights/{name}": value for name, value in self.tensors.items()}
        tensors |= {f"optimiser/{name}": value for name, value in self.optimiser.state().items()}
        tensors |= {f"best/{name}": value for name, value in self.best.tensors.items()}
        if self._job.pruning:
            tensors |= {f"mask/{name}": kept for name, kept in self.mask.kept().items()}
        tensors["logits"] = self.outputs[: self._job.seen(self.step)]
        return tensors, {
            "step": self.step,
            "best": self.best.row,
            "stopped": self.stopped,
            "seconds": self.seconds,
            "machine": self._job.numerics.machine(),
        }

    def restore_(self, tensors: Params, values: Mapping[str, Any]) -> None:
        """Takes up what `saved` gave.

        Raises:
            KeyError, RuntimeError, TypeError: if it is another training's.
        """
        for name, value in self.tensors.items():
            value.copy_(tensors[f"weights/{name}"])
        self.optimiser.load_(_under("optimiser/", tensors))
        if self._job.pruning:
            self.mask.shrink_(_under("mask/", tensors))
        self.outputs[: len(tensors["logits"])] = tensors["logits"].to(self.outputs)
        self.best.load_(values["best"], _under("best/", tensors))
        self.step, self.stopped = values["step"], values["stopped"]
        self.seconds = values["seconds"]


class Best:
    """The row of metrics with the least validation loss so far, and the weights of that moment.

    Args:
        tensors: parameters and buffers by name, for shapes.
        keep: whether to keep a copy of the weights, for figures that were not measured then.
    """

    def __init__(self, tensors: Params, *, keep: bool) -> None:
        self.row: dict[str, Any] = {}
        self.tensors = {n: torch.empty_like(t) for n, t in tensors.items()} if keep else {}

    @property
    def step(self) -> int:
        """The step of the least validation loss."""
        return self.row["step"]

    def look(self, row: Mapping[str, Any], tensors: Params) -> None:
        """Takes a row of metrics, and its weights, if its validation loss is the least so far."""
        if self.row and not row["validation_loss"] < self.row["validation_loss"]:
            return
        measured = [name for name in row if name.startswith(_SPLITS)]
        self.load_({name: row[name] for name in ("step", *measured)}, tensors)

    def load_(self, row: Mapping[str, Any], tensors: Params) -> None:
        """Takes up a row, and weights if it keeps any."""
        self.row = dict(row)
        for name, value in self.tensors.items():
            value.copy_(tensors[name])


class Update:
    """The update of a state by one step of its training.

    Args:
        job: the training.
        model: the network's structure, in training mode: every call brings its own weights.
        batches: the training examples.
        state: one of the training's, for shapes, dtype and device.
        look: given each update's gradients before it is made, which it may only read.
    """

    def __init__(
        self,
        job: Job,
        model: nn.Module,
        batches: Batches,
        state: State,
        look: Callable[[Sequence[Tensor]], None] | None = None,
    ) -> None:
        self._job, self._recipe, self._batches = job, job.recipe, batches
        largest = state.outputs[: job.recipe.batch_size]
        self._gradient = gradient_of(model, job.objective, state.params, largest)
        self._targeted = None
        if job.recipe.targeted_dropout:
            self._targeted = TargetedDropout(job.recipe, job.structure, job.trained, job.streams)
        self._disturbance = WeightDisturbance(job.recipe, job.streams)
        self._bound = bound_of(job)
        self._draws = may_draw(model)
        self._look = look

    def __call__(self, state: State) -> None:
        """Changes the state in place by one update.

        Raises:
            ProtocolError: if a removed weight is found that is not zero.
        """
        grads = self.gradients(state)
        if self._look is not None:
            self._look(grads)
        if self._recipe.clip_norm is not None:
            grads = state.mask.of_gradients(grads)
        state.optimiser.step_(grads, rate(self._recipe, state.step, self._job.total_steps))
        if self._bound is not None:
            self._bound.hold_(state.params)
        state.mask.hold_()
        state.mask.check()
        state.step += 1

    def gradients(self, state: State) -> Sequence[Tensor]:
        """The batch's gradients, one a parameter, as the recipe wants them; no weight is changed.

        The batch's outputs go among the state's.
        """
        grads = self._of_batch(state)
        if self._recipe.critical_share is None:
            return grads
        return of_critical(list(state.params.values()), grads, self._recipe.critical_share)

    def _of_batch(self, state: State) -> Sequence[Tensor]:
        place, inputs, targets = self._batches.at(state.step)
        params = self._disturbance.noisy(state.params, state.step, state.mask.within)
        # What is dropped from a step has no gradient in it.
        kept = self._targeted.kept(state.params, state.step) if self._targeted else {}
        for name, factor in self._disturbance.factors(params, state.step).items():
            kept[name] = factor * kept[name] if name in kept else factor
        params = without(params, kept) if kept else params
        with self._global_draws(state):
            grads = self._gradient(params, state.buffers, inputs, targets, state.outputs[place])
        return _of_kept(params, grads, kept) if kept else grads

    def _global_draws(self, state: State) -> AbstractContextManager[None]:
        """Dropout draws from torch's global generators alone: they are lent this step's seed."""
        if not self._draws:
            return nullcontext()
        seed = self._job.streams.seed_of("dropout", state.step)
        return lent_seed(seed, state.outputs.device)


def bound_of(job: Job) -> MaxNorm | None:
    """What bounds the weight vectors of a job's units, if anything does; raises as `MaxNorm`."""
    largest = job.recipe.max_norm
    return None if largest is None else MaxNorm(job.network, job.trained, largest)


def may_draw(model: nn.Module) -> bool:
    """Whether a forward pass may draw random numbers: dropout does, foreign code might."""
    foreign = not is_rebuildable(describe(model))
    return foreign or any(isinstance(part, _DRAWING) for part in model.modules())


def _of_kept(
    names: Mapping[str, Tensor], grads: Sequence[Tensor], kept: Mapping[str, Tensor]
) -> list[Tensor]:
    return list(without(dict(zip(names, grads, strict=True)), kept).values())


@contextmanager
def lent_seed(seed: int, device: torch.device) -> Iterator[None]:
    """Sets torch's global generators to a seed, and back to where they were afterwards."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> Params:
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
