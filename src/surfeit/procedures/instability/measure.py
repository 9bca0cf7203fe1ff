"""Instability to the noise of SGD: how high the barrier is between two ends of one training."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from surfeit.core import Split, Streams
from surfeit.data import Dataset
from surfeit.execute import Engine, Outcome, Progress, Task
from surfeit.landscape import along_line
from surfeit.models import Builder
from surfeit.procedures.instability.barriers import LINES, SIDES
from surfeit.procedures.parcels import pack, parcel_folder, sending
from surfeit.procedures.replicates import check_seeds, engine_for
from surfeit.store import Run, Store, canonical
from surfeit.train import Numerics, Origin, Recipe
from surfeit.train.job import Job


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
    return _lines(_Study(jobs, config, {}), store or Store(), engine, progress)


def lines_from(
    trunks: Mapping[int, Run],
    dataset: Dataset,
    recipe: Recipe,
    config: InstabilityConfig,
    *,
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
        config: the steps. All other arguments are as in `instability_lines`; the runs must be in
            the store.

    Returns:
        as `instability_lines`.

    Raises:
        ValueError: before any training, if a run has no snapshot at a step, or was trained on other
            data or by another recipe (how often it was measured aside).
    """
    numerics, store = numerics or Numerics(), store or Store()
    _check_classes(dataset)
    jobs = {}
    for seed in check_seeds(trunks):
        run = trunks[seed]
        _check_trunk(run, dataset, recipe, config)
        jobs[seed] = Job(
            run.model(), dataset, recipe, seed, dict(run.mask) or None, numerics, Origin()
        )
    keys = {seed: run.key for seed, run in trunks.items()}
    return _lines(_Study(jobs, config, keys), store, engine, progress)


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
class _Study:
    """A measurement's jobs by replicate; `trunks` holds the keys of those that are trained."""

    jobs: Mapping[int, Job]
    config: InstabilityConfig
    trunks: Mapping[int, str]

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Replicates and steps, replicate by replicate."""
        return ((seed, step) for seed in self.jobs for step in self.config.steps)


def _lines(
    study: _Study, store: Store, engine: Engine | None, progress: Progress | None
) -> pa.Table:
    first = next(iter(study.jobs.values()))
    engine = engine_for(first.network, engine)
    with (
        parcel_folder() as folder,
        sending(first.dataset, first.network, folder) as data,
    ):
        tasks = [
            task
            for seed, job in study.jobs.items()
            for task in _tasks(study, seed, pack(job, data, folder), folder)
        ]
        outcome = engine.run(tasks, store=store.root, progress=progress)
    rows = [row for pair in study.pairs() for row in _line(study, pair, outcome, store)]
    metadata = {"failures": json.dumps(outcome.failures)}
    return pa.Table.from_pylist(rows, LINES.with_metadata(metadata))


def _tasks(study: _Study, seed: int, parcel: dict[str, Any], folder: Path) -> Iterator[Task]:
    kind, trunk = "surfeit.procedures.instability.branches:train_", study.trunks.get(seed)
    if trunk is None:
        mask, path = study.jobs[seed].mask, None
        if mask:
            path = folder / "mask.safetensors"
            save_file({name: kept.cpu().contiguous() for name, kept in mask.items()}, path)
        sent = {"parcel": parcel, "mask": path and str(path), "steps": study.config.steps}
        yield Task(name=f"replicate {seed}", kind=f"{kind}trunk", config=sent)
    parents = (f"replicate {seed}",) if trunk is None else ()
    for step in study.config.steps:
        for side in SIDES:
            sent = {"parcel": parcel, "step": step, "side": side, "trunk": trunk}
            name = _name(seed, step, side)
            yield Task(name=name, kind=f"{kind}branch", config=sent, parents=parents)


def _name(seed: int, step: int, side: str) -> str:
    return f"replicate {seed}, step {step}, {side}"


def _line(
    study: _Study, pair: tuple[int, int], outcome: Outcome, store: Store
) -> Iterator[dict[str, Any]]:
    """The rows of one pair; without its trainings, a line of nulls."""
    (seed, step), job = pair, study.jobs[pair[0]]
    trunk = study.trunks.get(seed) or outcome.keys.get(f"replicate {seed}")
    ends = {side: outcome.keys.get(_name(seed, step, side)) for side in SIDES}
    named = {"replicate": seed, "step": step, "trunk": trunk, **ends}
    if None in ends.values():
        for split in ("test", "train"):
            yield from ({"split": split, "t": t} | named for t in (0.0, 1.0))
        return
    runs = [Run(store.path_of(str(key))) for key in ends.values()]
    for row in _measured(job, runs, study.config, seed).to_pylist():
        error = 1 - row.pop("accuracy")
        yield row | {"error": error} | named


def _measured(job: Job, runs: Sequence[Run], config: InstabilityConfig, seed: int) -> pa.Table:
    numerics, data = job.numerics, job.dataset
    generator = Streams(seed).get("instability", "images")
    chosen = torch.randperm(len(data.train), generator=generator)[: config.train_images]
    splits = {
        name: _placed(split, numerics)
        for name, split in (("test", data.test), ("train", data.train[chosen]))
    }
    first, second = (
        {name: value.to(numerics.device) for name, value in run.tensors().items()} for run in runs
    )
    with numerics.in_force():
        return along_line(
            job.network,
            first,
            second,
            splits,
            points=config.points,
            statistics_from=splits["train"].inputs,
        )


def _placed(split: Split, numerics: Numerics) -> Split:
    """The split on the device and, if its inputs are real, of the precision of the trainings."""
    inputs = split.inputs
    if inputs.is_floating_point():
        inputs = inputs.to(numerics.torch_dtype)
    return Split(inputs, split.targets).to(numerics.device)


def _check_classes(dataset: Dataset) -> None:
    if dataset.task != "classes":
        raise ValueError(
            f"the error on a line is the share of wrong answers, and {dataset.name} is a "
            "regression: measure its loss between two of its runs with landscape.along_line(..., "
            "objective=squared_error)"
        )
