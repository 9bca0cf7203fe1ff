"""Probes at work: each is given its steps, and its rows go to its table. The training never knows.

A probe sees copies. The draws of torch's, NumPy's and Python's global generators, torch's threads,
default type and gradient mode are what they were once it has looked.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from surfeit.core import Params, SurfeitError, skeleton
from surfeit.core.own_code import told_with_place
from surfeit.store import RunWriter
from surfeit.store.metrics_file import Cell
from surfeit.train.batches import Batches
from surfeit.train.optimisers import rate
from surfeit.train.probes.probe import Probe
from surfeit.train.probes.rows import Table
from surfeit.train.probes.step import ProbedStep
from surfeit.train.state import State, lent_seed

if TYPE_CHECKING:
    from surfeit.train.job import Job

_PREVIOUS = "previous/"


class Probing:
    """The probes of one training: called around each update, in this order.

    >>> probing.before(state); update(state); probing.after(state)

    The update gives its gradients to `look`. Steps at which nothing is due cost a comparison; at
    others weights, buffers and gradient are copied once, whatever the probes read, and a probe that
    looks back has one more copy made of the step before.

    Args:
        job: the training, with its probes.
        batches: the training examples.
        writer: where the rows go.
    """

    def __init__(self, job: "Job", batches: Batches, writer: RunWriter) -> None:
        self._job, self._batches, self._writer = job, batches, writer
        self._tables = {probe.name: Table(probe.name) for probe in job.probes}
        self._model: nn.Module | None = skeleton(job.network) if job.probes else None
        self._due: list[Probe] = []
        self._weights: Params = {}
        self._buffers: Params = {}
        self._gradient: list[Tensor] = []
        self._previous: Params | None = None

    def before(self, state: State) -> None:
        """Keeps what the update is about to change, if anybody wants it."""
        step = state.step
        self._due = [probe for probe in self._job.probes if probe.is_due(step)]
        if self._due or self._is_read_later(step):
            self._weights = _copies(state.params)
        if self._due:
            self._buffers = _copies(state.buffers)

    def look(self, gradients: Sequence[Tensor]) -> None:
        """Keeps the gradients of the update that is made now."""
        if self._due:
            self._gradient = [gradient.detach().clone() for gradient in gradients]

    def after(self, state: State) -> None:
        """Has the probes look at the update that was made, and writes what they give.

        Raises:
            SurfeitError: if a probe fails or gives no rows, naming it.
            StoreError: if the disk refuses.
        """
        number = state.step - 1
        if self._due:
            step = self._step(state)
            for probe in self._due:
                self._writer.probed(probe.name, self._rows(probe, step))
        before, self._weights, self._buffers, self._gradient = self._weights, {}, {}, []
        self._previous = None
        if self._is_read_later(number):
            self._previous = {name: state.params[name] - value for name, value in before.items()}

    def saved(self) -> Params:
        """What a checkpoint keeps of the probes beside their tables."""
        return {f"{_PREVIOUS}{name}": value for name, value in (self._previous or {}).items()}

    def restore_(self, tensors: Params, state: State) -> None:
        """Takes up what `saved` gave."""
        found = {name: tensors.get(f"{_PREVIOUS}{name}") for name in state.params}
        self._previous = {
            name: value.to(state.params[name], copy=True)
            for name, value in found.items()
            if value is not None
        } or None

    def _is_read_later(self, step: int) -> bool:
        """Whether a probe that looks back is due at the step after this one."""
        return any(probe.looks_back and probe.is_due(step + 1) for probe in self._job.probes)

    def _rows(self, probe: Probe, step: ProbedStep) -> list[dict[str, Cell]]:
        name, number, streams = probe.name, step.number, self._job.streams
        device = next(iter(step.weights.values())).device
        try:
            with _untouched(streams.seed_of("probe", name, number), device):
                own = replace(step, generator=streams.get("probe generator", name, number))
                rows = self._tables[name].rows(probe.look(own), number)
            _check_unwritten(step)
        except Exception as error:  # whatever a user's own function may raise
            raise SurfeitError(
                f"the probe {name} failed at step {number}, and the training ended there: "
                f"{told_with_place(error)}. Mend the probe or leave it out and give the same again"
            ) from error
        return rows

    def _step(self, state: State) -> ProbedStep:
        """The update that was made; the generator is of no probe yet."""
        job, number = self._job, state.step - 1
        assert self._model is not None
        mask = {n: kept.to(state.params[n].device) for n, kept in state.mask.kept().items()}
        gradient = dict(zip(state.params, self._gradient, strict=True))
        for name in gradient.keys() & mask.keys():
            gradient[name] = gradient[name] * mask[name]
        return ProbedStep(
            number=number,
            epoch=number / job.steps_per_epoch,
            rate=rate(job.recipe, number, job.total_steps),
            weights=self._weights,
            buffers=self._buffers,
            gradient=gradient,
            mask=mask,
            after=_copies(state.params),
            previous=self._previous,
            objective=job.objective,
            split=self._batches.split,
            batch_size=job.recipe.batch_size,
            generator=torch.Generator(),
            model=self._model,
            _drawn=lambda: self._batch(number),
            _seed=job.streams.seed_of("dropout", number),
            _network=job.network,
        )

    def _batch(self, number: int) -> tuple[Tensor, Tensor]:
        _, inputs, targets = self._batches.at(number)
        return inputs, targets.clone()


def _copies(tensors: Params) -> Params:
    return {name: value.detach().clone() for name, value in tensors.items()}


def _check_unwritten(step: ProbedStep) -> None:
    """What all probes of a step share they may only read: torch counts the writes to a tensor."""
    for shared in (step.weights, step.buffers, step.gradient, step.after, step.previous or {}):
        for name, value in shared.items():
            if value._version:
                raise ValueError(f"it wrote into {name}, which it may only read: clone it first")


@contextmanager
def _untouched(seed: int, device: torch.device) -> Iterator[None]:
    """Lends all global generators a seed; these and torch's settings are as before afterwards."""
    python, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002 the global one
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    with lent_seed(seed, device), torch.set_grad_enabled(torch.is_grad_enabled()):
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numbers)  # noqa: NPY002
            torch.set_default_dtype(dtype)
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)
