"""What the study `surfaces` trains and measures, so that judging anew measures nothing; and
the surfaces themselves, which `residual_surfaces` measures in its own way."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from math import isnan, log, log10, prod, sqrt
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import nn

from surfeit.core import Split, Streams, tensors_of
from surfeit.data import Dataset
from surfeit.landscape import (
    Plane,
    basin_share,
    dot,
    heights,
    nonconvex_share,
    random_direction,
    spaced,
    trained_and_frozen,
)
from surfeit.models import Residual, Shape, blank, initialise_
from surfeit.store import Run
from surfeit.studies._fitting import examples

Picture = tuple[float, np.ndarray, float]
"""The loss at the origin, the losses on a grid around it, and how far its points are apart."""


def block_chain(
    depth: int,
    width: int,
    shortcuts: bool,
    *,
    input_shape: Shape = (1, 28, 28),
    classes: int = 10,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """A residual network of fully connected layers, or the plain network with the same weights.

    A layer, then (depth - 2) / 2 blocks of two layers with batch normalisation, then the classes:
    `resnet` with vectors of one width in place of images. Its pictures cost a hundredth.

    Args:
        depth: layers with weights on the longest way, even, at least 4.
        width: units of each hidden layer.
        shortcuts: whether blocks are added to their inputs.
        input_shape, classes, generator: as of `mlp`.

    Raises:
        ValueError: if the depth is odd or below 4.
    """
    if depth < 4 or depth % 2:
        raise ValueError(f"depth must be even and at least 4, got {depth}")
    parts: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    parts["fc1"] = blank(nn.Linear, prod(input_shape), width)
    parts["bn1"], parts["relu1"] = nn.BatchNorm1d(width), nn.ReLU()
    for number in range(1, depth // 2):
        body = nn.Sequential(
            OrderedDict(
                fc1=blank(nn.Linear, width, width),
                bn1=nn.BatchNorm1d(width),
                relu1=nn.ReLU(),
                fc2=blank(nn.Linear, width, width),
                bn2=nn.BatchNorm1d(width),
            )
        )
        parts[f"block{number}"] = Residual(body) if shortcuts else body
        parts[f"relu{number + 1}"] = nn.ReLU()
    parts["fc2"] = blank(nn.Linear, width, classes)
    model = nn.Sequential(parts)
    initialise_(model, generator or Streams(0).get("init"))
    return model


def pictured(
    run: Run, dataset: Dataset, images: int, shown: int, points: int, planes: int, above: float
) -> Iterator[dict[str, Any]]:
    """How smooth a network's filter-normalised surfaces are, averaged over planes.

    Args:
        run: trained on so many images of the data set, as its seed draws them.
        dataset: the whole one.
        images: how many it was trained on.
        shown: of how many of them the loss is taken.
        points: along each axis, which reach from −1 to 1.
        planes: how many, each of two random directions.
        above: how far above the loss at the origin the basin reaches, in nats.

    Yields:
        `loss, nonconvex` (share of inner points), `nonconvex_below` (of those at most as high as
        guessing, `log classes`; None where a plane has none), `basin` (share of points),
        `test_accuracy`.

    Source: Li et al. 2018, sections 4 and 6. Cost: planes · points² forward passes.
    """
    seed, guessing = run.config["seed"], log(dataset.classes)
    split = shown_of(dataset, images, shown, seed)
    seen = list(pictures(run.model(), split, seed, points, planes))
    yield {
        "loss": seen[0][0],
        "nonconvex": fmean(nonconvex_share(grid, (step, step)) for _, grid, step in seen),
        "nonconvex_below": rough_below(seen, guessing),
        "basin": fmean(basin_share(grid, origin + above) for origin, grid, _ in seen),
        "test_accuracy": run.metrics()["test_accuracy"][-1].as_py(),
    }


def pictures(
    model: nn.Module, split: Split, seed: int, points: int, planes: int
) -> Iterator[Picture]:
    """A network's filter-normalised surfaces.

    Args:
        model: at the origin of all planes.
        split: the examples that the loss is taken of.
        seed: of the planes' directions.
        points, planes: as of `pictured`.
    """
    axis = spaced(-1.0, 1.0, points)
    for number in range(planes):
        streams = Streams(seed)
        first, second = (
            random_direction(model, generator=streams.get("plane", number, one))
            for one in ("first", "second")
        )
        plane = Plane(origin=tensors_of(model), directions=(first, second))
        places = [(a, b) for a in axis for b in axis]
        found = heights(model, plane, [(0.0, 0.0), *places], split, statistics="recomputed")
        grid = np.array([one.loss for one in found[1:]]).reshape(points, points)
        yield found[0].loss, grid, axis[1] - axis[0]


def rough_below(seen: Sequence[Picture], level: float) -> float | None:
    """The mean share that is not convex of the points at most so high; None where one has none."""
    shares = [nonconvex_share(grid, (step, step), level=level) for _, grid, step in seen]
    return None if any(map(isnan, shares)) else fmean(shares)


def lined(
    run: Run,
    dataset: Dataset,
    images: int,
    shown: int,
    points: int,
    lines: int,
    distance: float,
    share: float,
) -> Iterator[dict[str, Any]]:
    """How steeply the loss rises on lines through a network: at fixed distances, and normalised.

    Args:
        run, dataset, images, shown: as of `pictured`.
        points: on each line, odd: the middle is the network.
        lines: random directions, of which the mean rise is taken.
        distance: how far the lines of a fixed length reach, for all networks.
        share: how far the filter-normalised ones do, in lengths of each filter.

    Yields:
        `norm` (of the weights that filters hold), `rise, filter_rise` (log10 of the mean of the
        loss on the lines less that at the network; None if it does not rise), `loss`,
        `test_accuracy`.

    Source: Li et al. 2018, section 3. Cost: 2 · lines · points forward passes.
    """
    seed, model = run.config["seed"], run.model()
    split = shown_of(dataset, images, shown, seed)
    tensors = tensors_of(model)
    weights = [name for name in trained_and_frozen(model)[0] if tensors[name].dim() > 1]
    kept = {name: tensors[name] for name in weights}
    rises: dict[str, list[float]] = {"rise": [], "filter_rise": []}
    origin = 0.0
    for number in range(lines):
        drawn = random_direction(model, generator=Streams(seed).get("line", number))
        fixed = random_direction(
            model, kind="gaussian", generator=Streams(seed).get("line", number)
        )
        # Both move weights alone: biases have no filter to be as long as.
        fixed = {name: fixed[name] if name in kept else 0 * fixed[name] for name in fixed}
        for name, direction, reach in (
            ("rise", fixed, distance),
            ("filter_rise", drawn, share),
        ):
            plane = Plane(origin=tensors, directions=(direction,))
            places = [(a,) for a in spaced(-reach, reach, points)]
            found = [
                one.loss for one in heights(model, plane, places, split, statistics="recomputed")
            ]
            origin = found[points // 2]
            rises[name].append(fmean(found) - origin)
    means = {name: fmean(values) for name, values in rises.items()}
    yield {
        "norm": sqrt(dot(kept, kept)),
        **{name: log10(one) if one > 0 else None for name, one in means.items()},
        "loss": origin,
        "test_accuracy": run.metrics()["test_accuracy"][-1].as_py(),
    }


def shown_of(dataset: Dataset, images: int, shown: int, seed: int) -> Split:
    """Those of the images that a seed trains on of which it takes the pictured loss."""
    return examples(dataset, images, seed).train.some(shown, Streams(seed).get("shown"))
