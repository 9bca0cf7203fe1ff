"""What a study works with: data, trainings and measurements, each once."""

import copy
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from surfeit.data import Dataset, load
from surfeit.execute import (
    Derived,
    Engine,
    Measurement,
    Progress,
    Row,
    Status,
    measure_many,
    train_many,
)
from surfeit.lab.choosing import chosen
from surfeit.models import builder_named
from surfeit.store import Run, Store
from surfeit.store.record import is_key
from surfeit.train import Recipe
from surfeit.train.job import Job

Stage = Callable[[str, int, int], None]


@dataclass
class Used:
    """What a study was given: a result says what it rests on.

    Args:
        runs: the keys of the runs, in their order.
        data: fingerprints of the library's data sets, by name.
    """

    runs: dict[str, None] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)


class Lab:
    """What a study works with.

    >>> lab = Lab(Store("runs"))
    >>> runs = lab.train({"first": lab.job("mlp-64-32", "digits", Recipe(epochs=20))})
    >>> lab.measure(moved, runs)  # {"first": [{...}, ...]}

    Args:
        store: where runs and measurements are kept; `Store()` by default.
        engine: what trains and measures side by side; `Local()` by default.
        data_root: the folder of data sets.
        progress: called with where all trainings stand.
        stage: called with what is measured, how many are done, and of how many.
        stacks: whether many trainings of one small network are trained together, see
            `surfeit.execute.in_stacks`.
    """

    def __init__(
        self,
        store: Store | None = None,
        *,
        engine: Engine | None = None,
        data_root: Path | None = None,
        progress: Progress | None = None,
        stage: Stage | None = None,
        stacks: bool = True,
    ) -> None:
        self.store = store or Store()
        self.engine, self.progress, self._stage = engine, progress, stage
        self.stacks = stacks
        self._data_root = data_root
        self._data: dict[str, Dataset] = {}
        self.used = Used()

    def noting(self) -> "Lab":
        """The same lab with a list of its own of what is used from here on: one for each study."""
        other = copy.copy(self)
        other.used = Used()
        return other

    @property
    def resources(self) -> dict[str, Any]:
        """Store, engine and progress, for procedures: `find_tickets(..., **lab.resources)`."""
        return {"store": self.store, "engine": self.engine, "progress": self._trained}

    def data(self, name: str) -> Dataset:
        """The data set of this name, loaded once.

        Raises:
            ValueError, DataError: as `surfeit.data.load`.
        """
        if name not in self._data:
            self._data[name] = load(name, self._data_root)
        self.used.data[name] = self._data[name].fingerprint
        return self._data[name]

    def job(self, model: str, data: str | Dataset, recipe: Recipe, **others: Any) -> Job:
        """A training of one of the library's networks on one of its data sets.

        Args:
            model: a name, see `surfeit.models.builder_named`.
            data: a name, or a data set that the study made (a subset, noisy labels, ...).
            recipe: how to train.
            others: what else a `Job` has: `seed`, `mask`, `origin`, `pruning`, `objective`,
                `snapshots`, `role`.
        """
        dataset = data if isinstance(data, Dataset) else self.data(data)
        return Job(builder_named(model), dataset, recipe, **others)

    def train(self, jobs: Mapping[str, Job | Derived]) -> dict[str, Run]:
        """The runs of all jobs, trained where the store does not have them yet.

        Raises:
            SurfeitError: once all others have ended, if one failed: a sentence for each.
        """
        runs = train_many(
            jobs,
            store=self.store,
            engine=self.engine,
            progress=self.progress,
            stacks=self.stacks,
        )
        self.used.runs.update(dict.fromkeys(run.key for run in runs.values()))
        return runs

    def measure(
        self,
        function: Callable[..., Iterable[Row]],
        of: Mapping[Any, Run | tuple[Run, ...]],
        dataset: Dataset | None = None,
        **arguments: Any,
    ) -> dict[Any, list[dict[str, Any]]]:
        """The rows that a function measures on each run, or each tuple of runs, computed once.

        Args:
            function: at the top level of a module, `function(*runs, dataset, **arguments)`, without
                `dataset` where none is given; yields rows.
            of: the runs by any name, such as the seed.
            dataset: what to measure on.
            arguments: what JSON has, recipes and configurations.
        """
        measurements: dict[Hashable, Measurement] = {
            name: Measurement(
                function=function,
                runs=runs if isinstance(runs, tuple) else (runs,),
                dataset=dataset,
                arguments=arguments,
            )
            for name, runs in of.items()
        }
        return self._rows(function, measurements)

    def compute(
        self,
        function: Callable[..., Iterable[Row]],
        of: Mapping[Any, Mapping[str, Any]],
        dataset: Dataset | None = None,
        **arguments: Any,
    ) -> dict[Any, list[dict[str, Any]]]:
        """The rows that a function gives for each set of arguments, computed once: of no run.

        >>> lab.compute(drawn, {seed: {"seed": seed} for seed in config.seeds}, draws=100)

        Args:
            function: as of `measure`, called with `dataset`, if one is given, and the arguments.
            of: by any name the arguments that are its own, such as the seed.
            dataset: what to compute on.
            arguments: those that all share.
        """
        measurements: dict[Hashable, Measurement] = {
            name: Measurement(
                function=function, runs=(), dataset=dataset, arguments={**arguments, **own}
            )
            for name, own in of.items()
        }
        return self._rows(function, measurements)

    def _rows(
        self, function: Callable[..., Iterable[Row]], measurements: dict[Hashable, Measurement]
    ) -> dict[Any, list[dict[str, Any]]]:
        told = partial(self._measuring, f"measuring {function.__name__}")
        return measure_many(measurements, store=self.store, engine=self.engine, progress=told)

    def choose(self, rows: Iterable[Row], *, by: str, largest: bool = True) -> Row:
        """The row that is best by a measurement of the validation split; see `chosen`."""
        return chosen(rows, by=by, largest=largest)

    def _trained(self, status: Status) -> None:
        """Notes the runs that a procedure has, whose tasks may also be measurements."""
        for ended in status.ended:
            if is_key(ended.key) and (self.store.path_of(ended.key) / "run.json").is_file():
                self.used.runs[ended.key] = None
        if self.progress is not None:
            self.progress(status)

    def _measuring(self, name: str, status: Status) -> None:
        if self._stage is not None:
            self._stage(name, status.done, status.total)
