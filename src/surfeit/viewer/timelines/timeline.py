"""What can be looked at: something that has weights at moments along one axis."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, final

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import Split, StoreError, unknown
from surfeit.store import Run, evenly
from surfeit.store.run import Status
from surfeit.viewer.timelines.about import About
from surfeit.viewer.timelines.networks import Network, Networks
from surfeit.viewer.timelines.records import (
    LayerShape,
    Weights,
    check_links,
    stamp_of,
    weights_at,
)

Axis = Literal["step", "level"]

MOST_SNAPSHOTS = 201
"""How many moments a page holds unless more are asked for: 200 steps from the first to the last."""


@dataclass(frozen=True)
class Moment:
    """One place on the axis.

    Args:
        at: the step or the level.
        epoch: passes over the training set until then; None where unknown.
        run: key of the run whose weights are shown.
    """

    at: int
    epoch: float | None
    run: str


@dataclass(frozen=True)
class Learning:
    """The metrics of a timeline, one row a measurement.

    Args:
        at: float64 [rows], steps or levels.
        columns: by name float64 [rows], accuracies as fractions, losses in the objective's
            unit (cross-entropy in nats), R² as it is; NaN where nothing was measured.
    """

    at: np.ndarray
    columns: Mapping[str, np.ndarray]


class Timeline(ABC):
    """One thing that changes along one axis: a run over its steps, tickets over their levels.

    It reads what is on the disk at every call, so that what is being written is followed.

    Args:
        identifier: letters, digits and dashes; stands in addresses.
        name: what it is called on the page.
        axis: what its moments are counted in.
        layers: the layers of its network.
        networks: builds it.
    """

    def __init__(
        self,
        identifier: str,
        name: str,
        axis: Axis,
        layers: Sequence[LayerShape],
        networks: Networks | None,
    ) -> None:
        self.id = identifier
        self.name = name
        self.axis: Axis = axis
        self.layers = tuple(layers)
        self._networks = networks or Networks()

    @property
    @abstractmethod
    def status(self) -> Status:
        """Whether it is complete, being written, or left unfinished."""

    @property
    @abstractmethod
    def note(self) -> str | None:
        """What is missing from it, a sentence, or None."""

    @property
    @abstractmethod
    def objective(self) -> str | None:
        """The name of what was minimised; None where nobody says."""

    @abstractmethod
    def about(self) -> About:
        """What it is chosen by among others."""

    @abstractmethod
    def settings(self) -> dict[str, str]:
        """The configuration that it was trained with: short words by dotted name."""

    @abstractmethod
    def steps(self) -> list[int]:
        """The steps or levels of all moments there are now, ascending."""

    @abstractmethod
    def moments(self) -> list[Moment]:
        """All moments there are now, ascending; slower than `steps`."""

    @abstractmethod
    def place(self, at: int) -> tuple[Run, int]:
        """The run and the step whose snapshot is shown at a moment.

        Raises:
            ValueError: if there is no such moment; or reading that snapshot says so.
        """

    @abstractmethod
    def learning(self) -> Learning:
        """The metrics so far.

        Raises:
            StoreError: if they are damaged.
        """

    @final
    def moment(self, at: int | None = None) -> int:
        """The moment asked for, the last one if none is.

        Raises:
            StoreError: if there are no moments at all.
            ValueError: if there is no such moment.
        """
        there = self.steps()
        if not there:
            raise StoreError(self.note or f"{self.name} has no snapshots")
        if at is None:
            return there[-1]
        if at not in there:
            raise ValueError(
                f"{self.name} has nothing at {self.axis} {at}; "
                f"it has {len(there)} {self.axis}s from {there[0]} to {there[-1]}"
            )
        return at

    @final
    def moment_beside(self, other: "Timeline", at: int) -> int:
        """The moment shown beside another timeline's: the last that is not after it, or the first.

        Raises:
            StoreError: if there are no moments at all.
            ValueError: if the other is counted in something else.
        """
        if other.axis != self.axis:
            raise ValueError(
                f"{self.name} goes by {self.axis}s and {other.name} by {other.axis}s: they cannot "
                "be merged"
            )
        self.moment()
        there = self.steps()
        return max((moment for moment in there if moment <= at), default=there[0])

    @final
    def layer(self, name: str) -> LayerShape:
        """The layer of that name.

        Raises:
            ValueError: if there is none; the nearest are suggested.
        """
        found = {layer.name: layer for layer in self.layers}
        if name not in found:
            raise unknown("layer", name, found)
        return found[name]

    @final
    def weights(self, layer: str, at: int) -> Weights:
        """The layer's weight matrix at a moment, and which weights a mask keeps, if one is set.

        Raises:
            ValueError: if there is no such layer or moment.
            StoreError: if the snapshot is missing or damaged.
        """
        return self.several(layer, [at])[0]

    @final
    def several(self, layer: str, at: Sequence[int]) -> list[Weights]:
        """`weights` at several moments; those of one run are read together.

        Raises:
            ValueError: if there is no such layer, or one of the moments is not there.
            StoreError: if one of the snapshots is missing or damaged.
        """
        self.layer(layer)
        found: list[Weights] = []
        for run, places in groupby((self.place(moment) for moment in at), lambda place: place[0]):
            found += weights_at(run, layer, [step for _, step in places])
        return found

    @final
    def initial(self, layer: str, at: int) -> Float[Tensor, "units inputs"] | None:
        """The weight matrix that the training shown at a moment began with; None if not kept.

        Raises:
            ValueError: if there is no such layer or moment.
            StoreError: if the first snapshot is damaged.
        """
        self.layer(layer)
        run, _ = self.place(at)
        first = run.config.get("first_step", 0)
        return weights_at(run, layer, [first])[0][0] if first in run.steps() else None

    @final
    def without_updates(self) -> str | None:
        """Why it is not known what training added by the last moment, a clause; None if it is.

        The first snapshot is not read: where it is damaged, reading it says so.
        """
        if not self.steps():
            return "the run has no snapshots"
        run, _ = self.place(self.moment())
        steps = run.steps()
        if len(steps) < 2:
            return "the run has a single snapshot"
        known = run.config.get("first_step", 0) in steps
        return None if known else "the run's first snapshot was not kept"

    @final
    def model(self, at: int) -> nn.Module:
        """The network at a moment, in evaluation mode.

        Raises:
            ValueError: if there is no such moment, or the network cannot be built again.
            StoreError: if the snapshot is damaged; of a finished run each byte is checked.
        """
        run, step = self.place(at)
        check_links(run, [step])
        return self._networks.model(run, step)

    @final
    def network(self, at: int, examples: Split) -> Network:
        """The network at a moment, and what it is.

        Args:
            at: one of the moments.
            examples: what it takes; it is followed on the first.

        Raises:
            ValueError: as `model`, or if it cannot be followed.
            StoreError: as `model`.
        """
        run, step = self.place(at)
        check_links(run, [step])
        return self._networks.network(run, step, examples)

    @final
    def stamp(self, at: int) -> str:
        """What is different as soon as another snapshot stands at a moment.

        Raises:
            ValueError: if there is no such moment.
        """
        return stamp_of(*self.place(at))


def chosen_moments(timeline: Timeline, most: int | None = MOST_SNAPSHOTS) -> list[int]:
    """Moments of a timeline at even distances, the first and the last included; None for all.

    Raises:
        ValueError: if fewer than 2 are asked for.
    """
    there = timeline.steps()
    return there if most is None else evenly(there, most=most)
