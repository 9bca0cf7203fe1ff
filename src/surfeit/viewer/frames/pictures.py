"""Every picture that can be asked for, as bytes: for the server, the export and the notebook."""

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from surfeit.core import DataError, Split, StoreError, SurfeitError
from surfeit.viewer.frames.active import ActiveUnits, measured_at
from surfeit.viewer.frames.activity import example_pictures
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.can_go import Answer
from surfeit.viewer.frames.course import course_frame
from surfeit.viewer.frames.embedding import WITHOUT_UMAP, has_umap
from surfeit.viewer.frames.graph import graph_frame
from surfeit.viewer.frames.maps import map_frame
from surfeit.viewer.frames.matrix import matrix_frame
from surfeit.viewer.frames.places import Place, joined
from surfeit.viewer.frames.plane import plane_frame
from surfeit.viewer.frames.query import Query
from surfeit.viewer.frames.scales import scales_frame
from surfeit.viewer.frames.trial import units_in
from surfeit.viewer.frames.units import Units
from surfeit.viewer.timelines.describing import described, packed_learning
from surfeit.viewer.timelines.library import Library
from surfeit.viewer.timelines.replicates import band_of
from surfeit.viewer.timelines.rows import Row, packed_rows
from surfeit.viewer.timelines.timeline import Learning, Timeline, chosen_moments

SEMANTICS = 11
"""Goes up when a picture of the same weights changes, so that older ones are not shown."""

