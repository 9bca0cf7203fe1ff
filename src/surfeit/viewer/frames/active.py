"""Which units of a layer are active, measured at a few moments of a training."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from jaxtyping import Bool
from torch import Tensor

from surfeit.core import Split, StoreError
from surfeit.similarity import LEAST_ACTIVITY, activity
from surfeit.store import evenly
from surfeit.viewer.frames.outputs import sampled_outputs
from surfeit.viewer.timelines.timeline import Timeline

MOST_MEASURED = 10

Found = tuple[Bool[Tensor, " units"] | None, str | None]
"""Which units are active, and why that is unknown, a sentence."""


@dataclass(frozen=True, eq=False)
class ActiveUnits:
    """Measures which units are active, each moment once. May be called from several threads.

    Args:
        examples: what networks are run on; None: nothing can be measured.
        why: why there are none.
    """

    examples: Split | None
    why: str = "that takes the data that the network was trained on"
    _known: dict[tuple[str, str], Found] = field(default_factory=dict)
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
        if self.examples is None:
            return None, _note(self.why)
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

    def _measured(self, timeline: Timeline, layer: str, at: int) -> Found:
        assert self.examples is not None
        try:
            network = timeline.network(at, self.examples)
            outputs, _ = sampled_outputs(network, layer, self.examples)
            return activity(outputs) >= LEAST_ACTIVITY, None
        except (StoreError, ValueError) as error:
            return None, _note(str(error))


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
