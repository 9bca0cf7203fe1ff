"""All pictures of some layers of one timeline in one run of bytes, for a page without a server."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from surfeit.core import Split, StoreError
from surfeit.data import Dataset
from surfeit.viewer.bundles.film import Film, Filming, Scale, drift_of, scale_of
from surfeit.viewer.bundles.layouts import layout_packs
from surfeit.viewer.bundles.pictured import pictured
from surfeit.viewer.bundles.private import without_folders
from surfeit.viewer.bundles.reel import Reel, Shot, Take, ahead
from surfeit.viewer.bundles.series import series
from surfeit.viewer.frames.active import ActiveUnits
from surfeit.viewer.frames.course import Answering, CourseFrame, course_frame, course_of
from surfeit.viewer.frames.graph import LAYOUT_NEIGHBOURS, default_links
from surfeit.viewer.frames.moments import VALUES, Read, begins
from surfeit.viewer.frames.places import Place
from surfeit.viewer.frames.quantised import limit_of
from surfeit.viewer.timelines.describing import described, packed_learning
from surfeit.viewer.timelines.library import some_examples
from surfeit.viewer.timelines.timeline import MOST_SNAPSHOTS, Timeline, chosen_moments
from surfeit.viewer.wire import encode

FORMAT = "surfeit-bundle"
VERSION = 1
WITHOUT_DATA = "this page holds no data to run the network on: open the run with `surfeit view`"
WITHOUT_UPDATES = "this page does not hold what training added: `surfeit view` shows all"

FILM_ARRAYS = ("gaps", "changes", "gap_ends", "entries", "entered", "entry_ends", "floor")

# Of updates few pairs pass their level, and the layout rests on each unit's nearest.
_UPDATES_SHARE = 4

# Directions of all moments that are kept for their division, instead of being read again: 128 MiB.
_KEPT_NUMBERS = 2**25

# What the charts of one layer may take, by the estimates below, in seconds of one core; and how
# many moments have some at most: those of small layers would soon outweigh their graphs.
_CHART_SECONDS = 0.3
_MOST_CHARTS = 10


def bundle(
    timeline: Timeline,
    layers: Sequence[str],
    *,
    source: str = "weights",
    merged: Timeline | None = None,
    links: int | None = None,
    dataset: Dataset | None = None,
    snapshots: int | None = MOST_SNAPSHOTS,
    link: float | None = None,
    maps: bool = False,
) -> bytes:
    """The graphs of some layers over time, with metrics, spectra and removal orders.

    Graphs are written as `surfeit.viewer.bundles.film` does, once by weight vectors and, where it
    is known what training began with, once by what it added. With them goes the course of each
    layer, `surfeit.viewer.frames.course`, and what other layouts need,
    `surfeit.viewer.bundles.layouts`. Spectra and removal orders are those
    of up to 10 moments, evenly spaced, as 0.3 seconds allow, the last one always; what removals
    cost is of the last one. With data, pictures of the units' weights go with them, of moments that
    `surfeit.viewer.bundles.pictured` chooses. A moment that cannot be read is left out, and the
    page says why.

    Args:
        timeline: a run or tickets.
        layers: dotted names, at least one.
        source: "weights", or "outputs", which need the data.
        merged: another timeline whose units of the same layers are added.
        links: how many links of each moment are complete; `default_links` if not given.
        dataset: what the network was trained on, for what removals cost and for outputs.
        snapshots: how many moments there are at most, as `chosen_moments` takes them; None for all.
        link: the inner product from which weight vectors are joined; what chance does not reach if
            not given.
        maps: whether to carry t-SNE maps and larger matrices too, as `layout_packs` says.

    Returns:
        bytes as `surfeit.viewer.wire` describes; `web/src/data/bundle.ts` reads them.

    Raises:
        ValueError: if there is no such layer, two cannot be merged, outputs are asked for without
            data, or snapshots are fewer than 2.
        StoreError: if there is no moment that can be read, or the metrics are damaged.

    Cost: 512 units over 100 moments with 20,000 links: 0.7 s of one core with 64 inputs, 1.5 s with
    784, shared by all cores; as base64 of gzip 0.4 to 0.6 MB, from calm trainings to wild ones.
    """
    if source == "outputs" and dataset is None:
        raise ValueError("unit outputs need the data that the network was trained on: give them")
    examples = None if dataset is None else some_examples(dataset)
    timeline.moment()  # says so if there are none
    moments = chosen_moments(timeline, snapshots)
    for layer in layers:
        timeline.layer(layer)
    folders = _folders(timeline) + ([] if merged is None else _folders(merged))
    made = _Made(folders)
    active = ActiveUnits(examples, WITHOUT_DATA).held()
    shown = list(filter(None, (timeline, merged)))
    for layer in layers:
        sources = [source]
        if source == "weights" and all(begins(one, layer, moments[-1]) for one in shown):
            sources.append("updates")
        reel = Reel(timeline, layer, sources=sources, merged=merged, active=active, link=link)
        about = {"layer": layer, "merged": None if merged is None else merged.id}
        shots = made.add_films(reel, moments, links, about)
        there = [shot.at for shot in shots]
        actives = [active] * len(shown)
        answering = Answering(shown, layer, actives)
        course = _course(shots, layer, sources[-1], answering)
        if course is None:  # too large to be kept: they are read again, the last moment first
            course = course_frame(timeline, layer, there, actives, merged=merged)
        made.add_course(layer, course)
        for about, pack in layout_packs(shown, layer, there, sources, active=active, maps=maps):
            made.add_chart(about, pack)
        places = [Place(timeline, layer, at) for at in there]
        made.add_charts(places, examples)
        if examples is not None:
            made.add_pictures(places, examples)
    beside = None
    if merged is not None:
        used = {merged.moment_beside(timeline, moment) for moment in moments}
        beside = made.about(merged, layers, examples, used)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "timeline": made.about(timeline, layers, examples, moments),
        "merged": beside,
        "films": made.numbered(),
        "charts": made.charts,
    }
    if (thinned := thinned_words(timeline, moments)) is not None:
        header["thinned"] = thinned
    return encode(header, {**made.arrays, "learning": _bytes(packed_learning(timeline.learning()))})


@dataclass
class _Made:
    """What was made so far. No sentence in it names one of the folders."""

    folders: Sequence[Path]
    films: list[tuple[dict[str, Any], dict[str, np.ndarray]]] = field(default_factory=list)
    charts: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def add_films(
        self, reel: Reel, at: Sequence[int], links: int | None, about: dict[str, Any]
    ) -> list[Shot]:
        """Films a layer, once for each likeness; returns the moments that could be read.

        These have no products any more, and rows only where those of all moments are not too many.
        """
        problems: dict[int, str] = {}
        shots: list[Shot] = []
        samples = [found for found in reel.shots(_samples(at)) if isinstance(found, Shot)]
        if not samples:  # all of them are damaged: look at the others
            samples = [found for found in reel.shots(at) if isinstance(found, Shot)][:1]
        if not samples:
            raise StoreError(next(str(found) for found in reel.shots(at[-1:])))
        units = len(samples[0].values["norm"])
        filming = {}
        for source in samples[0].takes:
            most = default_links(units) if links is None else links
            if source == "updates":
                most = -(-most // _UPDATES_SHARE)
            scale = _scale(samples, source, at, most)
            filming[source] = Filming(scale, most, neighbours=LAYOUT_NEIGHBOURS)
        for moment, found in zip(at, reel.shots(at), strict=True):
            if isinstance(found, str):
                problems[moment] = without_folders(found, self.folders)
                continue
            for source, take in found.takes.items():
                filming[source].add(take.products, take.level)
            shots.append(_without_products(found, rows=len(at) <= _most_kept(found)))
        arrays, ranges = _series(shots)
        about |= {
            "units": units,
            "own": shots[0].own,
            "at": [shot.at for shot in shots],
            "problems": problems,
            "near": min(LAYOUT_NEIGHBOURS, units - 1),
        }
        for source, one in filming.items():
            takes = [shot.takes[source] for shot in shots]
            self._keep(one.film(), takes, about | {"source": source, "series": ranges}, arrays)
            arrays, ranges = {}, {}  # of the same units: they are in the first film
        return shots

    def _keep(
        self,
        written: Film,
        takes: Sequence[Take],
        about: dict[str, Any],
        arrays: dict[str, np.ndarray],
    ) -> None:
        said = [take.note and without_folders(take.note, self.folders) for take in takes]
        levels = [take.level for take in takes]
        about |= {
            "notes": said,
            "lowest": written.lowest,
            "step": written.step,
            "error": written.error,
            "level": levels,
            "mean": [take.mean for take in takes],
            "level_apart": [None if level is None else limit_of(level) for level in levels],
        }
        self.films.append((about, arrays | {name: getattr(written, name) for name in FILM_ARRAYS}))

    def numbered(self) -> list[dict[str, Any]]:
        """Adds the films' arrays, those of weights first; returns what is said of each film."""
        ordered = sorted(self.films, key=lambda film: film[0]["source"] == "updates")
        for number, (_, arrays) in enumerate(ordered):
            for name, values in arrays.items():
                self._add(f"film_{number}_{name}", values)
        return [about for about, _ in ordered]

    def add_charts(self, places: Sequence[Place], examples: Split | None) -> None:
        """Adds spectra and removal orders of some of the places."""
        chosen = _chosen(places)

        def packs(place: Place) -> dict[str, bytes]:
            last = place is chosen[-1]
            note = None
            if examples is None:
                note = f"removals are not measured: {WITHOUT_DATA}"
            elif not last:
                axis = place.timeline.axis
                note = f"removals are measured at {axis} {chosen[-1].at} alone"
            removal = place.removal(examples, note, measured=last)
            said = removal.note and without_folders(removal.note, self.folders)
            return {
                "spectrum": place.spectrum().packed(),
                "removal": replace(removal, note=said).packed(),
            }

        for place, found in zip(chosen, ahead(packs, chosen), strict=True):
            for kind, data in found.items():
                self.add_chart({"kind": kind, "layer": place.layer, "at": place.at}, data)

    def add_pictures(self, places: Sequence[Place], examples: Split) -> None:
        """Adds pictures of the units' weights at the last place and, of small layers, at others."""
        for place, found in pictured(places, examples):
            said = found.why and without_folders(found.why, self.folders)
            about = {"kind": "pictures", "layer": place.layer, "at": place.at}
            self.add_chart(about, replace(found, why=said).packed())

    def add_course(self, layer: str, course: CourseFrame) -> None:
        """Adds the groups of a layer's units over time."""
        said = course.note and without_folders(course.note, self.folders)
        about = {"kind": "course", "layer": layer, "at": course.at[-1]}
        self.add_chart(about, replace(course, note=said).packed())

    def add_chart(self, about: dict[str, Any], pack: bytes) -> None:
        """Adds what is said of one picture, and its pack."""
        self._add(f"chart_{len(self.charts)}", _bytes(pack))
        self.charts.append(about)

    def about(
        self,
        timeline: Timeline,
        layers: Sequence[str],
        examples: Split | None,
        moments: Collection[int],
    ) -> dict[str, Any]:
        """What is said of a timeline and of those of its layers and moments that are here."""
        kept = set(moments)
        found = described(timeline, WITHOUT_DATA if examples is None else None)
        if "updates" not in {about["source"] for about, _ in self.films}:
            found["withoutUpdates"] = found["withoutUpdates"] or WITHOUT_UPDATES
        return found | {
            "layers": [layer for layer in found["layers"] if layer["name"] in layers],
            "moments": [moment for moment in found["moments"] if moment["at"] in kept],
            "note": found["note"] and without_folders(found["note"], self.folders),
        }

    def _add(self, name: str, values: np.ndarray) -> None:
        self.arrays[name] = values


