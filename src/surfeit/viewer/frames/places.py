"""One layer at one moment: what pictures are made from."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from surfeit.core import Split, StoreError
from surfeit.similarity import normalised
from surfeit.viewer.frames.outputs import unit_outputs
from surfeit.viewer.frames.removal import RemovalFrame, removal_frame
from surfeit.viewer.frames.units import Units, note_of, units_of
from surfeit.viewer.timelines.records import Weights
from surfeit.viewer.timelines.timeline import Timeline


@dataclass(frozen=True)
class Origin:
    """Where the weight vectors of a training began.

    Args:
        directions: [units, inputs], of length 1 or 0; None where unknown.
        note: why they are unknown although they should not be, a sentence, or None.
    """

    directions: Tensor | None
    note: str | None


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

    def units(self, source: str, images: Split | None) -> tuple[Units, str | None]:
        """The units and what is to be known of them.

        Args:
            source: "weights" or "outputs".
            images: for outputs.

        Raises:
            ValueError: if a weight is not finite, or the network does not take the images.
            StoreError: if the snapshot is damaged.
        """
        return self.compared(self.weights(), self.origin(), source, images)

    def origin(self) -> Origin:
        """The directions that training began with."""
        try:
            initial = self.timeline.initial(self.layer, self.at)
            return Origin(None if initial is None else normalised(initial.float()), None)
        except (StoreError, ValueError) as error:
            return Origin(None, f"movement is unknown: {error}")

    def compared(
        self, weights: Weights, origin: Origin, source: str, images: Split | None
    ) -> tuple[Units, str | None]:
        """As `units`, of weights and a beginning that were read already."""
        outputs, note = None, origin.note
        if source == "outputs":
            assert images is not None, "outputs need images"
            outputs, said = unit_outputs(self.timeline.model(self.at), self.layer, images)
            note = ". ".join(filter(None, (note, said))) or None
        return units_of(
            weights[0], origin=origin.directions, mask=weights[1], outputs=outputs
        ), note

    def removal(self, images: Split | None, note: str | None = None) -> RemovalFrame:
        """Removal orders and, with images, accuracies.

        Args:
            images: to measure on, if there are any.
            note: why there are none.

        Raises:
            ValueError: if a weight is not finite.
            StoreError: if the layer cannot be read.
        """
        weight, model = self.weights()[0], None
        if images is not None:
            try:
                model = self.timeline.model(self.at)
            except (StoreError, ValueError) as error:
                note = f"no accuracies: {error}"
        return removal_frame(weight, model=model, layer=self.layer, images=images, note=note)


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
