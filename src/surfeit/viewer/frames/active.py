"""Which units of a layer are active, and what they answer to, at a few moments of a training."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from surfeit.core import Split, StoreError
from surfeit.similarity import LEAST_ACTIVITY, activity
from surfeit.store import evenly
from surfeit.viewer.frames.outputs import EXAMPLES, sampled_outputs
from surfeit.viewer.timelines.timeline import Timeline

MOST_MEASURED = 10
NO_CLASS = 255
"""In the place of the class of a unit that is silent."""

Found = tuple[Bool[Tensor, " units"] | None, str | None]
"""Which units are active, and why that is unknown, a sentence."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a layer's outputs show at one moment.

    Args:
        active: which units are; None where that is unknown.
        classes: uint8 [units], the class that each answers to most; None where there are no
            classes, or more than 255.
        why: why units are unknown, a sentence.
    """

    active: Bool[Tensor, " units"] | None
    classes: np.ndarray | None
    why: str | None


@dataclass(frozen=True, eq=False)
class ActiveUnits:
    """Measures which units are active, each moment once. May be called from several threads.

    Args:
        examples: what networks are run on; None: nothing can be measured.
        why: why there are none.
    """

    examples: Split | None
    why: str = "that takes the data that the network was trained on"
    _known: dict[tuple[str, str], Seen] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _steps: dict[str, list[int]] | None = None

    def held(self) -> "ActiveUnits":
        """The same for timelines as they are now: looking them up at each moment takes a while."""
        return replace(self, _known={}, _lock=threading.Lock(), _steps={})

    def of(self, timeline: Timeline, layer: str, at: int) -> Found:
        """Which units of a layer are active at a moment; with None, why that is unknown.

        It is measured at `measured_at`.

        Cost: a pass over 512 examples for each moment that is measured.
        """
        seen = self._seen(timeline, layer, at)
        return seen.active, seen.why

    def classes(self, timeline: Timeline, layer: str, at: int) -> np.ndarray | None:
        """The class that each unit answers to most, as `Seen` has it, where `of` measures it."""
        return self._seen(timeline, layer, at).classes

    def _seen(self, timeline: Timeline, layer: str, at: int) -> Seen:
        if self.examples is None:
            return Seen(None, None, _note(self.why))
        moment = measured_at(timeline, at, self._steps_of(timeline))
        stamp = timeline.stamp(moment) if self._steps is None else f"{timeline.id} {moment}"
        key = stamp, layer
        with self._lock:  # many moments ask for one measurement
            if key not in self._known:
                self._known[key] = self._measured(timeline, layer, moment)
            return self._known[key]

    def _steps_of(self, timeline: Timeline) -> list[int]:
        if self._steps is None:
            return timeline.steps()
        if timeline.id not in self._steps:
            self._steps[timeline.id] = timeline.steps()
        return self._steps[timeline.id]

    def _measured(self, timeline: Timeline, layer: str, at: int) -> Seen:
        assert self.examples is not None
        try:
            network = timeline.network(at, self.examples)
            outputs, _ = sampled_outputs(network, layer, self.examples)
            active = activity(outputs) >= LEAST_ACTIVITY
            return Seen(active, _classes(outputs, active, self.examples), None)
        except (StoreError, ValueError) as error:
            return Seen(None, None, _note(str(error)))


def _classes(
    outputs: Float[Tensor, "units outputs"], active: Bool[Tensor, " units"], examples: Split
) -> np.ndarray | None:
    targets = examples.targets[:EXAMPLES]
    if targets.is_floating_point() or targets.dim() != 1 or int(targets.max()) >= NO_CLASS:
        return None
    favourite = favourite_class(outputs.unflatten(1, (len(targets), -1)).mean(dim=2), targets)
    return np.where(active.numpy(), favourite.numpy(), NO_CLASS).astype(np.uint8)


def favourite_class(
    outputs: Float[Tensor, "units examples"], targets: Int64[Tensor, " examples"]
) -> Int64[Tensor, " units"]:
    """The class on whose examples a unit's mean output is largest; the first of equals."""
    means = class_means(outputs, targets)
    return means.masked_fill(means.isnan(), -torch.inf).argmax(dim=1)


def class_means(
    outputs: Float[Tensor, "units examples"], targets: Int64[Tensor, " examples"]
) -> Float64[Tensor, "units classes"]:
    """The mean output of each unit over the examples of each class; NaN of a class without any."""
    count = int(targets.max()) + 1
    sums = outputs.new_zeros(len(outputs), count, dtype=torch.float64)
    sums.index_add_(1, targets, outputs.double())
    return sums / targets.bincount(minlength=count)  # 0 / 0 is NaN


def measured_at(timeline: Timeline, at: int, steps: Sequence[int] | None = None) -> int:
    """The moment whose activity counts at another: the next one of ten, evenly spaced.

    Each level of tickets is a training of its own, and is measured itself. A unit that falls silent
    in between is left out a little early, rather than linked for what it was given before.

    Args:
        timeline: a run or tickets.
        at: one of its moments.
        steps: all of them, if they are at hand.
    """
    if timeline.axis == "level":
        return at
    steps = timeline.steps() if steps is None else steps
    return next((step for step in evenly(steps, most=MOST_MEASURED) if step >= at), at)


def _note(why: str) -> str:
    return f"silent units are not left out: {why}"
