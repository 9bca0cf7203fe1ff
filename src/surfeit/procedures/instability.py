"""Instability to the noise of SGD: how high the barrier is between two ends of one training."""

import json
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from torch import Tensor, nn

from surfeit.core import check_seeds, copied
from surfeit.data import Dataset
from surfeit.execute import (
    Derived,
    Engine,
    Measurement,
    Progress,
    measure_many,
    train_outcome,
)
from surfeit.landscape import error_barrier
from surfeit.models import Builder, describe, is_rebuildable
from surfeit.procedures.branches import SIDES, branch_name, line_rows, parting
from surfeit.store import Run, Store, canonical
from surfeit.train import Job, Numerics, Origin, Recipe

STABLE = 0.02
"""Two networks are linearly connected if the error barrier between them is lower (a fraction)."""

_KEYS = [("replicate", pa.int64()), ("step", pa.int64()), ("split", pa.string())]
_RUNS = [(name, pa.string()) for name in ("trunk", *SIDES)]
LINES = pa.schema(
    [*_KEYS, ("t", pa.float64()), ("loss", pa.float64()), ("error", pa.float64()), *_RUNS]
)
_FIGURES = (
    "barrier",
    "first_error",
    "second_error",
    "worst_error",
    "loss_barrier",
    "first_loss",
    "second_loss",
    "worst_loss",
)
_BARRIER = {"error": "barrier", "loss": "loss_barrier"}
BARRIERS = pa.schema([*_KEYS, *((name, pa.float64()) for name in _FIGURES), *_RUNS])


@dataclass(frozen=True, kw_only=True)
class InstabilityConfig:
    """What is measured.

    Args:
        steps: the steps at which two trainings part, ascending, each >= 0.
        points: on the line between their ends, both included, at least 2.
        train_images: how many training images the line is measured on (all, if there are fewer);
            batch statistics are computed from the same. At least 2.

    Raises:
        ValueError: if a value is out of range.
    """

    steps: tuple[int, ...] = (0,)
    points: int = 30
    train_images: int = 10_000

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))
        whole = all(type(step) is int and step >= 0 for step in self.steps)
        if not whole or not self.steps or list(self.steps) != sorted(set(self.steps)):
            raise ValueError(f"steps must be ascending integers >= 0, got {self.steps}")
        if self.points < 2:
            raise ValueError(f"points must be at least 2, one for each end, got {self.points}")
        if self.train_images < 2:
            raise ValueError(f"train_images must be at least 2, got {self.train_images}")


def instability_lines(
    model: nn.Module | Builder,
    dataset: Dataset,
    recipe: Recipe,
    config: InstabilityConfig | None = None,
    *,
    seeds: Sequence[int] = (0,),
    mask: Mapping[str, Tensor] | None = None,
    store: Store | None = None,
    engine: Engine | None = None,
    numerics: Numerics | None = None,
    progress: Progress | None = None,
) -> pa.Table:
    """Measures the lines between the ends of two trainings that part at step k of a third.

    From the weights `w_k` of one training two others go on to the end of the same schedule, with
    orders (and augmentation and dropout) of their own and a fresh optimiser; then loss and error
    are measured at points of the line between the weights they end with.

    >>> config = InstabilityConfig(steps=(0, 100))
    >>> lines = instability_lines(lenet_300_100, load("digits"), Recipe(epochs=20), config)
    >>> table = barriers(lines)

    Args:
        model: a builder, drawn from each seed's stream `init`, or a module: the initial weights.
        dataset: lines are measured on the test split and on `config.train_images` of training.
        recipe: of all three trainings; its steps are counted from the first one's beginning.
        config: the steps, `InstabilityConfig()` (only step 0) by default.
        seeds: one a replicate: of the first training, and of the orders of the other two.
        mask: bool tensors by parameter name, held in all three trainings. (For tickets that were
            found, each with its own mask, see `lines_from`.)
        store: where runs are kept; `Store()` by default.
        engine: as in `find_tickets`, `Local()` by default.
        numerics: of trainings and lines; one CPU thread in float32 by default.
        progress: called with where all trainings stand.

    Returns:
        rows `replicate, step, split ("test" or "train"), t, loss` (nats)`, error` (fraction)`,
        trunk, first, second` (run keys). Where a training failed, loss and error are null, and
        why is in the metadata, as in `find_tickets`.

    Raises:
        ValueError: before any training, if network, data, recipe and steps do not fit together, or
            the data set is a regression, which has no errors.

    Source: Frankle, Dziugaite, Roy and Carbin 2020, section 2 and algorithm 1. Cost: a training a
    seed and two for each step, then `points` passes over the images of each pair.
    """
    numerics, config = numerics or Numerics(), config or InstabilityConfig()
    _check_classes(dataset)
    held = dict(mask) if mask else None
    jobs = {
        seed: Job(model, dataset, recipe, seed, held, numerics, Origin())
        for seed in check_seeds(seeds)
    }
    total = recipe.total_steps(len(dataset.train))
    if max(config.steps) >= total:
        raise ValueError(f"steps must be below the recipe's {total}, got {max(config.steps)}")
    store = store or Store()
    trainings: dict[str, Job | Derived] = {}
    for seed, job in jobs.items():
        trainings |= parting(job, config.steps, name=_name(seed))
    outcome = train_outcome(trainings, store=store, engine=engine, progress=progress)
    runs = {name: Run(store.path_of(key)) for name, key in outcome.keys.items()}
    trunks = {seed: runs[_name(seed)] for seed in jobs if _name(seed) in runs}
    return _lines(_Trained(jobs, trunks, runs, outcome.failures), config, store, engine)


