"""Every picture that can be asked for, as bytes: for the server, the export and the notebook."""

import json
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from surfeit.core import SurfeitError, unknown
from surfeit.viewer.cache import Cache
from surfeit.viewer.describing import described
from surfeit.viewer.graph_frame import graph_frame
from surfeit.viewer.library import Library
from surfeit.viewer.outputs import unit_outputs
from surfeit.viewer.removal_frame import removal_frame
from surfeit.viewer.spectrum_frame import spectrum_frame
from surfeit.viewer.timelines import Timeline
from surfeit.viewer.units import Units, units_of
from surfeit.viewer.wire import encode

SEMANTICS = 1
"""Goes up when a picture of the same weights changes, so that older ones are not shown."""

SOURCES = ("weights", "outputs")
_SILENT = {"outputs": "they answer none of the images"}


@dataclass(frozen=True)
class Query:
    """Which picture is asked for.

    Args:
        timeline: its name.
        layer: dotted name.
        source: what units are compared by: "weights" or "outputs".
        at: a moment, a step or a level; the last one if not given.
        merged: another timeline whose units of the same layer are added.
        links: the most links to carry.

    Raises:
        ValueError: if the source is neither.
    """

    timeline: str
    layer: str
    source: Literal["weights", "outputs"] = "weights"
    at: int | None = None
    merged: str | None = None
    links: int | None = None

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise unknown("source of similarity", self.source, SOURCES)


class Pictures:
    """Computes pictures, or takes them from the cache. May be called from several threads.

    What is wrong with a run raises a `StoreError`, what is wrong with a question a `ValueError`
    (an `UnknownTimelineError` where there is no such run), each with a sentence for the user.

    Args:
        library: what can be opened.
        cache: where pictures are kept.
    """

    def __init__(self, library: Library, cache: Cache) -> None:
        self.library = library
        self._cache = cache

    def catalog(self) -> dict[str, Any]:
        """Everything that can be opened, as JSON values.

        Whether data are there is only said as far as that is known without loading them.
        """
        found, problems = [], []
        for timeline in self.library.reload():
            try:
                found.append(described(timeline, self.library.without_data(timeline)))
            except (SurfeitError, ValueError, OSError) as error:
                problems.append(f"{timeline.name} ({timeline.id[:12]}): {error}")
        return {"timelines": found, "problems": [*self.library.problems, *problems]}

    def timeline(self, identifier: str) -> dict[str, Any]:
        """One timeline as it is now, as JSON values; loads its data to say if they are there."""
        timeline = self.library.get(identifier)
        return described(timeline, self.library.without_data(timeline, load=True))

    def graph(self, query: Query) -> bytes:
        """The graph of one layer at one moment, or of two runs' layers merged."""
        timelines = [self._resolved(query)]
        if query.merged is not None:
            timelines.append(self._other(query, timelines[0].at))
        name = self._name("graph", timelines, query.source, query.links)
        return self._cache.get(name, lambda: self._graph(timelines, query))

    def spectrum(self, query: Query) -> bytes:
        """The eigenvalues of one layer at one moment, and their noise."""
        place = self._resolved(query)
        return self._cache.get(
            self._name("spectrum", [place]), lambda: spectrum_frame(place.weights()[0]).packed()
        )

    def removal(self, query: Query) -> bytes:
        """Removal orders of one layer at one moment and, with data, accuracies."""
        place = self._resolved(query)
        note = self._obstacle(place)
        # Data that are missing now may be there later.
        name = self._name("removal", [place], note is None)
        return self._cache.get(name, lambda: self._removal(place, note))

    def learning(self, identifier: str) -> bytes:
        """The metrics of a timeline so far."""
        found = self.library.get(identifier).learning()
        names = list(found.columns)
        arrays = {"at": np.asarray(found.at, np.float64)}
        arrays |= {
            f"column_{place}": np.asarray(found.columns[name], np.float64)
            for place, name in enumerate(names)
        }
        return encode({"columns": names}, arrays)

    def _resolved(self, query: Query) -> "_Place":
        timeline = self.library.get(query.timeline)
        timeline.layer(query.layer)
        return _Place(timeline, timeline.moment(query.at), query.layer)

    def _other(self, query: Query, at: int) -> "_Place":
        """The merged timeline's place: the last of its moments that is not later."""
        assert query.merged is not None
        timeline = self.library.get(query.merged)
        timeline.layer(query.layer)
        return _Place(timeline, timeline.moment_until(at), query.layer)

    def _name(self, kind: str, places: list["_Place"], *options: object) -> str:
        stamps = [[place.timeline.stamp(place.at), place.layer] for place in places]
        return json.dumps([SEMANTICS, kind, stamps, options])

    def _graph(self, places: list["_Place"], query: Query) -> bytes:
        found = [self._units(place, query.source) for place in places]
        units, notes = found[0]
        own = len(units)
        for other, note in found[1:]:
            units, notes = units.beside(other), notes or note
        frame = graph_frame(units, own=own, links=query.links, silent=_SILENT.get(query.source))
        if notes:
            frame = replace(frame, note=". ".join(filter(None, (frame.note, notes))))
        return frame.packed()

    def _units(self, place: "_Place", source: str) -> tuple[Units, str | None]:
        weight, mask = place.weights()
        rows, note = None, None
        if source == "outputs":
            images = self.library.images(place.timeline, place.at)
            rows, note = unit_outputs(place.timeline.model(place.at), place.layer, images)
        initial = place.timeline.initial(place.layer, place.at)
        return units_of(weight, initial=initial, mask=mask, rows=rows), note

    def _obstacle(self, place: "_Place") -> str | None:
        """Why there are no accuracies, if there are none."""
        try:
            self.library.images(place.timeline, place.at)
        except ValueError as error:
            return f"no accuracies: {error}"
        return None

    def _removal(self, place: "_Place", note: str | None) -> bytes:
        weight, model, images = place.weights()[0], None, None
        if note is None:
            images = self.library.images(place.timeline, place.at)
            try:
                model = place.timeline.model(place.at)
            except ValueError as error:
                note = f"no accuracies: {error}"
        return removal_frame(
            weight, model=model, layer=place.layer, images=images, note=note
        ).packed()


@dataclass(frozen=True)
class _Place:
    """One layer at one moment."""

    timeline: Timeline
    at: int
    layer: str

    def weights(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        return self.timeline.weights(self.layer, self.at)