def thinned_words(timeline: Timeline, moments: Collection[int]) -> str | None:
    """ "201 of 10,001 snapshots", or None where none is left out."""
    total = len(timeline.steps())
    return None if len(moments) == total else f"{len(moments):,} of {total:,} snapshots"


def _folders(timeline: Timeline) -> list[Path]:
    return sorted({timeline.place(at)[0].path for at in timeline.steps()})


def _samples(at: Sequence[int]) -> list[int]:
    """The first moment, two in the middle and the last two."""
    middle, last = len(at) // 2, len(at) - 1
    places = {0, middle, min(middle + 1, last), max(last - 1, 0), last}
    return [at[place] for place in sorted(places)]


def _scale(samples: Sequence[Shot], source: str, at: Sequence[int], links: int) -> Scale:
    """The levels for all moments, from a few and from how much they differ from the next."""
    takes = [sample.takes[source] for sample in samples]
    drifts = [
        drift_of(one.takes[source].products, other.takes[source].products, links)
        for one, other in pairwise(samples)
        if at.index(other.at) == at.index(one.at) + 1
    ]
    drift = sum(drifts) / max(len(drifts), 1)
    levels = {take.level for take in takes if take.level is not None}
    # One that changes from moment to moment may be anywhere in those that are not looked at yet.
    reach = max(levels) if len(levels) == 1 else 1.0 if levels else -1.0
    products = [take.products for take in takes]
    return scale_of(
        products,
        links,
        moments=len(at),
        drift=drift,
        reach=reach,
        neighbours=LAYOUT_NEIGHBOURS,
    )


