"""What the study `residual_surfaces` measures, beside it so that judging anew measures nothing."""

from collections.abc import Iterator
from math import log
from statistics import fmean
from typing import Any

from surfeit.core import Split, Streams, tensors_of
from surfeit.data import Dataset
from surfeit.landscape import Plane, basin_share, heights, random_direction
from surfeit.store import Run
from surfeit.studies._surfaces import pictures, rough_below, shown_of


def at_the_end(
    run: Run, dataset: Dataset, *, images: int, shown: int, points: int, planes: int
) -> Iterator[dict[str, Any]]:
    """How smooth a network's filter-normalised surfaces are where its loss is below guessing's.

    Args:
        run, dataset, images, shown, points, planes: as of `_surfaces.pictured`.

    Yields:
        `step, loss, nonconvex` (share of the inner points at most as high as guessing, `log
        classes`; None where a plane has none), `below` (share of all points that are), both
        averaged over planes, and `test_accuracy`.

    Source: Li et al. 2018, sections 4 and 5. Cost: planes · points² forward passes.
    """
    split = shown_of(dataset, images, shown, run.config["seed"])
    accuracy = run.metrics()["test_accuracy"][-1].as_py()
    step = run.steps()[-1]
    yield {
        **_smoothness(run, step, split, log(dataset.classes), points, planes),
        "test_accuracy": accuracy,
    }


def equally_trained(
    plain: Run,
    residual: Run,
    dataset: Dataset,
    *,
    images: int,
    shown: int,
    points: int,
    planes: int,
) -> Iterator[dict[str, Any]]:
    """Both networks' surfaces where their losses are first as low as the higher of their last.

    The network that ends lower is taken at the first of its snapshots that is as good as the
    other's last, the other at its first such one, so that neither is pictured at a loss that the
    other never reached.

    Args:
        plain, residual: two networks that one seed trained on one choice of images.
        dataset, images, shown, points, planes: as of `_surfaces.pictured`.

    Yields:
        a row for each, in this order, as of `at_the_end`; its accuracy is None.

    Cost: a pass over the shown images a snapshot, then 2 · planes · points² passes.
    """
    split = shown_of(dataset, images, shown, plain.config["seed"])
    level = max(_loss(run, run.steps()[-1], split) for run in (plain, residual))
    for run in (plain, residual):
        step = next(one for one in run.steps() if _loss(run, one, split) <= level)
        yield {
            **_smoothness(run, step, split, log(dataset.classes), points, planes),
            "test_accuracy": None,
        }


def _smoothness(
    run: Run, step: int, split: Split, guessing: float, points: int, planes: int
) -> dict[str, Any]:
    seen = list(pictures(run.model(step), split, run.config["seed"], points, planes))
    return {
        "step": step,
        "loss": seen[0][0],
        "nonconvex": rough_below(seen, guessing),
        "below": fmean(basin_share(grid, guessing) for _, grid, _ in seen),
    }


def _loss(run: Run, step: int, split: Split) -> float:
    """Of a snapshot, its batch statistics taken from the very examples, as in a picture."""
    model = run.model(step)
    anywhere = random_direction(model, generator=Streams(0).get("anywhere"))
    line = Plane(origin=tensors_of(model), directions=(anywhere,))
    return heights(model, line, [(0.0,)], split, statistics="recomputed")[0].loss
