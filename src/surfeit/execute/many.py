"""Many trainings and many measurements, each done once, side by side where the engine can."""

import hashlib
import inspect
import json
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

from surfeit.core import SurfeitError, unknown
from surfeit.data import Dataset
from surfeit.execute.engine import Engine, Progress
from surfeit.store import Run, Store, canonical, key_of, make_folder, write_json
from surfeit.train import Conduct, train
from surfeit.train.job import Job

Row = Mapping[str, Any]
"""A row of a table: what JSON has, by column."""


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A training that is known once others are done.

    Args:
        derive: from the parents' runs, in the order of `parents`, to the job. A pure function at a
            module's top level, or a `functools.partial` of one whose arguments are jobs,
            configurations (frozen dataclasses) and what JSON has: so that it can be done anywhere.
        parents: the names of the trainings that it waits for.
    """

    derive: Callable[..., Job]
    parents: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What is measured on runs: a function at a module's top level, with its arguments.

    Args:
        function: `function(*runs, dataset, **arguments)`, or without a data set if there is none;
            yields rows.
        runs: finished runs.
        dataset: what to measure on, or None.
        arguments: what JSON has, recipes and configurations.
    """

    function: Callable[..., Iterable[Row]]
    runs: tuple[Run, ...]
    dataset: Dataset | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


def train_many(
    jobs: Mapping[str, Job | Derived],
    *,
    store: Store | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
    conduct: Conduct | None = None,
) -> dict[str, Run]:
    """Trains all, each once its parents are done; what the store has is not trained again."""
    del engine, progress
    store = store or Store()
    for name, job in jobs.items():
        for parent in job.parents if isinstance(job, Derived) else ():
            if parent not in jobs:
                raise unknown(f"training that {name!r} waits for", parent, jobs)
    graph = {n: job.parents if isinstance(job, Derived) else () for n, job in jobs.items()}
    runs: dict[str, Run] = {}
    failures = []
    for name in TopologicalSorter(graph).static_order():
        job = jobs[name]
        try:
            if isinstance(job, Derived):
                job = job.derive(*(runs[parent] for parent in job.parents))
            runs[name] = train(
                job.model,
                job.dataset,
                job.recipe,
                seed=job.seed,
                mask=job.mask,
                origin=job.origin,
                pruning=job.pruning,
                objective=job.objective,
                snapshots=job.snapshots,
                store=store,
                numerics=job.numerics,
                conduct=conduct or Conduct(role=job.role),
            )
        except (SurfeitError, KeyError) as error:
            failures.append(f"{name}: {error}")
    if failures:
        raise SurfeitError("\n  ".join([f"{len(failures)} trainings failed:", *failures]))
    return {name: runs[name] for name in jobs}


def measure_many(
    measurements: Mapping[Hashable, Measurement],
    *,
    store: Store | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> dict[Hashable, list[dict[str, Any]]]:
    """The rows of every measurement, each computed once and kept in the store."""
    del engine, progress
    store = store or Store()
    return {name: _measured(one, store) for name, one in measurements.items()}


def _measured(one: Measurement, store: Store) -> list[dict[str, Any]]:
    key = key_of(
        canonical(
            {
                "function": f"{one.function.__module__}:{one.function.__qualname__}",
                "source": hashlib.sha256(inspect.getsource(one.function).encode()).hexdigest(),
                "runs": [run.key for run in one.runs],
                "data": None if one.dataset is None else one.dataset.fingerprint,
                "arguments": one.arguments,
            }
        )
    )
    path = store.root / "measurements" / key[:2] / f"{key}.json"
    if path.is_file():
        return json.loads(path.read_text())
    operands = [*one.runs, *([] if one.dataset is None else [one.dataset])]
    rows = [dict(row) for row in one.function(*operands, **one.arguments)]
    make_folder(path.parent)
    write_json(path, rows)
    return rows
