"""All that can be opened: runs and ticket searches, by the names that addresses use."""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from surfeit.core import DataError, Split, StoreError, Streams, digest
from surfeit.data import Dataset
from surfeit.store import Run, Store
from surfeit.store.run import mask_path
from surfeit.viewer.timelines.networks import Networks
from surfeit.viewer.timelines.run import RunTimeline
from surfeit.viewer.timelines.tickets import ticket_file, ticket_timelines
from surfeit.viewer.timelines.timeline import Timeline

DatasetOf = Callable[[Run], Dataset]
MOST_EXAMPLES = 1_000


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
    """The timelines that may be looked at, found anew at each `catalog`.

    Nothing outside the store and the folders given is ever read: names from an address are looked
    up among what was found there.

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
        self.problems: list[str] = []
        self._load_all(strict=True)

    def reload(self) -> list[Timeline]:
        """Looks again for what can be opened, the oldest first; `problems` says what cannot."""
        return self._load_all(strict=False)

    def get(self, identifier: str) -> Timeline:
        """The timeline of this name.

        Raises:
            UnknownTimelineError: if there is none.
        """
        if identifier not in self._found:
            self.reload()
        found = self._found.get(identifier)
        if found is None:
            raise UnknownTimelineError(
                f"no run {identifier[:80]!r} here: it may have been deleted; reload the page"
            )
        return found

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

    def _load_all(self, *, strict: bool) -> list[Timeline]:
        problems: list[str] = []
        found = {timeline.id: timeline for timeline in self._search(problems, strict=strict)}
        _tell_apart(found.values())
        with self._lock:
            self._found, self.problems = found, problems
        return list(found.values())

    def _load(self, run: Run) -> Sample | str:
        if self._dataset_of is None:
            return "the data that the network was trained on are not given"
        try:
            return Sample.of(some_examples(self._dataset_of(run)))
        except (ValueError, DataError) as error:
            return str(error)

    def _search(self, problems: list[str], *, strict: bool) -> Iterator[Timeline]:
        if not self._given:
            yield from self._all_runs(self.store, problems)
        for entry in self._given:
            try:
                yield from self._open(entry, problems)
            except (StoreError, ValueError) as error:  # deleted since the viewer was started
                if strict:
                    raise
                problems.append(str(error))

    def _all_runs(self, store: Store, problems: list[str]) -> Iterator[Timeline]:
        problems += store.problems()
        root = store.root.resolve()
        # Masked runs last: a search for tickets leaves a hundred, that would hide the others.
        for run in sorted(store.runs(), key=lambda run: mask_path(run.path).exists()):
            if not run.path.resolve().is_relative_to(root):
                problems.append(f"{run.path} leads outside {root}: it is not read")
                continue
            try:
                yield RunTimeline(run, self._networks)
            except StoreError as error:
                problems.append(str(error))

    def _open(self, entry: Run | str | Path, problems: list[str]) -> Iterator[Timeline]:
        if isinstance(entry, Run):
            yield RunTimeline(entry, self._networks)
            return
        table = ticket_file(Path(entry))
        if table is None and next(Path(entry).glob("*/run.json"), None) is not None:
            yield from self._all_runs(Store(entry), problems)
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


def _tell_apart(timelines: Collection[Timeline]) -> None:
    """Adds the beginnings of keys to names that several have."""
    count = Counter(timeline.name for timeline in timelines)
    for timeline in timelines:
        if count[timeline.name] > 1:
            timeline.name += f" ({timeline.id.removeprefix('tickets-')[:8]})"


def _data_key(run: Run) -> str:
    """What tells data apart: their fingerprint and name; without one, every run is by itself."""
    fingerprint: Any = run.identity.get("data")
    return f"{fingerprint} {run.about.get('data')}" if fingerprint else run.key
