"""All that can be opened: runs and ticket searches, by the names that addresses use."""

import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from surfeit.core import DataError, Split, StoreError, Streams, digest
from surfeit.data import Dataset
from surfeit.store import Index, Run, Store
from surfeit.store.summary import LayerRow
from surfeit.viewer.timelines.about import About
from surfeit.viewer.timelines.networks import Networks
from surfeit.viewer.timelines.records import LayerShape, shapes_in
from surfeit.viewer.timelines.replicates import MOST, same_but_seed, searched_together
from surfeit.viewer.timelines.rows import Row, row_in, row_of
from surfeit.viewer.timelines.run import RunTimeline
from surfeit.viewer.timelines.tickets import ticket_file, ticket_timelines
from surfeit.viewer.timelines.timeline import Timeline

DatasetOf = Callable[[Run], Dataset]
MOST_EXAMPLES = 1_000
_KEY = re.compile(r"[0-9a-f]{64}")


class UnknownTimelineError(ValueError):
    """There is no run or ticket search of this name."""


@dataclass(frozen=True)
class Sample:
    """Some examples with their targets.

    Args:
        split: on the CPU.
        digest: sha256 of all that is in it.
    """

    split: Split
    digest: str

    @classmethod
    def of(cls, split: Split) -> "Sample":
        """The sample of these examples."""
        return cls(split, digest({"inputs": split.inputs, "targets": split.targets}))


