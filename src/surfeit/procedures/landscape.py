"""A run's loss along lines and on planes, measured piece by piece, kept, and gone on with."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal, get_args

import pyarrow as pa
import torch
from torch import nn

from surfeit.core import Objective, check_size, fitting, unknown
from surfeit.core.objective import objective_to_json
from surfeit.data import Dataset
from surfeit.execute import Engine, Measurement, Progress, measure_many
from surfeit.landscape import Statistics, normalisations, spaced
from surfeit.models import describe, is_rebuildable
from surfeit.models.structure import layers
from surfeit.procedures.landscape_points import (
    Chosen,
    Scene,
    convexity_rows,
    height_rows,
    scene_of,
)
from surfeit.store import Run, Store
from surfeit.train import Numerics

Directions = Literal["filter", "layer", "gaussian", "trajectory", "between"]
_RANDOM = ("filter", "layer", "gaussian")
_PARTS = 8  # into which a picture is cut where a pass is short, so that little is lost with one
_PIECE = 5  # points, where a pass is long: the network is built anew for them, 0.05 of a pass

_KEYS = [("network", pa.int64()), ("run", pa.string())]
_PLACE = [("first", pa.float64()), ("second", pa.float64())]
HEIGHTS = pa.schema([*_KEYS, *_PLACE, ("loss", pa.float64()), ("accuracy", pa.float64())])
CONVEXITY = pa.schema(
    [
        *_KEYS,
        *_PLACE,
        ("loss", pa.float64()),
        *((name, pa.float64()) for name in ("largest", "smallest")),
        ("converged", pa.bool_()),
        *((name, pa.float64()) for name in ("plane_largest", "plane_smallest")),
        *((name, pa.float64()) for name in ("convexity_lost", "plane_convexity_lost")),
    ]
)
PATH = pa.schema([*_KEYS, ("step", pa.int64()), *_PLACE, ("off_plane", pa.float64())])


@dataclass(frozen=True, kw_only=True)
class LandscapeConfig:
    """Which points are measured, and how.

    Args:
        directions: `filter`, `layer`, `gaussian` (random, see `random_direction`), `trajectory`
            (the plane of a training, by PCA) or `between` (the line through two runs, the plane
            through three).
        dimensions: 1, a line, or 2, a plane; of `trajectory` 2, of `between` one less than runs.
        points: along each axis, at least 2.
        extent: how far the grid reaches. Of random directions in each of their lengths, 1 by
            default (of `gaussian`, whose length is 1, as far as the weights are long). Else the
            share of the range that is added at both ends: 0.5 by default on a line, 0.25 on a
            plane.
        split: `train`, `validation` or `test`.
        examples: at most so many of them.
        seed: of the directions and the examples.
        statistics: of batch normalisation, see `heights`; must be chosen where there is one.
        curvature: points along each axis at which the Hessian's ends are measured; 0: none.
        curvature_examples: at most so many for it.

    Raises:
        ValueError: if a value is out of range.
    """

    directions: Directions = "filter"
    dimensions: int = 2
    points: int = 25
    extent: float | None = None
    split: Literal["train", "validation", "test"] = "train"
    examples: int = 1000
    seed: int = 0
    statistics: Statistics | None = None
    curvature: int = 0
    curvature_examples: int = 200

    def __post_init__(self) -> None:
        if self.directions not in get_args(Directions):
            raise unknown("kind of directions", self.directions, get_args(Directions))
        if self.dimensions not in (1, 2):
            raise ValueError(f"dimensions must be 1 or 2, got {self.dimensions}")
        if self.directions == "trajectory" and self.dimensions == 1:
            raise ValueError("the directions of a trajectory span a plane: dimensions must be 2")
        check_size("points", self.points, 2)
        if self.extent is not None and not 0 < self.extent < 1e6:
            raise ValueError(f"extent must be above 0 and below a million, got {self.extent}")
        check_size("examples", self.examples, 1)
        check_size("curvature_examples", self.curvature_examples, 1)
        if self.curvature == 1 or self.curvature < 0:
            raise ValueError(
                f"curvature must be 0 or at least 2 points a side, got {self.curvature}"
            )
        if self.statistics is not None and self.statistics not in get_args(Statistics):
            raise unknown("kind of batch statistics", self.statistics, get_args(Statistics))

    @property
    def random(self) -> bool:
        """Whether the directions are drawn."""
        return self.directions in _RANDOM

    def checked(self, runs: int) -> None:
        """Says so if so many runs make no picture of this kind.

        Raises:
            ValueError: if they do not.
        """
        if self.directions == "between":
            if runs not in (2, 3):
                raise ValueError(
                    "the line between networks takes two runs and the plane through them three, "
                    f"got {runs}"
                )
            if self.dimensions != runs - 1:
                raise ValueError(
                    f"between {runs} runs is a {'line' if runs == 2 else 'plane'}: dimensions must "
                    f"be {runs - 1}"
                )
            if self.statistics == "running":
                raise ValueError(
                    "between networks running statistics are those of neither: statistics must be "
                    "'recomputed'"
                )
        elif runs not in (1, 2):
            raise ValueError(f"one or two runs make a picture of these directions, got {runs}")
        if self.directions == "trajectory" and self.statistics == "running":
            raise ValueError(
                "along a training running statistics are those of its end alone: statistics must "
                "be 'recomputed'"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Landscape:
    """The points of one or more pictures.

    Args:
        config: what was asked for; without batch normalisation its `statistics` are None.
        axes: the coordinates along each axis, in ascending order; those of a line have one.
        heights: a row a point: `network` (0, 1: which picture), `run`, `first, second`
            (coordinates; null on a line), `loss` (NaN: an output was not finite), `accuracy`
            (fraction; null without classes).
        convexity: a row a point of the coarse grid: the ends of the Hessian's spectrum in all
            directions (`largest, smallest`, and whether both have `converged`) and in the picture's
            own (`plane_largest, plane_smallest`), and what is lost by each, see `convexity_lost`.
        path: a row a snapshot of the trajectory, with the share of it that lies `off_plane`; or a
            row a run that the picture leads through, `step` null.
        origins: of each picture the loss at its origin, which need be no point of the grid: the
            network's own, and between networks the first one's; NaN if it is not finite.
        remarks: what a reader should know, a sentence each.
    """

    config: LandscapeConfig
    axes: tuple[tuple[float, ...], ...]
    heights: pa.Table
    convexity: pa.Table
    path: pa.Table
    origins: tuple[float, ...]
    remarks: tuple[str, ...]


def landscape(
    runs: Sequence[Run],
    dataset: Dataset,
    config: LandscapeConfig | None = None,
    *,
    objective: Objective,
    step: int | None = None,
    into: nn.Module | None = None,
    store: Store | None = None,
    engine: Engine | None = None,
    numerics: Numerics | None = None,
    progress: Progress | None = None,
) -> Landscape:
    """The loss on a line or plane through a run's weights, or through several runs'.

    Points are measured a few at a time, side by side where the engine can, and kept in the store:
    stopped at any moment, the same call goes on with the points that are missing.

    >>> found = landscape([run], load("mnist"), objective=cross_entropy)
    >>> found.heights, found.remarks

    Args:
        runs: one, or two that are drawn in one scale; with `between` the two or three ends.
        dataset: whose split is measured on.
        config: `LandscapeConfig()` by default.
        objective: what judges the outputs.
        step: the snapshot, the last if not given.
        into: the network, as of `Run.model`; where only its own code can build it. Then nothing is
            kept, and all is done in this process.
        store, engine, numerics, progress: as of `measure_many`.

    Raises:
        ValueError: before anything is measured, if the runs and the configuration make no picture,
            the networks are not of one architecture where they must be, one does not take the
            data's inputs, or there is batch normalisation and no mode was chosen.

    Source: Li et al. 2018 (1712.09913); Goodfellow et al. 2015. Cost: a forward pass a point, see
    `heights`, and with curvature some 60 products with the Hessian a point of the coarse grid.
    """
    config, numerics = config or LandscapeConfig(), numerics or Numerics()
    config.checked(len(runs))
    if config.directions == "between" and len({run.key for run in runs}) < len(runs):
        keys = ", ".join(run.key[:12] for run in runs)
        raise ValueError(f"between networks each run must be another one, got {keys}")
    groups = [tuple(runs)] if config.directions == "between" else [(run,) for run in runs]
    chosen = Chosen(
        directions=config.directions,
        dimensions=config.dimensions,
        split=config.split,
        seed=config.seed,
        step=step,
        statistics=config.statistics,
    )
    found = [scene_of(*group, chosen=chosen, into=into) for group in groups]
    for scene, group in zip(found, groups, strict=True):
        _check_takes(scene.model, group[0], dataset)
    axes = _axes(found, config, config.points)
    work = _Work(groups, dataset, chosen, objective, into, numerics)
    size = _at_once(found[0].model, config)
    tasks = work.tasks(height_rows, _places(axes), size, examples=config.examples)
    coarse = _places(_axes(found, config, config.curvature)) if config.curvature else []
    bent = work.tasks(convexity_rows, coarse, 1, examples=config.curvature_examples)
    middle = [[0.0] * config.dimensions]
    alone = work.tasks(height_rows, middle, 1, examples=config.examples)
    origins = {("origin", number): one for number, one in enumerate(alone.values())}
    measured = work.measured(tasks | bent | origins, store, engine, progress)
    batches = any(normalisations(one.model) for one in found)
    return Landscape(
        config=config if batches else replace(config, statistics=None),
        axes=axes,
        heights=_table(measured, tasks, groups, HEIGHTS),
        convexity=_table(measured, bent, groups, CONVEXITY),
        path=_path(found, groups),
        origins=tuple(_loss(measured[name][0]) for name in origins),
        remarks=tuple(dict.fromkeys(words for one in found for words in one.remarks)),
    )


@torch.no_grad()
def _check_takes(model: nn.Module, run: Run, dataset: Dataset) -> None:
    """Tries one example."""
    try:
        model(fitting(model, dataset.train.inputs[:1]))
    except (RuntimeError, TypeError, IndexError, ValueError) as error:
        raise ValueError(
            f"the network of run {run.key[:12]} does not take inputs of shape "
            f"{list(dataset.input_shape)} as {dataset.name} has them: it was trained on "
            f"{run.about.get('data') or 'other data'}; a picture is of one data set"
        ) from error


def _axes(
    found: list[Scene], config: LandscapeConfig, points: int
) -> tuple[tuple[float, ...], ...]:
    """The coordinates along each axis, the same for all networks."""
    if config.random:
        reach = config.extent or _reach(found[0], config)
        return (spaced(-reach, reach, points),) * config.dimensions
    margin = config.extent or (0.5 if config.dimensions == 1 else 0.25)
    marks = [place for one in found for place in one.marks]
    ends = []
    for axis in range(config.dimensions):
        values = [place[axis] for place in marks]
        low, high = min(values), max(values)
        more = margin * (high - low)
        ends.append(spaced(low - more, high + more, points))
    return tuple(ends)


def _reach(scene: Scene, config: LandscapeConfig) -> float:
    return float(f"{scene.length:.2g}") if config.directions == "gaussian" else 1.0


def _places(axes: tuple[tuple[float, ...], ...]) -> list[list[float]]:
    """The places of a grid, a row along the second axis after another."""
    return [list(place) for place in product(*axes)]


def _at_once(model: nn.Module, config: LandscapeConfig) -> int:
    """Points that are measured, and kept, together: whole rows where a pass is short."""
    if any(one.kind.endswith("convolution") for one in layers(model).values()):
        return _PIECE
    rows = -(-config.points // _PARTS)
    return rows if config.dimensions == 1 else rows * config.points


@dataclass(frozen=True, kw_only=False, eq=False)
class _Work:
    """What all measurements of a landscape have in common."""

    groups: list[tuple[Run, ...]]
    dataset: Dataset
    chosen: Chosen
    objective: Objective
    into: nn.Module | None
    numerics: Numerics

    def tasks(
        self, function: Any, places: list[list[float]], size: int, *, examples: int
    ) -> dict[Hashable, Measurement]:
        """A measurement for so many places of each network, by network, function and start."""
        judge = objective_to_json(self.objective)
        return {
            (number, function.__name__, start): Measurement(
                function=function,
                runs=group,
                dataset=self.dataset,
                arguments={
                    "chosen": self.chosen,
                    "examples": examples,
                    "places": places[start : start + size],
                    "objective": judge,
                    "numerics": self.numerics,
                },
            )
            for number, group in enumerate(self.groups)
            for start in range(0, len(places), size)
        }

    def measured(
        self,
        tasks: dict[Hashable, Measurement],
        store: Store | None,
        engine: Engine | None,
        progress: Progress | None,
    ) -> dict[Hashable, list[dict[str, Any]]]:
        if self.into is None or is_rebuildable(describe(self.into)):
            return measure_many(tasks, store=store, engine=engine, progress=progress)
        return {
            name: [
                dict(row)
                for row in one.function(*one.runs, one.dataset, **one.arguments, into=self.into)
            ]
            for name, one in tasks.items()
        }


def _table(
    measured: dict[Hashable, list[dict[str, Any]]],
    tasks: dict[Hashable, Measurement],
    groups: list[tuple[Run, ...]],
    schema: pa.Schema,
) -> pa.Table:
    rows = []
    for name in tasks:
        assert isinstance(name, tuple)
        number = name[0]
        for row in measured[name]:
            about = {"network": number, "run": groups[number][0].key}
            rows.append({**about, **row, "loss": _loss(row)})
    return pa.Table.from_pylist(rows, schema)


def _loss(row: Mapping[str, Any]) -> float:
    """None is kept for a loss that is not finite: rows in the store hold no NaN."""
    return float("nan") if row["loss"] is None else row["loss"]


def _path(found: list[Scene], groups: list[tuple[Run, ...]]) -> pa.Table:
    rows = []
    for number, (scene, group) in enumerate(zip(found, groups, strict=True)):
        for place, mark in enumerate(scene.marks):
            ends = len(scene.steps) == 0
            off = None if ends else scene.off_plane[place]
            rows.append(
                {
                    "network": number,
                    "run": group[place if ends and len(group) > 1 else 0].key,
                    "step": None if ends else scene.steps[place],
                    "first": mark[0],
                    "second": mark[1] if len(mark) > 1 else None,
                    "off_plane": None if off is None or off != off else off,
                }
            )
    return pa.Table.from_pylist(rows, PATH)
