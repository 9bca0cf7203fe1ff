"""One layer at one moment: what pictures are made from."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from surfeit.core import Split, StoreError
from surfeit.data import Dataset
from surfeit.similarity import normalised
from surfeit.viewer.frames.can_go import can_go_words
from surfeit.viewer.frames.outputs import sampled_outputs
from surfeit.viewer.frames.removal import Measuring, RemovalFrame, removal_frame
from surfeit.viewer.frames.spectrum import SpectrumFrame, spectrum_frame
from surfeit.viewer.frames.units import Units, note_of, units_of
from surfeit.viewer.timelines.networks import objective_of
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

    def units(self, source: str, examples: Split | None) -> tuple[Units, str | None]:
        """The units and what is to be known of them.

        Args:
            source: "weights" or "outputs".
            examples: for outputs.

        Raises:
            ValueError: if a weight is not finite, or the network cannot be followed.
            StoreError: if the snapshot is damaged.
        """
        return self.compared(self.weights(), self.origin(), source, examples)

    @property
    def moves(self) -> bool:
        """Whether the training shown has more than one snapshot: between two it can be measured."""
        run, _ = self.timeline.place(self.at)
        return len(run.steps()) > 1

    def origin(self) -> Origin:
        """The directions that training began with; unknown of a run with a single snapshot."""
        if not self.moves:
            return Origin(None, "movement is unknown: the run has a single snapshot")
        try:
            initial = self.timeline.initial(self.layer, self.at)
            return Origin(None if initial is None else normalised(initial.float()), None)
        except (StoreError, ValueError) as error:
            return Origin(None, f"movement is unknown: {error}")

    def compared(
        self, weights: Weights, origin: Origin, source: str, examples: Split | None
    ) -> tuple[Units, str | None]:
        """As `units`, of weights and a beginning that were read already."""
        outputs, note = None, origin.note
        if source == "outputs":
            assert examples is not None, "outputs need examples"
            network = self.timeline.network(self.at, examples)
            outputs, said = sampled_outputs(network, self.layer, examples)
            note = ". ".join(filter(None, (note, said))) or None
        weight, mask = weights
        kept = None if mask is None else self.timeline.layer(self.layer).kept_shares(mask)
        return units_of(weight, origin=origin.directions, kept=kept, outputs=outputs), note

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
                run, _ = self.timeline.place(self.at)
                measuring = Measuring(
                    self.timeline.network(self.at, examples),
                    examples if measured else None,
                    objective_of(run, examples),
                )
            except (StoreError, ValueError) as error:
                note = f"removals are not measured: {error}"
        return removal_frame(weight, layer=self.layer, measuring=measuring, note=note)

    def can_go(self, dataset: Dataset) -> str | None:
        """How many of the layer's units can go, in words, or None: see `can_go_words`.

        Args:
            dataset: what the network was trained on.

        Raises:
            ValueError: if the network cannot be followed, or its units cannot be removed.
            StoreError: if it cannot be read.
        """
        run, _ = self.timeline.place(self.at)
        network = self.timeline.network(self.at, dataset.validation)
        return can_go_words(network, self.layer, dataset, objective_of(run, dataset.validation))


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
