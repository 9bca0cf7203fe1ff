"""One update of all trainings of a stack that stand at the same step."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import torch

from surfeit.core import Score
from surfeit.train.course import Course, Measured
from surfeit.train.gradients import dense_layers
from surfeit.train.job import Job
from surfeit.train.optimisers import Optimiser, rate
from surfeit.train.stack.batches import StackBatches
from surfeit.train.stack.gradients import StackedDense, is_closed
from surfeit.train.stack.layers import StackLayers
from surfeit.train.stack.memory import StackMemory
from surfeit.train.stack.scores import StackScores
from surfeit.train.state import Update, bound_of


class StackUpdate:
    """The updates of a stack, in which each place computes at each step, be it idle or not.

    So a training's bits depend neither on its neighbours nor on its place: all places are computed
    alike, whoever trains in them.

    Args:
        courses: the trainings by place, at least one; the other places are idle.
        memory: where their tensors lie; gradients come to lie beside them.
    """

    def __init__(self, courses: Mapping[int, Course], memory: StackMemory) -> None:
        self._courses, self._memory = courses, memory
        first = next(iter(courses.values()))
        self._trained = first.job.trained
        for place, course in courses.items():
            for name, value in course.state.params.items():
                memory.put_at(place)(f"gradient/{name}", torch.zeros_like(value))
        axes = {name: value.dim() for name, value in first.state.params.items()}
        self._ranges = [_Range(*found, axes, memory) for found in _ranges(courses, memory.places)]
        self._masked = memory.names("factor/")
        self._bound = bound_of(first.job)
        self._looked = 0
        names = dense_layers(first.model)
        self._dense = None
        flat = first.state.outputs.dim() == 2
        if names is not None and flat and is_closed(first.job, names):
            layers = StackLayers(names, memory)
            self._dense = StackedDense(layers, first.job.objective, memory)
            self._scores = StackScores(layers, first.job.objective)
            self._everywhere = [courses.get(place, first) for place in range(memory.places)]
            batches = [course.batches for course in self._everywhere]
            self._batches = StackBatches(batches, layers.rows)
            self._outputs = memory.of("outputs")
        else:
            self._updates = {
                place: Update(one.job, one.model, one.batches, one.state)
                for place, one in courses.items()
            }

    def __call__(self, places: Sequence[int]) -> list[int]:
        """Takes the trainings at these places, which stand at one step, one step on.

        Returns:
            those of which a removed weight may have come back to life; their masks can tell.
        """
        step = self._courses[places[0]].state.step
        if self._dense is not None:
            place, inputs, targets = self._batches.at(step)
            self._outputs[:, place] = self._dense(inputs, targets)
        else:
            self._one_by_one(places)
        self._step(step)
        for place in places:
            self._courses[place].state.step += 1
        return list(places) if self._is_revived() else []

    def scores(self, step: int, measured: Measured) -> Mapping[int, Mapping[str, Score]]:
        """The scores at a step by place and split, as far as all places have them at once.

        Args:
            step: where those that are measured stand.
            measured: what is wanted.
        """
        if self._dense is None or measured == "nothing":
            return {}
        found: dict[str, list[Score]] = {}
        for name in ("validation", "test") if measured == "all" else ("validation",):
            found[name] = self._scores.on([course.splits[name] for course in self._everywhere])
        job = self._courses[min(self._courses)].job
        if measured == "all" and step > job.origin.step and job.seen(job.origin.step) == 0:
            targets = self._batches.targets_seen(step - 1)
            found["train"] = self._scores.of(self._outputs[:, : targets.shape[1]], targets)
        return {
            place: {name: scores[place] for name, scores in found.items()}
            for place in self._courses
        }

    def _one_by_one(self, places: Sequence[int]) -> None:
        for place in places:
            grads = self._updates[place].gradients(self._courses[place].state)
            for name, grad in zip(self._trained, grads, strict=True):
                self._memory.of(f"gradient/{name}")[place] = grad

    def _step(self, step: int) -> None:
        memory = self._memory
        if self._ranges[0].job.recipe.clip_norm is not None:
            for name in self._masked:  # no removed weight counts in a norm
                memory.row(f"gradient/{name}").mul_(memory.row(f"factor/{name}"))
        for one in self._ranges:
            one.step_(step)
        if self._bound is not None:
            for course in self._courses.values():
                self._bound.hold_(course.state.params)
        for name in self._masked:
            memory.row(name).mul_(memory.row(f"factor/{name}"))

    def _is_revived(self) -> bool:
        """Whether a removed weight is not zero: of one parameter at each step, in turn."""
        if not self._masked:
            return False
        name = self._masked[self._looked % len(self._masked)]
        self._looked += 1
        rows, numbers = self._memory.row(name), self._memory.row(f"numbers/{name}")
        return torch.dot(rows.view(-1), numbers.view(-1)).item() != 0


class _Range:
    """Adjacent places whose recipes are equal, stepped by one call of an optimiser.

    Args:
        job: one of theirs, for its recipe.
        first, end: the places, the last one not included.
        axes: how many axes each trained parameter has.
        memory: of the stack.
    """

    def __init__(
        self, job: Job, first: int, end: int, axes: Mapping[str, int], memory: StackMemory
    ) -> None:
        self.job = job
        rows = {name: memory.row(name)[first:end] for name in axes}
        self._grads = [memory.row(f"gradient/{name}")[first:end] for name in axes]
        among = memory.put_among(first, end)
        self._optimiser = Optimiser(job.recipe, rows, among, stacked_axes=axes)

    def step_(self, step: int) -> None:
        """Changes the parameters at these places by the update after so many."""
        self._optimiser.step_(self._grads, rate(self.job.recipe, step, self.job.total_steps))


def _ranges(courses: Mapping[int, Course], places: int) -> Iterator[tuple[Job, int, int]]:
    """Runs of adjacent places of equal recipes; idle ones go with any."""
    jobs = [one.job for one in courses.values()]
    every = [courses[place].job if place in courses else jobs[0] for place in range(places)]
    for _, run in groupby(range(places), key=lambda place: every[place].recipe):
        found = list(run)
        yield every[found[0]], found[0], found[-1] + 1