def lines_from(
    trunks: Mapping[int, Run],
    dataset: Dataset,
    recipe: Recipe,
    config: InstabilityConfig,
    *,
    into: nn.Module | None = None,
    store: Store | None = None,
    engine: Engine | None = None,
    numerics: Numerics | None = None,
    progress: Progress | None = None,
) -> pa.Table:
    """Measures the same lines for trainings that are there already, such as tickets.

    Args:
        trunks: finished runs by replicate (the seed of the orders), each with a snapshot at every
            one of the steps; their masks are held. A ticket rewound to step k has one at k.
        dataset: what they were trained on.
        recipe: what they were trained by.
        config: the steps.
        into: the network, as of `Run.model`; needed where only its own code can build it. Its
            weights are not read, and it is not changed.
        store, engine, numerics, progress: as of `instability_lines`; the runs must be in the store.

    Returns:
        as `instability_lines`.

    Raises:
        ValueError: before any training, if a run has no snapshot at a step, was trained on other
            data or by another recipe (how often it was measured aside), or its network cannot be
            built and `into` is none of its shape.
    """
    numerics, store = numerics or Numerics(), store or Store()
    _check_classes(dataset)
    jobs: dict[int, Job] = {}
    trainings: dict[str, Job | Derived] = {}
    for seed in check_seeds(trunks):
        run = trunks[seed]
        _check_trunk(run, dataset, recipe, config)
        network = run.model(into=None if into is None else copied(into))
        name = run.about.get("model")
        jobs[seed] = Job(network, dataset, recipe, seed, numerics=numerics, name=name)
        trainings |= parting(jobs[seed], config.steps, name=_name(seed), of=run)
    outcome = train_outcome(trainings, store=store, engine=engine, progress=progress)
    runs = {name: Run(store.path_of(key)) for name, key in outcome.keys.items()}
    return _lines(_Trained(jobs, trunks, runs, outcome.failures), config, store, engine)


def _check_trunk(run: Run, dataset: Dataset, recipe: Recipe, config: InstabilityConfig) -> None:
    """Says so if others cannot part from the run: they are to go on as it did, from its weights."""
    missing = sorted(set(config.steps) - set(run.steps()))
    if missing:
        raise ValueError(
            f"run {run.key[:12]} has no snapshot at step {missing[0]} to part from; "
            f"it has {', '.join(map(str, run.steps()))}"
        )
    if run.identity["data"] != dataset.fingerprint:
        raise ValueError(
            f"run {run.key[:12]} was trained on other data than {dataset.name} as it is here"
        )
    for name, given in (("objective", "minimised"), ("frozen", "left frozen")):
        if name in run.config:
            raise ValueError(
                f"run {run.key[:12]} {given} {run.config[name]}, but what parts from it minimises "
                "cross-entropy and trains all parameters: measure a run that did so too"
            )
    theirs, ours = run.config["recipe"], canonical(recipe)
    differing = [
        name
        for name in sorted(theirs.keys() | ours.keys())
        if theirs.get(name) != ours.get(name) and name != "evaluate_every"
    ]
    if differing:
        raise ValueError(
            f"run {run.key[:12]} was trained by another recipe: {', '.join(differing)} differ"
        )


