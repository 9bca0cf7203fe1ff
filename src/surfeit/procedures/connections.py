"""Paths between the ends of two trainings: straight, with units matched, repaired, and curved."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import mean
from typing import Any, Literal, get_args

import pyarrow as pa
from torch import Tensor, nn

from surfeit.core import (
    Objective,
    Params,
    Split,
    Streams,
    check_size,
    converted_,
    copied,
    tensors_of,
    unknown,
)
from surfeit.data import Dataset
from surfeit.execute import Engine, Measurement, Progress, measure_many
from surfeit.landscape import (
    Matching,
    along,
    along_path,
    between,
    match_outputs,
    match_weights,
    repair,
)
from surfeit.models import describe, is_rebuildable
from surfeit.procedures.curves import CurveConfig, train_curve
from surfeit.store import Run, Store
from surfeit.train import Numerics

PathName = Literal["segment", "matched", "repaired", "curve"]
Criterion = Literal["weights", "outputs"]

PATHS: Mapping[PathName, str] = {
    "segment": "the straight line",
    "matched": "the line to the second network with its units in the first one's order",
    "repaired": "that line, with each unit's mean and spread repaired",
    "curve": "a curve that was trained to have a low loss",
}
"""The paths, and what each is."""

_EXAMPLES = 20  # that a network is followed on

ROWS = pa.schema(
    [
        ("path", pa.string()),
        ("split", pa.string()),
        *((name, pa.float64()) for name in ("t", "length", "loss", "error")),
    ]
)
_FIGURES = ("barrier", "largest", "smallest", "mean")
BARRIERS = pa.schema(
    [
        ("path", pa.string()),
        ("split", pa.string()),
        ("length", pa.float64()),
        *((f"{name}_{figure}", pa.float64()) for name in ("loss", "error") for figure in _FIGURES),
    ]
)


@dataclass(frozen=True, kw_only=True)
class ConnectionConfig:
    """How paths are laid and measured.

    Args:
        points: on each path, both ends included, at least 2.
        images: how many examples of each split paths are measured on (all, if there are fewer);
            batch statistics and repairs are computed from the training examples among them, and
            outputs are matched on them. At least 2.
        criterion: units are matched by their `weights`, or by their `outputs`.
        curve: how the curve is trained, on all training examples.
        seed: of the chosen examples, the matching and the curve.

    Raises:
        ValueError: if a value is out of range.
    """

    points: int = 25
    images: int = 5_000
    criterion: Criterion = "weights"
    curve: CurveConfig = field(default_factory=CurveConfig)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.points < 2:
            raise ValueError(f"points must be at least 2, one for each end, got {self.points}")
        check_size("images", self.images, 2)
        if self.criterion not in get_args(Criterion):
            raise unknown("criterion", self.criterion, get_args(Criterion))
        Streams(self.seed)


def path_rows(
    first: Run,
    second: Run,
    dataset: Dataset,
    *,
    path: PathName,
    config: ConnectionConfig,
    numerics: Numerics,
    into: nn.Module | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """Loss and error along one path between two runs: a `Measurement`'s function.

    A curve is trained for it, from the configuration's seed alone: it is the same each time.

    Args:
        first, second: finished runs of one network, not of one key.
        dataset: what they were trained on.
        path: which, see `PATHS`.
        config: how.
        numerics: device, threads and precision.
        into: the network, where only its own code can build it.
        progress: called with the steps of the curve's training, or the points measured.

    Yields:
        rows `path, split ("train" or "test"), t, length, loss` (the runs' objective), `error` (a
        fraction; None without classes).

    Raises:
        ValueError: as `check_connectable` and the functions of `surfeit.landscape` that are used.
        DivergedError: if the curve's training does.
    """
    objective = check_connectable(first, second, dataset)
    if path not in PATHS:
        raise unknown("path", path, PATHS)
    model, *ends = _networks(first, second, into, numerics)
    whole = _placed(dataset.train, numerics)
    streams = Streams(config.seed)
    splits = {
        name: split.some(config.images, streams.get("connection", name))
        for name, split in (("train", whole), ("test", _placed(dataset.test, numerics)))
    }
    with numerics.in_force():
        if path == "curve":
            _check_unmasked(first, second)
            curve = train_curve(
                model,
                ends[0],
                ends[1],
                whole,
                config.curve,
                seed=config.seed,
                objective=objective,
                progress=progress,
            )
            at = curve.at
        else:
            at = _straight(path, model, ends, splits["train"], config)
        measured = along_path(
            model,
            at,
            splits,
            points=config.points,
            objective=objective,
            statistics_from=splits["train"].inputs,
            progress=None if path == "curve" else progress,
        )
    for row in measured.to_pylist():
        accuracy = row.pop("accuracy")
        yield {"path": path, **row, "error": None if accuracy is None else 1 - accuracy}


def matching(
    model: nn.Module,
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    inputs: Tensor,
    config: ConnectionConfig,
) -> Matching:
    """The second network's units in the first one's order, by the configuration's criterion."""
    if config.criterion == "outputs":
        return match_outputs(model, first, second, inputs)
    generator = Streams(config.seed).get("connection", "groups")
    return match_weights(model, first, second, inputs[:_EXAMPLES], generator=generator)


