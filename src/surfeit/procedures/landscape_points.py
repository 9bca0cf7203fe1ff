"""Points of a landscape, measured where a worker is: from runs, numbers and names alone."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from surfeit.core import (
    Objective,
    Params,
    Split,
    Streams,
    buffers,
    check_module,
    converted_,
    load_,
    parameters,
)
from surfeit.core.objective import objective_from_json
from surfeit.curvature import LossSurface, eigenpairs, hessian, loss_examples
from surfeit.data import Dataset
from surfeit.landscape import (
    Height,
    Plane,
    Statistics,
    batch_statistics,
    check_statistics,
    convexity_lost,
    difference,
    dot,
    heights,
    normalisations,
    random_direction,
    through,
    trained_and_frozen,
    trajectory,
)
from surfeit.store import Run
from surfeit.train import Numerics

_MOST_NUMBERS = 1 << 27  # of all snapshots of a trajectory, 1 GB in float64
_TOLERANCE, _MOST_PRODUCTS = 0.01, 120


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What says which plane through which weights: see `LandscapeConfig`."""

    directions: str
    dimensions: int
    split: str
    seed: int
    step: int | None
    statistics: Statistics | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """A line or plane through a network's weights.

    Args:
        model: the network at its origin.
        mask: bool by parameter, True = kept.
        plane: origin and directions.
        marks: the places of snapshots or runs on it; of random directions the origin alone.
        steps: of the snapshots; empty where the marks are none.
        off_plane: of the snapshots, the share that is not in the plane.
        length: `‖θ‖` of the parameters that are moved.
        remarks: a sentence each.
    """

    model: nn.Module
    mask: Mapping[str, Tensor]
    plane: Plane
    marks: tuple[tuple[float, ...], ...]
    steps: tuple[int, ...]
    off_plane: tuple[float, ...]
    length: float
    remarks: tuple[str, ...]


def scene_of(*runs: Run, chosen: Chosen, into: nn.Module | None = None) -> Scene:
    """The line or plane that was chosen, through one run's weights or several runs'.

    Raises:
        ValueError: if the networks are not of one architecture where they must be, the run has too
            few snapshots for the plane of its trajectory, there is no such snapshot, no parameter
            is trained, or there is batch normalisation and no mode was chosen.
    """
    run = runs[0]
    model = run.model(chosen.step, into=into)
    check_module(model)
    mask = dict(run.mask_at(chosen.step))
    check_statistics(model, chosen.statistics)
    trained, frozen = trained_and_frozen(model)
    origin = parameters(model) | buffers(model)
    remarks = [f"left out, as they are not trained: {', '.join(frozen)}"] if frozen else []
    removed = sum(int((~kept).sum()) for kept in mask.values())
    if removed:
        remarks.append(f"not moved, as a mask removes them: {removed:,} weights")
    marks: Sequence[tuple[float, ...]] = ((0.0,) * chosen.dimensions,)
    steps: tuple[int, ...] = ()
    off_plane: tuple[float, ...] = ()
    if chosen.directions == "trajectory":
        steps, told = _steps(run, chosen.step, sum(origin[name].numel() for name in trained))
        remarks += told
        stored = [run.tensors(step) for step in steps]
        found = trajectory([{name: one[name] for name in trained} for one in stored])
        directions = found.directions
        marks = tuple(tuple(place) for place in found.places.tolist())
        off_plane = tuple(found.off_plane.tolist())
        remarks.append(_explained(run, found.explained, off_plane))
    elif chosen.directions == "between":
        directions, marks = _joined(runs, origin, trained, chosen.step)
    else:
        streams = Streams(chosen.seed)
        directions = tuple(
            random_direction(
                model,
                kind=chosen.directions,  # pyright: ignore[reportArgumentType]
                mask=mask,
                generator=streams.get("landscape", axis),
            )
            for axis in ("first", "second")[: chosen.dimensions]
        )
    moved = {name: origin[name] for name in trained}
    return Scene(
        model=model,
        mask=mask,
        plane=Plane(origin=origin, directions=directions),
        marks=tuple(marks),
        steps=steps,
        off_plane=off_plane,
        length=math.sqrt(dot(moved, moved)),
        remarks=tuple(remarks),
    )