class Library:
    """The timelines that may be looked at.

    Of a whole store only the index is read, and a run when it is asked for. Nothing outside the
    store and the folders given is ever read: names from an address are looked up among what was
    found there, or are the key of a run in the store.

    Args:
        store: where runs are; with nothing given, all of them can be opened.
        given: runs, their keys or folders, folders of recorded runs, folders of ticket searches or
            their tables.
        dataset_of: gives the data a run was trained on; raises a ValueError or DataError that says
            why they are not there. Without it nothing needs data.
        model: a network that the runs' weights fit, for those that no description can build.

    Raises:
        StoreError, ValueError: if something given cannot be opened at all.
    """

    def __init__(
        self,
        store: Store,
        given: Sequence[Run | str | Path] = (),
        *,
        dataset_of: DatasetOf | None = None,
        model: nn.Module | None = None,
    ) -> None:
        self.store = store
        self._given = tuple(given)
        self._dataset_of = dataset_of
        self._lock, self._loading = threading.Lock(), threading.Lock()
        self._networks = Networks(model)
        self._samples: dict[str, Sample | str] = {}
        self._found: dict[str, Timeline] = {}
        self._names: dict[str, str] = {}
        self._places: dict[str, Path] = {}
        self._index = Index(store)
        self._opened: dict[str, tuple[tuple[int, int], Timeline]] = {}
        self.problems: list[str] = []
        self._look(strict=True)

    def rows(self) -> list[Row]:
        """Looks again for what can be opened, the oldest first; `problems` says what cannot."""
        return self._look(strict=False)

    def reload(self) -> list[Timeline]:
        """`rows`, each opened; of a large store that takes long."""
        found: list[Timeline] = []
        for row in self.rows():
            try:
                found.append(self.get(row.id))
            except StoreError as error:
                self.problems.append(str(error))
        return found

    def get(self, identifier: str) -> Timeline:
        """The timeline of this name.

        Raises:
            UnknownTimelineError: if there is none.
            StoreError: if the run's record is damaged.
        """
        found = self._found.get(identifier) if self._given else self._run(identifier)
        if found is None:
            raise UnknownTimelineError(
                f"no run {identifier[:80]!r} here: it may have been deleted; reload the page"
            )
        return found

    def replicates(self, timeline: Timeline) -> list[Timeline]:
        """The same under other seeds, of those that can be opened, up to 20, once all are done.

        Of a run those that differ in the seed alone; of tickets the search's other replicates.

        Cost: a record for each done run of the same model and data.
        """
        if timeline.status != "done":
            return []
        if timeline.axis == "level":
            others = list(searched_together(timeline, self._found.values()))
            return [other for other in others if other.status == "done"][:MOST]
        found: list[Timeline] = []
        run, _ = timeline.place(timeline.moment())
        about = timeline.about()
        for identifier in self._done_like(about):
            with suppress(UnknownTimelineError, StoreError):
                other = self.get(identifier)
                if other.axis == "step" and same_but_seed(run, other.place(other.moment())[0]):
                    found.append(other)
            if len(found) == MOST:
                break
        return found

    def _done_like(self, about: About) -> Iterator[str]:
        """The runs of a model and data that are done and have no mask."""
        if self._given:
            for one in self._found.values():
                if one.axis == "step" and one.status == "done" and one.steps():
                    yield one.id
            return
        for row in self._index.summaries():
            alike = (row.model, row.data, row.density) == (about.model, about.data, about.density)
            if alike and row.state == "done" and row.snapshots:
                yield row.key

    def sample(self, timeline: Timeline, at: int) -> Sample:
        """Up to 1,000 validation examples of the data that was trained on.

        Raises:
            ValueError: if the data are not there, with the reason.
        """
        run, _ = timeline.place(at)
        key = _data_key(run)
        with self._loading:  # two panels that ask at once need the data only once
            found = self._samples.get(key)
            if not isinstance(found, Sample):
                found = self._load(run)
                self._samples[key] = found
        if isinstance(found, str):
            raise ValueError(found)
        return found

    def dataset(self, timeline: Timeline, at: int) -> Dataset:
        """All of the data that were trained on, loaded anew: nothing of them is kept.

        Raises:
            ValueError, DataError: if they are not there, with the reason.
        """
        if self._dataset_of is None:
            raise ValueError("the data that the network was trained on are not given")
        return self._dataset_of(timeline.place(at)[0])

    def without_data(self, timeline: Timeline, *, load: bool = False) -> str | None:
        """Why there are no examples, a sentence; None where they are or it is not known yet.

        Args:
            timeline: a run or tickets.
            load: find out, which may take seconds; else say what is known.
        """
        steps = timeline.steps()
        if not steps:
            return None
        run, _ = timeline.place(steps[-1])
        if self._dataset_of is None:
            return "the data that the network was trained on are not given"
        if load:
            try:
                self.sample(timeline, steps[-1])
            except ValueError as error:
                return str(error)
        known = self._samples.get(_data_key(run))
        return known if isinstance(known, str) else None

    def _look(self, *, strict: bool) -> list[Row]:
        problems: list[str] = []
        found: dict[str, Timeline] = {}
        if self._given:
            found = {one.id: one for one in self._open_all(problems, strict=strict)}
            rows = [row for one in found.values() for row in _rows_of(one, problems)]
        else:
            rows = list(self._all_runs(problems))
        rows = _told_apart(rows)
        for row in rows:
            if row.id in found:
                found[row.id].name = row.name
        with self._lock:
            self._found, self.problems = found, problems
            self._names = {row.id: row.name for row in rows}
        return rows

    def _load(self, run: Run) -> Sample | str:
        if self._dataset_of is None:
            return "the data that the network was trained on are not given"
        try:
            return Sample.of(some_examples(self._dataset_of(run)))
        except (ValueError, DataError) as error:
            return str(error)

    def _open_all(self, problems: list[str], *, strict: bool) -> Iterator[Timeline]:
        for entry in self._given:
            try:
                yield from self._open(entry, problems)
            except (StoreError, ValueError) as error:  # deleted since the viewer was started
                if strict:
                    raise
                problems.append(str(error))

    def _all_runs(self, problems: list[str]) -> Iterator[Row]:
        root = self.store.root.resolve()
        networks: dict[tuple[LayerRow, ...], tuple[LayerShape, ...]] = {}
        places: dict[str, Path] = {}
        # Masked runs last: a search for tickets leaves a hundred, that would hide the others.
        for run in sorted(self._index.summaries(), key=lambda run: run.density is not None):
            if run.problem:
                problems.append(run.problem)
            if run.state == "damaged":
                continue
            if self._index.is_linked(run) and _leads_out(root / run.folder, root):
                problems.append(f"{root / run.folder} leads outside {root}: it is not read")
            else:
                if run.layers not in networks:  # thousands of runs have the same few
                    networks[run.layers] = shapes_in(run.layers)
                places[run.key] = self.store.root / run.folder
                yield row_in(run, networks[run.layers])
        with self._lock:
            self._places = places

    def _run(self, identifier: str) -> Timeline | None:
        """The run of the store with this key, read again where its record has changed."""
        if not _KEY.fullmatch(identifier):
            return None
        with self._lock:
            path = self._places.get(identifier, self.store.path_of(identifier))
        try:
            about = os.stat(path / "run.json")
        except OSError:
            return None
        stamp = about.st_mtime_ns, about.st_size
        with self._lock:
            known = self._opened.get(identifier)
        if known is not None and known[0] == stamp:
            return known[1]
        if _leads_out(path, self.store.root):
            return None
        found = RunTimeline(Run(path), self._networks)
        with self._lock:
            found.name = self._names.get(identifier, found.name)
            self._opened[identifier] = stamp, found
        return found

    def _open(self, entry: Run | str | Path, problems: list[str]) -> Iterator[Timeline]:
        if isinstance(entry, Run):
            yield RunTimeline(entry, self._networks)
            return
        table = ticket_file(Path(entry))
        if table is None and next(Path(entry).glob("*/run.json"), None) is not None:
            within = Store(entry)
            problems += within.problems()
            yield from (RunTimeline(run, self._networks) for run in within.runs())
        elif table is None:
            yield RunTimeline(self.store.find(entry), self._networks)
        else:
            found, lacking = ticket_timelines(table, self.store, self._networks)
            problems += lacking
            yield from found


def some_examples(dataset: Dataset) -> Split:
    """Up to 1,000 validation examples, the same at every call, on the CPU."""
    # A copy where some are left out: the others can go.
    return dataset.validation.to("cpu").some(MOST_EXAMPLES, Streams(0).get("viewer", "images"))


def _rows_of(timeline: Timeline, problems: list[str]) -> Iterator[Row]:
    try:
        yield row_of(timeline)
    except (StoreError, ValueError, OSError) as error:
        problems.append(f"{timeline.name} ({timeline.id[:12]}): {error}")


def _told_apart(rows: Sequence[Row]) -> list[Row]:
    """The rows, with the beginnings of keys added to names that several have."""
    count = Counter(row.name for row in rows)
    return [
        replace(row, name=f"{row.name} ({row.id.removeprefix('tickets-')[:8]})")
        if count[row.name] > 1
        else row
        for row in rows
    ]


def _leads_out(path: Path, root: Path) -> bool:
    """Whether a run's folder is, or lies in, a link to somewhere outside the store."""
    return not path.resolve().is_relative_to(root.resolve())


def _data_key(run: Run) -> str:
    """What tells data apart: their fingerprint and name; without one, every run is by itself."""
    fingerprint: Any = run.identity.get("data")
    return f"{fingerprint} {run.about.get('data')}" if fingerprint else run.key