def connections(
    first: Run,
    second: Run,
    dataset: Dataset,
    config: ConnectionConfig | None = None,
    *,
    paths: tuple[PathName, ...] = tuple(PATHS),
    into: nn.Module | None = None,
    store: Store | None = None,
    engine: Engine | None = None,
    numerics: Numerics | None = None,
    progress: Progress | None = None,
) -> pa.Table:
    """Measures paths between the ends of two trainings, each path once.

    >>> table = connections(runs[0], runs[1], load("digits"))
    >>> path_barriers(table)

    Args:
        first, second: finished runs of one network on one data set by one objective.
        dataset: what they were trained on.
        config: `ConnectionConfig()` by default.
        paths: which, of `PATHS`.
        into: the network, where only its own code can build it; then all is measured in this
            process and kept nowhere.
        store: where measurements are kept; `Store()` by default.
        engine: what measures; processes of this machine by default.
        numerics: one CPU thread in float32 by default.
        progress: called with where all measurements stand.

    Returns:
        rows as of `path_rows`.

    Raises:
        ValueError: before anything long, as `check_connectable`; if no path is named or one twice.
        SurfeitError: if a path cannot be measured: a sentence for each.

    Cost: a curve's training, and `points` passes over the examples for each path. What was
    interrupted goes on with the paths that are not measured yet; a curve begins anew.
    """
    config, numerics = config or ConnectionConfig(), numerics or Numerics()
    check_connectable(first, second, dataset)
    for path in paths:
        if path not in PATHS:
            raise unknown("path", path, PATHS)
    if not paths or len(set(paths)) < len(paths):
        raise ValueError(f"paths must be some of {', '.join(PATHS)}, each once, got {paths}")
    if "curve" in paths:
        _check_unmasked(first, second)
    if into is not None and not is_rebuildable(describe(into)):
        options: dict[str, Any] = {"config": config, "numerics": numerics, "into": into}
        rows = [row for p in paths for row in path_rows(first, second, dataset, path=p, **options)]
        return pa.Table.from_pylist(rows, ROWS)
    found = measure_many(
        {
            path: Measurement(
                function=path_rows,
                runs=(first, second),
                dataset=dataset,
                arguments={"path": path, "config": config, "numerics": numerics},
            )
            for path in paths
        },
        store=store,
        engine=engine,
        progress=progress,
    )
    return pa.Table.from_pylist([row for path in paths for row in found[path]], ROWS)


