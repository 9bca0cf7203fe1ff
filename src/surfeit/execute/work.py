"""What a task can be besides a job: a training that others must precede, trainings that are one
stack, and a measurement."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from surfeit.data import Dataset
from surfeit.store import Run
from surfeit.train import Job

Row = Mapping[str, Any]
"""A row of a table: what JSON has, by column."""


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A training that is known once others are done.

    >>> Derived(derive=partial(next_level, job, config), parents=("level 0",))

    Args:
        derive: from the parents' runs, in the order of `parents`, to the job. A pure function,
            which is called where the training is done: to be sent there it must stand at a
            module's top level, or be a `functools.partial` of one that does, with arguments that
            `surfeit.execute.arguments` can send: jobs, runs, data sets, tensors, frozen
            dataclasses, functions and what JSON has.
        parents: the names of the trainings that it waits for.

    Raises:
        ValueError: if derive is no function, or parents are no tuple of names.
    """

    derive: Callable[..., Job]
    parents: tuple[str, ...]

    def __post_init__(self) -> None:
        if not callable(self.derive):
            raise ValueError(f"derive must be a function of the parents' runs, got {self.derive!r}")
        if isinstance(self.parents, str):
            raise ValueError(f"parents must be a tuple of names, got {self.parents!r}")
        object.__setattr__(self, "parents", tuple(self.parents))


@dataclass(frozen=True, kw_only=True)
class Together:
    """Trainings that are trained as one stack, see `surfeit.train.train_together`.

    Such a task comes to the key of the first of them. Of one that fails alone its own task tells.

    Args:
        jobs: of one shape, with `numerics.stack` at least their number.
    """

    jobs: tuple[Job, ...]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What is measured on runs: a function at a module's top level, with its arguments.

    Args:
        function: `function(*runs, dataset, **arguments)`, or without a data set if there is none;
            yields rows. It must depend on nothing else: its rows are kept.
        runs: finished runs.
        dataset: what to measure on, or None.
        arguments: what JSON has, recipes and configurations (frozen dataclasses).

    Raises:
        ValueError: if something of another kind is given.
    """

    function: Callable[..., Iterable[Row]]
    runs: tuple[Run, ...]
    dataset: Dataset | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ValueError(f"function must yield rows for runs, got {self.function!r}")
        object.__setattr__(self, "runs", tuple(self.runs))
        if not all(isinstance(run, Run) for run in self.runs):
            raise ValueError(f"a measurement is of runs, got {self.runs!r:.200}")
        if self.dataset is not None and not isinstance(self.dataset, Dataset):
            raise ValueError(f"dataset must be a Dataset or None, got {self.dataset!r:.200}")
