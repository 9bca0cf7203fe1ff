"""All pictures of some layers of one timeline in one run of bytes, for a page without a server."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from surfeit.core import Split, StoreError
from surfeit.data import Dataset
from surfeit.store import evenly
from surfeit.viewer.bundles.film import Scale, drift_of, film, scale_of
from surfeit.viewer.bundles.private import without_folders
from surfeit.viewer.bundles.reel import Reel, Shot, ahead
from surfeit.viewer.bundles.series import series
from surfeit.viewer.frames.graph import default_links
from surfeit.viewer.frames.places import Place
from surfeit.viewer.timelines.describing import described, packed_learning
from surfeit.viewer.timelines.library import some_examples
from surfeit.viewer.timelines.timeline import Timeline
from surfeit.viewer.wire import encode

FORMAT = "surfeit-bundle"
VERSION = 1
WITHOUT_DATA = "this page holds no data to run the network on: open the run with `surfeit view`"

MOST_SNAPSHOTS = 201
"""How many moments a page holds unless more are asked for: 200 steps from the first to the last."""

FILM_ARRAYS = ("gaps", "changes", "gap_ends", "entries", "entered", "entry_ends", "floor")

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
) -> bytes:
    """The graphs of some layers over time, with metrics, spectra and removal orders.

    Graphs are written as `surfeit.viewer.bundles.film` does. Spectra and removal orders are those
    of up to 10 moments, evenly spaced, as 0.3 seconds allow, the last one always; what removals
    cost is of the last one. A moment that cannot be read is left out, and the page says why.

    Args:
        timeline: a run or tickets.
        layers: dotted names, at least one.
        source: "weights", or "outputs", which need the data.
        merged: another timeline whose units of the same layers are added.
        links: how many links of each moment are complete; `default_links` if not given.
        dataset: what the network was trained on, for what removals cost and for outputs.
        snapshots: how many moments there are at most, as `chosen_moments` takes them; None for all.

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
    for layer in layers:
        reel = Reel(timeline, layer, source=source, merged=merged, examples=examples)
        about = {
            "layer": layer,
            "source": source,
            "merged": None if merged is None else merged.id,
        }
        there = made.add_film(reel, moments, links, about)
        made.add_charts([Place(timeline, layer, at) for at in there], examples)
    beside = None
    if merged is not None:
        used = {merged.moment_beside(timeline, moment) for moment in moments}
        beside = made.about(merged, layers, examples, used)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "timeline": made.about(timeline, layers, examples, moments),
        "merged": beside,
        "films": made.films,
        "charts": made.charts,
    }
    if (thinned := thinned_words(timeline, moments)) is not None:
        header["thinned"] = thinned
    return encode(header, {**made.arrays, "learning": _bytes(packed_learning(timeline.learning()))})


@dataclass
class _Made:
    """What was made so far. No sentence in it names one of the folders."""

    folders: Sequence[Path]
    films: list[dict[str, Any]] = field(default_factory=list)
    charts: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def add_film(
        self, reel: Reel, at: Sequence[int], links: int | None, about: dict[str, Any]
    ) -> list[int]:
        """Films a layer; returns the moments that could be read."""
        problems: dict[int, str] = {}
        shots: list[Shot] = []
        samples = [found for found in reel.shots(_samples(at)) if isinstance(found, Shot)]
        if not samples:  # all of them are damaged: look at the others
            samples = [found for found in reel.shots(at) if isinstance(found, Shot)][:1]
        if not samples:
            raise StoreError(next(str(found) for found in reel.shots(at[-1:])))
        units = len(samples[0].values["norm"])
        most = default_links(units) if links is None else links
        scale = _scale(samples, at, most)

        def products() -> Iterator[np.ndarray]:
            for moment, found in zip(at, reel.shots(at), strict=True):
                if isinstance(found, str):
                    problems[moment] = without_folders(found, self.folders)
                    continue
                shots.append(_without_products(found))
                yield found.products

        written = film(products(), scale, most)
        self.films.append(
            {
                **about,
                "units": units,
                "own": shots[0].own,
                "at": [shot.at for shot in shots],
                "notes": [shot.note and without_folders(shot.note, self.folders) for shot in shots],
                "problems": problems,
                "lowest": written.lowest,
                "step": written.step,
                "error": written.error,
                "series": self._add_series(shots),
            }
        )
        for name in FILM_ARRAYS:
            self._add(f"film_{len(self.films) - 1}_{name}", getattr(written, name))
        return [shot.at for shot in shots]

    def _add_series(self, shots: Sequence[Shot]) -> dict[str, dict[str, float]]:
        """Adds what is known of each unit; returns the ranges that its levels stand for."""
        ranges = {}
        for name in shots[0].values:
            found = series(np.stack([shot.values[name] for shot in shots]))
            ranges[name] = {"low": found.low, "high": found.high}
            self._add(f"film_{len(self.films)}_{name}", found.changes)
        return ranges

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
                self._add(f"chart_{len(self.charts)}", _bytes(data))
                self.charts.append({"kind": kind, "layer": place.layer, "at": place.at})

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
        return found | {
            "layers": [layer for layer in found["layers"] if layer["name"] in layers],
            "moments": [moment for moment in found["moments"] if moment["at"] in kept],
            "note": found["note"] and without_folders(found["note"], self.folders),
        }

    def _add(self, name: str, values: np.ndarray) -> None:
        self.arrays[name] = values


def chosen_moments(timeline: Timeline, most: int | None = MOST_SNAPSHOTS) -> list[int]:
    """Moments of a timeline at even distances, the first and the last included; None for all.

    Raises:
        ValueError: if fewer than 2 are asked for.
    """
    there = timeline.steps()
    return there if most is None else evenly(there, most=most)


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


def _scale(samples: Sequence[Shot], at: Sequence[int], links: int) -> Scale:
    """The levels for all moments, from a few and from how much they differ from the next."""
    drifts = [
        drift_of(one.products, other.products, links)
        for one, other in pairwise(samples)
        if at.index(other.at) == at.index(one.at) + 1
    ]
    products = [sample.products for sample in samples]
    drift = sum(drifts) / max(len(drifts), 1)
    return scale_of(products, links, moments=len(at), drift=drift)


def _without_products(shot: Shot) -> Shot:
    """What is kept of a moment until all are filmed; the products of all would fill the memory."""
    return Shot(at=shot.at, own=shot.own, values=shot.values, note=shot.note, products=np.empty(0))


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