def path_barriers(table: pa.Table) -> pa.Table:
    """What to say of each path: how much worse it is than its ends, at worst, at best and in mean.

    Args:
        table: as of `connections`.

    Returns:
        rows `path, split, length`, then of loss and error `barrier, largest, smallest, mean` (by
        length), see `surfeit.landscape.along`; null where there are no classes.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        groups.setdefault((row["path"], row["split"]), []).append(row)
    rows = []
    for (path, split), found in groups.items():
        lengths = [row["length"] for row in found]
        figures: dict[str, Any] = {"path": path, "split": split, "length": lengths[-1]}
        for name in ("loss", "error"):
            if found[0][name] is not None:
                over = along([row[name] for row in found], lengths)
                figures |= {f"{name}_{one}": getattr(over, one) for one in _FIGURES}
        rows.append(figures)
    return pa.Table.from_pylist(rows, BARRIERS)


def without_barrier(table: pa.Table) -> tuple[str, ...]:
    """The paths on which no point has a higher training loss than the worse of the two ends.

    What is called a barrier there is half of the ends' difference: nothing lies between.

    Args:
        table: as of `connections`.
    """
    losses: dict[str, list[float]] = {}
    for row in table.to_pylist():
        if row["split"] == "train":
            losses.setdefault(row["path"], []).append(row["loss"])
    return tuple(path for path, own in losses.items() if max(own) <= max(own[0], own[-1]))


def raised_curve(table: pa.Table) -> tuple[float, float] | None:
    """Mean training losses of a curve and of the line it began as, if its training raised them.

    A curve that is worse than the straight line both in mean, which training lowers, and at its
    worst point, or whose loss is not finite, says nothing of what lies between the ends: its
    training diverged, or was about to.

    Args:
        table: as of `connections`, with the paths `segment` and `curve`.

    Returns:
        Both means over t; None if the training did not raise the loss, or there is no curve.
    """
    rows = [row for row in table.to_pylist() if row["split"] == "train"]
    line, curve = ([r["loss"] for r in rows if r["path"] == p] for p in ("segment", "curve"))
    if not line or not curve:
        return None
    means = mean(curve), mean(line)
    finite = all(map(math.isfinite, curve))
    lower = finite and (means[0] <= means[1] or max(curve) <= max(line))
    return None if lower else means


def check_connectable(first: Run, second: Run, dataset: Dataset) -> Objective:
    """Says so if there is no path between two runs; else gives the objective they were trained by.

    Raises:
        ValueError: if they are one run, not done, of different networks, on different data or data
            other than these, or by different objectives; or their objective is not known.
    """
    names = [run.key[:12] for run in (first, second)]
    if first.key == second.key:
        raise ValueError(f"a path needs two runs, got run {names[0]} twice: give another one")
    for run in (first, second):
        if run.status != "done":
            raise ValueError(
                f"run {run.key[:12]} is {run.status}: give the command that started it again, and "
                "measure what it ends in"
            )
    tensors = [{n: list(v.shape) for n, v in run.tensors().items()} for run in (first, second)]
    if tensors[0] != tensors[1]:
        differing = [
            n for n in {**tensors[0], **tensors[1]} if tensors[0].get(n) != tensors[1].get(n)
        ]
        raise ValueError(
            f"runs {names[0]} and {names[1]} are of different networks: {differing[0]} is "
            f"{tensors[0].get(differing[0], 'missing')} in the one and "
            f"{tensors[1].get(differing[0], 'missing')} in the other"
        )
    data = [run.identity.get("data") for run in (first, second)]
    if data[0] != data[1]:
        raise ValueError(
            f"runs {names[0]} and {names[1]} were trained on different data: what lies between "
            "them is low on neither; give two runs of one data set"
        )
    if data[0] is not None and data[0] != dataset.fingerprint:
        raise ValueError(
            f"runs {names[0]} and {names[1]} were trained on other data than {dataset.name} as it "
            "is here"
        )
    objectives = [run.objective for run in (first, second)]
    if objectives[0] is None or objectives[1] is None:
        raise ValueError(f"run {names[objectives.index(None)]} does not say what it minimised")
    if objectives[0].name != objectives[1].name:
        raise ValueError(
            f"runs {names[0]} and {names[1]} minimised different objectives: "
            f"{objectives[0].name} and {objectives[1].name}"
        )
    return objectives[0]


def _check_unmasked(first: Run, second: Run) -> None:
    for run in (first, second):
        if run.mask:
            raise ValueError(
                f"run {run.key[:12]} is pruned, and a curve would train the weights that were "
                "removed: leave the path 'curve' out"
            )


def _straight(
    path: PathName,
    model: nn.Module,
    ends: Sequence[Mapping[str, Tensor]],
    train: Split,
    config: ConnectionConfig,
) -> Callable[[float], dict[str, Tensor]]:
    first, second = ends
    if path == "segment":
        return partial(between, first, second)
    matched = matching(model, first, second, train.inputs, config).tensors
    if path == "matched":
        return partial(between, first, matched)
    return repair(model, first, matched, train.inputs)


def _placed(split: Split, numerics: Numerics) -> Split:
    """The split on the device and, if its inputs are real, in the measurement's precision."""
    inputs = split.inputs
    if inputs.is_floating_point():
        inputs = inputs.to(numerics.torch_dtype)
    return Split(inputs, split.targets).to(numerics.device)


def _networks(
    first: Run, second: Run, into: nn.Module | None, numerics: Numerics
) -> tuple[nn.Module, Params, Params]:
    """The structure, and the parameters and buffers of both ends, on the device."""
    models = [run.model(into=None if into is None else copied(into)) for run in (first, second)]
    for model in models:
        converted_(converted_(model, numerics.device), numerics.torch_dtype)
    return models[0], tensors_of(models[0]), tensors_of(models[1])