def _series(
    shots: Sequence[Shot],
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, float]]]:
    """What is known of each unit over time, and the ranges that its levels stand for."""
    arrays, ranges = {}, {}
    for name in VALUES:
        found = series(np.stack([shot.values[name] for shot in shots]))
        ranges[name] = {"low": found.low, "high": found.high}
        arrays[name] = found.changes
    return arrays, ranges


def _without_products(shot: Shot, *, rows: bool) -> Shot:
    """What is kept of a moment until all are filmed; the products of all would fill the memory."""
    nothing = np.empty(0)
    takes = {
        source: replace(take, products=nothing, rows=take.rows if rows else take.rows[:0])
        for source, take in shot.takes.items()
    }
    return replace(shot, takes=takes)


def _most_kept(shot: Shot) -> int:
    """Of how many moments like this one the directions may be kept."""
    return _KEPT_NUMBERS // sum(take.rows.numel() for take in shot.takes.values())


def _course(
    shots: Sequence[Shot], layer: str, source: str, answering: Answering
) -> CourseFrame | None:
    """The groups of the units, where their directions were kept and are what is divided by."""
    takes = [shot.takes[source] for shot in shots]
    if source == "outputs" or not len(takes[0].rows):
        return None
    read = [
        Read(
            at=shot.at,
            own=shot.own,
            rows=take.rows,
            values=shot.values,
            note=take.note,
        )
        for shot, take in zip(shots, takes, strict=True)
    ]
    return course_of(reversed(read), source, layer, answering.at)


def _chosen(places: Sequence[Place]) -> list[Place]:
    """As many places as the charts' time allows, evenly spaced, with the last one."""
    shape = places[0].timeline.layer(places[0].layer)
    # Measured on one core: a decomposition of the smaller side, three removal orders.
    seconds = 5e-10 * min(shape.units, shape.inputs) ** 3 + 2e-7 * shape.units**2 + 1e-3
    count = max(1, min(len(places), _MOST_CHARTS, int(_CHART_SECONDS / seconds)))
    at = np.unique(np.linspace(len(places) - 1, 0, count).round().astype(int))
    return [places[place] for place in at]


def _bytes(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)