# Of these a catalog tells everything: a page opens one of the first, as a rule.
_MOST_WHOLE, _MOST_MOMENTS = 20, 2_000


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
        self._active: dict[str, ActiveUnits] = {}
        self._lock = threading.Lock()

    def catalog(self) -> dict[str, Any]:
        """Everything that can be opened, as JSON values.

        The first 20 timelines are described with all their moments, as long as these are not more
        than 2,000 together; of the others there are `surfeit.viewer.timelines.rows`, and `timeline`
        tells more. Whether data are there is only said as far as that is known without loading
        them.
        """
        rows = self.library.rows()
        first = _first(rows)
        found, problems = [], []
        for row in rows[:first]:
            try:
                found.append(self.timeline(row.id, load=False))
            except (SurfeitError, ValueError, OSError) as error:
                problems.append(f"{row.name} ({row.id[:12]}): {error}")
        return {
            "timelines": found,
            "rows": packed_rows(rows[first:]),
            "problems": [*self.library.problems, *problems],
            "withoutLayouts": {} if has_umap() else {"umap": WITHOUT_UMAP},
        }

    def timeline(self, identifier: str, *, load: bool = True) -> dict[str, Any]:
        """One timeline as it is now, as JSON values.

        Args:
            identifier: its name.
            load: whether to load its data to say if they are there, which may take seconds.
        """
        timeline = self.library.get(identifier)
        about = {"about": timeline.about().described(), "settings": timeline.settings()}
        return described(timeline, self.library.without_data(timeline, load=load)) | about

    def graph(self, query: Query) -> bytes:
        """The graph of one layer at one moment, or of two runs' layers merged."""
        return self._compared("graph", query, _graph)

    def matrix(self, query: Query) -> bytes:
        """All inner products of one layer's units at one moment, or of two runs' merged."""
        return self._compared("matrix", query, _matrix)

    def _compared(self, kind: str, query: Query, draw: "Draw") -> bytes:
        """What is drawn of units that are compared."""
        places = [self._resolved(query)]
        if query.merged is not None:
            places.append(self._other(query, places[0]))
        sample = None
        if query.source == "outputs":  # answers to other examples could not be compared
            sample = self.library.sample(places[0].timeline, places[0].at)
        # Another snapshot makes the first one a start, and other units silent.
        moves = [place.moves for place in places]
        actives, measured = [ActiveUnits(None)] * len(places), None
        if query.source == "updates":
            actives, measured = zip(*(self._active_units(place) for place in places), strict=True)
        name = self._name(
            kind,
            places,
            query.source,
            sample and sample.digest,
            moves,
            *filter(None, [measured]),
        )
        split = sample and sample.split
        return self._cache.get(name, lambda: draw(*_units(places, split, query.source, actives)))

    def spectrum(self, query: Query) -> bytes:
        """The eigenvalues of one layer at one moment, and their noise."""
        place = self._resolved(query)
        return self._cache.get(self._name("spectrum", [place]), lambda: place.spectrum().packed())

    def removal(self, query: Query) -> bytes:
        """Removal orders of one layer at one moment and, with data, what removals cost.

        At the last moment of a training, and so at each level of tickets, it says how many units
        can go, too.
        """
        place, sample, note = self._resolved(query), None, None
        try:
            sample = self.library.sample(place.timeline, place.at)
        except ValueError as error:
            note = f"removals are not measured: {error}"
        run, step = place.timeline.place(place.at)
        last = step == run.steps()[-1]
        name = self._name("removal", [place], sample and sample.digest, note, last)
        split = sample and sample.split

        def frame() -> bytes:
            found = place.removal(split, note)
            answered = last and found.examples > 0
            return replace(found, answer=self._can_go(place) if answered else None).packed()

        return self._cache.get(name, frame)

    def _can_go(self, place: Place) -> Answer | None:
        """How many units can go; None where the data or the network do not say."""
        with suppress(ValueError, DataError, StoreError):
            dataset = self.library.dataset(place.timeline, place.at)
            return place.can_go(dataset)
        return None

    def trial(self, query: Query, units: str) -> dict[str, Any]:
        """What the network is worth without some units of the layer, as JSON values.

        Args:
            query: its source is of no account. With a merged timeline the units are that one's, and
                the moment is the one shown beside the query's.
            units: such as "3,17-20".

        Raises:
            ValueError: as there, or if the data are not there, or the units no list of the layer's.
        """
        place, selection = self._own(query), units_in(units)
        sample = self.library.sample(place.timeline, place.at)
        name = self._name("trial", [place], sample.digest, selection.tolist())
        answer = self._cache.get(
            name, lambda: json.dumps(place.trial(selection, sample.split)).encode()
        )
        return json.loads(answer)

    def activity(self, query: Query) -> bytes:
        """What drives the units of one layer at one moment: examples, and classes.

        With a merged timeline they are that one's units, at the moment shown beside the query's.

        Raises:
            ValueError: as there, or if the data are not there.
        """
        place = self._own(query)
        sample = self.library.sample(place.timeline, place.at)
        name = self._name("activity", [place], sample.digest)
        return self._cache.get(name, lambda: place.activity(sample.split).packed())

    def examples(self, identifier: str) -> bytes:
        """The pictures of the examples that `activity` names.

        Raises:
            ValueError: if the data are not there.
        """
        timeline = self.library.get(identifier)
        return example_pictures(self.library.sample(timeline, timeline.moment()).split)

    def weight_pictures(self, query: Query) -> bytes:
        """The weight vectors of one layer at one moment as pictures, beside what training added.

        With a merged timeline they are that one's, at the moment shown beside the query's.

        Raises:
            ValueError: if the data are not there: without them nobody knows what reads an image.
        """
        place = self._own(query)
        sample = self.library.sample(place.timeline, place.at)
        name = self._name("weight pictures", [place], sample.digest, place.moves)
        return self._cache.get(name, lambda: place.weight_pictures(sample.split).packed())

    def pictured(self, query: Query) -> dict[str, Any]:
        """Whether weight vectors of a layer are pictures: why they are not, or None, as `why`.

        The query's source and moment are of no account.
        """
        place = self._resolved(replace(query, at=None))
        try:
            sample = self.library.sample(place.timeline, place.at)
            return {"why": place.why_no_pictures(sample.split)}
        except (StoreError, ValueError) as error:
            return {"why": str(error)}

    def course(self, query: Query) -> bytes:
        """Groups of one layer over its moments, up to 201 of them.

        The query's source and moment are of no account.
        """
        places, at, stamps = self._whole(query)
        timeline, merged = places[0].timeline, _second(places)
        actives, silent = zip(*(self._active_units(place) for place in places), strict=True)
        steps = timeline.steps()
        measured = sorted({measured_at(timeline, moment, steps) for moment in at})
        held = [active.held() for active in actives]
        name = self._name("course", places, stamps, silent, measured)
        return self._cache.get(
            name,
            lambda: course_frame(timeline, query.layer, at, held, merged=merged).packed(),
        )

    def plane(self, query: Query) -> bytes:
        """Units of one layer by their principal components, at up to 201 moments.

        The query's moment is of no account.
        """
        places, at, stamps = self._whole(query)
        timeline, merged = places[0].timeline, _second(places)
        return self._cache.get(
            self._name("plane", places, stamps, query.source),
            lambda: plane_frame(timeline, query.layer, at, query.source, merged=merged).packed(),
        )

    def map(self, query: Query, method: str) -> bytes:
        """Units of one layer on a map of who is next to whom, at up to 201 moments.

        The query's moment is of no account.

        Args:
            query: layer, likeness and run.
            method: "tsne" or "umap".

        Raises:
            ValueError: as there, if there are too many units, or UMAP is not installed.
        """
        places, at, stamps = self._whole(query)
        timeline, merged = places[0].timeline, _second(places)
        actives, depends = [ActiveUnits(None)] * len(places), None
        examples = None
        if query.source == "updates":
            found, silent = zip(*(self._active_units(place) for place in places), strict=True)
            steps = timeline.steps()
            measured = sorted({measured_at(timeline, moment, steps) for moment in at})
            actives, depends = [active.held() for active in found], [silent, measured]
        elif query.source == "outputs":
            sample = self.library.sample(timeline, places[0].at)
            examples, depends = sample.split, sample.digest
        name = self._name(method, places, stamps, query.source, depends)
        return self._cache.get(
            name,
            lambda: map_frame(
                timeline,
                query.layer,
                at,
                query.source,
                method,
                active=actives,
                examples=examples,
                merged=merged,
            ).packed(),
        )

    def scales(self, query: Query) -> bytes:
        """What sizes and colours of one layer are drawn to, from up to 201 of its moments.

        The query's source and moment are of no account.
        """
        places, at, stamps = self._whole(query)
        timeline, merged = places[0].timeline, _second(places)
        return self._cache.get(
            self._name("scales", places, stamps),
            lambda: scales_frame(timeline, query.layer, at, merged=merged).packed(),
        )

    def learning(self, identifier: str) -> bytes:
        """The metrics of a timeline so far, and between what those of its replicates lie."""
        timeline = self.library.get(identifier)
        others: list[Learning] = []
        for other in self.library.replicates(timeline):
            with suppress(StoreError):
                others.append(other.learning())
        own = timeline.learning()
        return packed_learning(own, band_of(own, others))

    def _resolved(self, query: Query) -> Place:
        timeline = self.library.get(query.timeline)
        timeline.layer(query.layer)
        return Place(timeline, query.layer, timeline.moment(query.at))

    def _own(self, query: Query) -> Place:
        """The place whose units are meant: of the query, or of the run that it names beside it."""
        place = self._resolved(query)
        return place if query.merged is None else self._other(query, place)

    def _other(self, query: Query, first: Place) -> Place:
        """The merged timeline's place."""
        assert query.merged is not None
        timeline = self.library.get(query.merged)
        timeline.layer(query.layer)
        return Place(timeline, query.layer, timeline.moment_beside(first.timeline, first.at))

    def _whole(self, query: Query) -> tuple[list[Place], list[int], list[str]]:
        """The last place of one timeline or two, moments of the first, and the stamps of all."""
        query = replace(query, at=None)
        places = [self._resolved(query)]
        if query.merged is not None:
            places.append(self._other(query, places[0]))
        first = places[0].timeline
        at = chosen_moments(first)
        shown = [place.timeline for place in places]
        stamps = [one.stamp(one.moment_beside(first, moment)) for moment in at for one in shown]
        return places, at, stamps

    def _active_units(self, place: Place) -> tuple[ActiveUnits, list[str]]:
        """What measures which units are active, and all that the answer depends on."""
        try:
            sample = self.library.sample(place.timeline, place.at)
        except ValueError as error:
            return ActiveUnits(None, str(error)), [str(error)]
        with self._lock:
            active = self._active.setdefault(sample.digest, ActiveUnits(sample.split))
        moment = measured_at(place.timeline, place.at)
        return active, [sample.digest, place.timeline.stamp(moment)]

    def _name(self, kind: str, places: Sequence[Place], *options: object) -> str:
        stamps = [[place.timeline.stamp(place.at), place.layer] for place in places]
        return json.dumps([SEMANTICS, kind, stamps, options])


def _second(places: Sequence[Place]) -> Timeline | None:
    return places[1].timeline if len(places) > 1 else None


def _first(rows: Sequence[Row]) -> int:
    """How many of the rows are described whole."""
    together = 0
    for place, row in enumerate(rows[:_MOST_WHOLE]):
        together += row.moments
        if together > _MOST_MOMENTS:
            return place
    return min(len(rows), _MOST_WHOLE)


Joined = tuple[Units, int, str | None]
Draw = Callable[[Units, int, str | None], bytes]


def _units(
    places: Sequence[Place], examples: Split | None, source: str, actives: Sequence[ActiveUnits]
) -> Joined:
    """The units of one place or two, how many are the first's, and a note."""
    found = [
        place.units(source, examples, active) for place, active in zip(places, actives, strict=True)
    ]
    return joined(found, source)


def _graph(units: Units, own: int, note: str | None) -> bytes:
    return graph_frame(units, own=own, note=note).packed()


def _matrix(units: Units, own: int, note: str | None) -> bytes:
    return matrix_frame(units, own=own, note=note)
