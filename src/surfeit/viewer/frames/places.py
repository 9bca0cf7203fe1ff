"""One layer at one moment: what pictures are made from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jaxtyping import Float
from torch import Tensor

from surfeit.core import Split, StoreError
from surfeit.data import Dataset
from surfeit.similarity import (
    judged_pairs,
    normalised,
    output_directions,
    start_left,
    update_directions,
    updates,
)
from surfeit.viewer.frames.active import ActiveUnits
from surfeit.viewer.frames.activity import ActivityFrame, activity_frame
from surfeit.viewer.frames.can_go import Answer, can_go_answer
from surfeit.viewer.frames.outputs import output_note, sampled_outputs
from surfeit.viewer.frames.redrawn import output_level
from surfeit.viewer.frames.removal import Measuring, RemovalFrame, removal_frame
from surfeit.viewer.frames.spectrum import SpectrumFrame, spectrum_frame
from surfeit.viewer.frames.trial import trial_answer
from surfeit.viewer.frames.units import Units, note_of, units_of
from surfeit.viewer.frames.weight_pictures import (
    MOST_NUMBERS,
    WeightPictures,
    weight_pictures,
    why_no_pictures,
)
from surfeit.viewer.timelines.describing import chance_of
from surfeit.viewer.timelines.networks import objective_of
from surfeit.viewer.timelines.records import Weights, decays
from surfeit.viewer.timelines.timeline import Timeline


@dataclass(frozen=True)
class Start:
    """What weight decay left of the random start: what training added is counted from there.

    Args:
        weight: [units, inputs].
        left: the share, in [0, 1]; 1 where nothing decays.
    """

    weight: Tensor
    left: float

    def added(self, weights: Weights) -> Tensor:
        """What training added to each weight vector."""
        weight, mask = weights
        return updates(weight, self.weight, mask=mask)

    @property
    def note(self) -> str | None:
        """A sentence where the start is not what it was."""
        share = f"{100 * self.left:.0f}"
        if share == "100":
            return None
        return (
            f"weights decay: {share} % of the random start is left, and what is beyond that counts "
            "as added"
        )


@dataclass(frozen=True)
class Origin:
    """Where the weight vectors of a training began.

    Args:
        weight: [units, inputs]; None where unknown.
        directions: the same, of length 1 or 0; None where unknown.
        why: why they are unknown although they should not be, or None.
        decays: whether the training may have shrunk them.
    """

    weight: Tensor | None
    directions: Tensor | None
    why: str | None = None
    decays: bool = False

    @property
    def note(self) -> str | None:
        """The same as a sentence on movement."""
        return None if self.why is None else f"movement is unknown: {self.why}"

    def left_at(self, weights: Weights) -> Start | None:
        """What is left of it where the weights are these; None where it is unknown."""
        if self.weight is None:
            return None
        weight, mask = weights
        left = start_left(weight, self.weight, mask=mask) if self.decays else 1.0
        return Start(self.weight if left == 1 else self.weight * left, left)


@dataclass(frozen=True)
class Place:
    """One layer at one moment.

    Args:
        timeline: a run or tickets.
        layer: dotted name.
        at: one of the timeline's moments.
    """

    timeline: Timeline
    layer: str
    at: int

    def weights(self) -> Weights:
        """The weight matrix and what a mask keeps of it, as `Timeline.weights`."""
        return self.timeline.weights(self.layer, self.at)

    def units(
        self, source: str, examples: Split | None, active: ActiveUnits | None = None
    ) -> tuple[Units, str | None]:
        """The units and what is to be known of them.

        Args:
            source: "weights", "updates" or "outputs".
            examples: for outputs.
            active: for updates, which units are active; measured on the examples if not given.

        Raises:
            ValueError: if a weight is not finite, the network cannot be followed, or it is unknown
                what training began with.
            StoreError: if the snapshot is damaged.
        """
        active = active or ActiveUnits(examples)
        return self.compared(self.weights(), self.origin(), source, examples, active)

    @property
    def moves(self) -> bool:
        """Whether the training shown has more than one snapshot: between two it can be measured."""
        run, _ = self.timeline.place(self.at)
        return len(run.steps()) > 1

    def origin(self) -> Origin:
        """What training began with; unknown of a run with a single snapshot."""
        if not self.moves:
            return Origin(None, None, "the run has a single snapshot")
        try:
            initial = self.timeline.initial(self.layer, self.at)
            directions = None if initial is None else normalised(initial)
            run, _ = self.timeline.place(self.at)
            return Origin(initial, directions, decays=decays(run))
        except (StoreError, ValueError) as error:
            return Origin(None, None, str(error))

    def compared(
        self,
        weights: Weights,
        origin: Origin,
        source: str,
        examples: Split | None,
        active: ActiveUnits,
        known: Units | None = None,
        *,
        judged: bool = True,
    ) -> tuple[Units, str | None]:
        """As `units`, of weights and a beginning that were read already.

        With `known`, the same units compared by something else, only what differs is computed.
        Without `judged`, no level is found for updates.
        """
        weight, mask = weights
        shape = self.timeline.layer(self.layer)
        # Of units that are known already, what was added counts for their updates alone.
        start = origin.left_at(weights) if known is None or source == "updates" else None
        level, said, rows, products = None, None, None, None
        if source == "weights":
            level = chance_of(shape)
        elif source == "updates":
            rows, said = self._update_rows(weights, origin, start, active)
            if judged:
                found, products = judged_pairs(rows, groups=shape.groups)
                level = found.value
        else:
            assert examples is not None, "outputs need examples"
            network = self.timeline.network(self.at, examples)
            outputs, said = sampled_outputs(network, self.layer, examples)
            rows = output_directions(outputs)
            level = output_level(network, self.layer, examples, rows).value
        if known is None:
            known = units_of(
                weight,
                origin=origin.directions,
                moved=None if start is None else start.added(weights).norm(dim=1),
                kept=None if mask is None else shape.kept_shares(mask),
            )
        rows = known.rows if rows is None else rows
        units = replace(known, rows=rows, level=level, products=products)
        return units, ". ".join(filter(None, (origin.note, said))) or None

    def _update_rows(
        self, weights: Weights, origin: Origin, start: Start | None, active: ActiveUnits
    ) -> tuple[Float[Tensor, "units inputs"], str | None]:
        """The directions of what training added, 0 for silent units; what is to be said of them.

        Raises:
            ValueError: if it is unknown what training began with, or a weight is not finite.
        """
        if start is None:
            why = origin.why or "the run's first snapshot was not kept"
            raise ValueError(f"updates are unknown: {why}")
        weight, mask = weights
        active_units, said = active.of(self.timeline, self.layer, self.at)
        said = ". ".join(filter(None, (start.note, said))) or None
        return update_directions(weight, start.weight, mask=mask, active=active_units), said

    def spectrum(self) -> SpectrumFrame:
        """The layer's eigenvalues.

        Raises:
            ValueError: if a weight is not finite.
            StoreError: if the layer cannot be read.
        """
        return spectrum_frame(self.weights()[0], groups=self.timeline.layer(self.layer).groups)

    def removal(
        self, examples: Split | None, note: str | None = None, *, measured: bool = True
    ) -> RemovalFrame:
        """Removal orders and, with examples, what removals cost.

        Args:
            examples: what the network takes, if there are any.
            note: why there are none, or why nothing is measured.
            measured: whether to measure on them, or only to follow the network.

        Raises:
            ValueError: if a weight is not finite.
            StoreError: if the layer cannot be read.
        """
        weight, measuring = self.weights()[0], None
        if examples is not None:
            try:
                measuring = self._measuring(examples)
                measuring = measuring if measured else replace(measuring, examples=None)
            except (StoreError, ValueError) as error:
                note = f"removals are not measured: {error}"
        return removal_frame(weight, layer=self.layer, measuring=measuring, note=note)

    def trial(self, units: Tensor, examples: Split) -> dict[str, Any]:
        """What the network is worth without some units: see `trial_answer`.

        Raises:
            ValueError: if the network cannot be followed, or these units cannot be removed.
            StoreError: if it cannot be read.
        """
        return trial_answer(self._measuring(examples), self.layer, units)

    def activity(self, examples: Split) -> ActivityFrame:
        """What drives the units: see `activity_frame`.

        Raises:
            ValueError: as there, or if the network cannot be followed.
            StoreError: if it cannot be read.
        """
        network = self.timeline.network(self.at, examples)
        note = output_note(network.structure, self.layer)
        return activity_frame(network, self.layer, examples, note=note)

    def weight_pictures(self, examples: Split, *, most: int = MOST_NUMBERS) -> WeightPictures:
        """The weight vectors as pictures, of at most so many numbers: see `weight_pictures`.

        Raises:
            ValueError: if the network cannot be followed.
            StoreError: if it cannot be read.
        """
        weights = self.weights()
        start = self.origin().left_at(weights)
        return weight_pictures(
            weights[0],
            None if start is None else start.added(weights),
            network=self.timeline.network(self.at, examples),
            layer=self.layer,
            examples=examples,
            most=most,
        )

    def why_no_pictures(self, examples: Split) -> str | None:
        """Why the weight vectors are no pictures: see `why_no_pictures`.

        Raises:
            ValueError: if the network cannot be followed.
            StoreError: if it cannot be read.
        """
        return why_no_pictures(self.timeline.network(self.at, examples), self.layer, examples)

    def _measuring(self, examples: Split) -> Measuring:
        run, _ = self.timeline.place(self.at)
        network = self.timeline.network(self.at, examples)
        return Measuring(network, examples, objective_of(run, examples))

    def can_go(self, dataset: Dataset) -> Answer | None:
        """How many of the layer's units can go, or None: see `can_go_answer`.

        Args:
            dataset: what the network was trained on.

        Raises:
            ValueError: if the network cannot be followed, or its units cannot be removed.
            StoreError: if it cannot be read.
        """
        run, _ = self.timeline.place(self.at)
        network = self.timeline.network(self.at, dataset.validation)
        return can_go_answer(network, self.layer, dataset, objective_of(run, dataset.validation))


def joined(found: Sequence[tuple[Units, str | None]], source: str) -> tuple[Units, int, str | None]:
    """The units of one place, or of two behind one another: all, how many are the first's, a note.

    Raises:
        ValueError: if two layers cannot be compared.
    """
    units, own = found[0][0], len(found[0][0])
    for other, _ in found[1:]:
        units = units.beside(other)
    notes = dict.fromkeys([note_of(units, source), *(note for _, note in found)])
    return units, own, ". ".join(filter(None, notes)) or None