@dataclass(frozen=True)
class _Trained:
    """What was trained: jobs and trunks by replicate, the other runs and failures by name."""

    jobs: Mapping[int, Job]
    trunks: Mapping[int, Run]
    runs: Mapping[str, Run]
    failures: Mapping[str, str]

    def ends(self, seed: int, step: int) -> tuple[Run | None, Run | None]:
        """The two runs that part at a step; None where a training failed."""
        first, second = (self.runs.get(branch_name(_name(seed), step, side)) for side in SIDES)
        return first, second


def _name(seed: int) -> str:
    return f"replicate {seed}"


def _lines(
    trained: _Trained, config: InstabilityConfig, store: Store, engine: Engine | None
) -> pa.Table:
    pairs = [(seed, step) for seed in trained.jobs for step in config.steps]
    measured = _measured(trained, pairs, config, store, engine)
    rows = []
    for seed, step in pairs:
        runs = zip(
            ("trunk", *SIDES), (trained.trunks.get(seed), *trained.ends(seed, step)), strict=True
        )
        named = {"replicate": seed, "step": step} | {
            name: None if run is None else run.key for name, run in runs
        }
        nulls = [{"split": split, "t": t} for split in ("test", "train") for t in (0.0, 1.0)]
        rows += [row | named for row in measured.get((seed, step), nulls)]
    metadata = {"failures": json.dumps(dict(trained.failures))}
    return pa.Table.from_pylist(rows, LINES.with_metadata(metadata))


def _measured(
    trained: _Trained,
    pairs: Sequence[tuple[int, int]],
    config: InstabilityConfig,
    store: Store,
    engine: Engine | None,
) -> dict[Any, list[dict[str, Any]]]:
    """The rows of every line whose trainings are done, measured once."""
    measurements: dict[Hashable, Measurement] = {}
    here: dict[Any, list[dict[str, Any]]] = {}
    for seed, step in pairs:
        job, (first, second) = trained.jobs[seed], trained.ends(seed, step)
        if first is None or second is None:
            continue
        arguments = {
            "replicate": seed,
            "points": config.points,
            "train_images": config.train_images,
            "numerics": job.numerics,
        }
        runs = (trained.trunks[seed], first, second)
        if is_rebuildable(describe(job.network)):
            measurements[seed, step] = Measurement(
                function=line_rows, runs=runs, dataset=job.dataset, arguments=arguments
            )
        else:  # what only its own code can build is here alone
            here[seed, step] = list(line_rows(*runs, job.dataset, **arguments, into=job.network))
    return here | measure_many(measurements, store=store, engine=engine)


def _check_classes(dataset: Dataset) -> None:
    if dataset.task != "classes":
        raise ValueError(
            f"the error on a line is the share of wrong answers, and {dataset.name} is a "
            "regression: measure its loss between two of its runs with landscape.along_line(..., "
            "objective=squared_error)"
        )


def barriers(lines: pa.Table) -> pa.Table:
    """The barrier on each line: how much worse its worst point is than the mean of its ends.

    Args:
        lines: as from `instability_lines`.

    Returns:
        rows `replicate, step, split, barrier, first_error, second_error, worst_error` (fractions)`,
        loss_barrier, first_loss, second_loss, worst_loss` (nats)`, trunk, first, second` (keys), in
        the order of the lines; null figures where a training failed.

    Source: as `error_barrier`. A training is stable at a step if `barrier < STABLE` there.
    """
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    names = [name for name, _ in _KEYS]
    for row in lines.to_pylist():
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    found = [_barrier(sorted(rows, key=lambda row: row["t"])) for rows in groups.values()]
    return pa.Table.from_pylist(found, BARRIERS.with_metadata(lines.schema.metadata))


def _barrier(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = rows[0]
    named = {name: first[name] for name in ("replicate", "step", "split", "trunk", *SIDES)}
    if any(row["error"] is None for row in rows):
        return named
    figures: dict[str, float | None] = {}
    for quantity in _BARRIER:
        values = [row[quantity] for row in rows]
        figures |= {
            f"first_{quantity}": values[0],
            f"second_{quantity}": values[-1],
            f"worst_{quantity}": max(values),
            _BARRIER[quantity]: error_barrier(values) if all(map(math.isfinite, values)) else None,
        }
    return named | figures