def height_rows(
    *operands: Any,
    chosen: Chosen,
    examples: int,
    places: list[list[float]],
    objective: dict[str, Any],
    numerics: Numerics,
    into: nn.Module | None = None,
) -> Iterator[dict[str, Any]]:
    """The loss at places: a `Measurement`'s function.

    Args:
        operands: the runs, and the data set.
        chosen: the plane.
        examples: of the split, at most; `loss_examples` of the seed.
        places: coordinates.
        objective: as `objective_to_json` has it.
        numerics: device, threads and precision.
        into: the network, where only its own code can build it.

    Yields:
        rows `first, second, loss, accuracy`; `loss` None where an output is not finite.
    """
    with numerics.in_force():
        scene, split, judge = _placed(operands, chosen, examples, objective, numerics, into)
        found = _heights(scene, places, split, judge, chosen)
        for place, height in zip(places, found, strict=True):
            loss = None if math.isnan(height.loss) else height.loss
            yield _named(place) | {"loss": loss, "accuracy": height.accuracy}


def convexity_rows(
    *operands: Any,
    chosen: Chosen,
    examples: int,
    places: list[list[float]],
    objective: dict[str, Any],
    numerics: Numerics,
    into: nn.Module | None = None,
) -> Iterator[dict[str, Any]]:
    """The ends of the Hessian's spectrum at places, of all directions and of the picture's.

    Args: as of `height_rows`. Batch statistics are held where they are at the place.

    Yields:
        rows `first, second, loss, largest, smallest, converged, plane_largest, plane_smallest,
        convexity_lost, plane_convexity_lost`; None for all but the place where the loss is not
        finite. Cost: some 60 products a place.
    """
    with numerics.in_force():
        scene, split, judge = _placed(operands, chosen, examples, objective, numerics, into)
        for place in places:
            (height,) = _heights(scene, [place], split, judge, chosen)
            yield _named(place) | _bent(scene, place, split, judge, chosen, height)


def _bent(
    scene: Scene,
    place: list[float],
    split: Split,
    objective: Objective,
    chosen: Chosen,
    height: Height,
) -> dict[str, Any]:
    """What is said of the Hessian at one place."""
    names = ("largest", "smallest", "converged", "plane_largest", "plane_smallest")
    lost = ("convexity_lost", "plane_convexity_lost")
    if not math.isfinite(height.loss):
        return {"loss": None, **dict.fromkeys((*names, *lost))}
    tensors = scene.plane.at(tuple(place))
    if normalisations(scene.model) and chosen.statistics == "recomputed":
        tensors |= batch_statistics(scene.model, tensors, split.inputs)
    load_(scene.model, tensors)
    surface = LossSurface.of(scene.model, split, objective, mask=scene.mask)
    operator = hessian(surface)
    pairs = eigenpairs(
        operator,
        largest=1,
        smallest=min(1, operator.size - 1),
        tolerance=_TOLERANCE,
        most=_MOST_PRODUCTS,
        generator=Streams(chosen.seed).get("landscape", "krylov"),
    )
    rows = torch.stack(
        [surface.coordinates.flat(_whole(one, surface)) for one in scene.plane.directions]
    )
    basis = torch.linalg.qr(rows.double().T).Q.T
    inner = operator.times(basis).double() @ basis.T
    within = torch.linalg.eigvalsh((inner + inner.T) / 2).tolist()
    ends = (float(pairs.values[0]), float(pairs.values[-1]))
    values = (*ends, bool(pairs.converged.all()), within[-1], within[0])
    shares = (convexity_lost(*ends), convexity_lost(within[-1], within[0]))
    return {
        "loss": height.loss,
        **dict(zip(names, values, strict=True)),
        **{name: None if math.isnan(x) else x for name, x in zip(lost, shares, strict=True)},
    }


def _whole(direction: Params, surface: LossSurface) -> Params:
    return {
        name: direction.get(name, torch.zeros_like(value))
        for name, value in surface.coordinates.point.items()
    }


def _heights(
    scene: Scene, places: list[list[float]], split: Split, objective: Objective, chosen: Chosen
) -> list[Height]:
    return heights(
        scene.model,
        scene.plane,
        [tuple(place) for place in places],
        split,
        objective=objective,
        statistics=chosen.statistics,
    )


def _placed(
    operands: tuple[Any, ...],
    chosen: Chosen,
    examples: int,
    objective: dict[str, Any],
    numerics: Numerics,
    into: nn.Module | None,
) -> tuple[Scene, Split, Objective]:
    """The scene on its device, the examples and the objective."""
    *runs, dataset = operands
    assert isinstance(dataset, Dataset)
    scene = scene_of(*runs, chosen=chosen, into=into)
    drawn = loss_examples(dataset.splits[chosen.split], examples, seed=chosen.seed)
    if numerics.device != "cpu":
        scene = _moved(scene, numerics.device)
    return scene, drawn.to(numerics.device), objective_from_json(objective)


def _moved(scene: Scene, device: str) -> Scene:
    def there(tensors: Mapping[str, Tensor]) -> Params:
        return {name: value.to(device) for name, value in tensors.items()}

    plane = Plane(
        origin=there(scene.plane.origin),
        directions=tuple(there(one) for one in scene.plane.directions),
    )
    model = converted_(scene.model, device)
    return Scene(**{**vars(scene), "model": model, "plane": plane, "mask": there(scene.mask)})


def _joined(
    runs: tuple[Run, ...], origin: Params, trained: tuple[str, ...], step: int | None
) -> tuple[tuple[Params, ...], tuple[tuple[float, ...], ...]]:
    """The line through two networks, or the plane through three, and where these lie on it."""
    ends = [origin, *(run.tensors(step) for run in runs[1:])]
    for run, tensors in zip(runs[1:], ends[1:], strict=True):
        if tensors.keys() != origin.keys() or any(
            tensors[name].shape != origin[name].shape for name in trained
        ):
            raise ValueError(
                f"runs {runs[0].key[:12]} and {run.key[:12]} are of different networks, between "
                "which there is no line: compare them by directions of their own, such as filter"
            )
    if len(ends) == 2:
        return (difference(ends[0], ends[1], trained),), ((0.0,), (1.0,))
    first, second, third = ({name: one[name] for name in trained} for one in ends)
    return through(first, second, third)


def _steps(run: Run, last: int | None, size: int) -> tuple[tuple[int, ...], list[str]]:
    """The snapshots of a trajectory, evenly chosen where all would not fit into memory."""
    steps = [one for one in run.steps() if last is None or one <= last]
    most = max(3, _MOST_NUMBERS // max(1, size))
    if len(steps) <= most:
        return tuple(steps), []
    places = {round(place * (len(steps) - 1) / (most - 1)) for place in range(most)}
    chosen = tuple(steps[place] for place in sorted(places))
    return chosen, [f"{len(chosen)} of {len(steps)} snapshots, evenly chosen"]


def _explained(run: Run, shares: tuple[float, float], off_plane: tuple[float, ...]) -> str:
    known = [share for share in off_plane if not math.isnan(share)]
    return (
        f"run {run.key[:12]}: of the squared distances of all snapshots to the last "
        f"{shares[0]:.0%} lie along the first direction, {shares[1]:.0%} along the second; of "
        f"single snapshots up to {max(known):.0%} lies off the plane"
    )


def _named(place: list[float]) -> dict[str, float | None]:
    return {"first": place[0], "second": place[1] if len(place) > 1 else None}
