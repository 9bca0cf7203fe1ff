"""What the study `residual_surfaces` measures of pairs; of one network see `_surfaces`."""

from collections.abc import Iterator
from typing import Any

from surfeit.core import Split, Streams, tensors_of
from surfeit.data import Dataset
from surfeit.landscape import Plane, heights, random_direction
from surfeit.store import Run
from surfeit.studies._surfaces import shown_of, smoothness


def equally_trained(
    plain: Run,
    residual: Run,
    dataset: Dataset,
    *,
    images: int,
    shown: int,
    points: int,
    planes: int,
    above: float,
) -> Iterator[dict[str, Any]]:
    """Both networks' surfaces where their losses are first as low as the higher of their last.

    The network that ends lower is taken at the first of its snapshots that is as good as the
    other's first such one, so that neither is pictured at a loss that the other never reached.

    Args:
        plain, residual: two networks that one seed trained on one choice of images.
        dataset, images, shown, points, planes, above: as of `_surfaces.pictured`.

    Yields:
        a row for each, in this order: `step`, `loss, nonconvex, basin` as `pictured` has them.

    Cost: a pass over the shown images a snapshot, then 2 · planes · points² passes.
    """
    seed = plain.config["seed"]
    split = shown_of(dataset, images, shown, seed)
    level = max(_loss(run, run.steps()[-1], split) for run in (plain, residual))
    for run in (plain, residual):
        step = next(one for one in run.steps() if _loss(run, one, split) <= level)
        yield {"step": step, **smoothness(run.model(step), split, seed, points, planes, above)}


def _loss(run: Run, step: int, split: Split) -> float:
    """Of a snapshot, its batch statistics taken from the very examples, as in a picture."""
    model = run.model(step)
    anywhere = random_direction(model, generator=Streams(0).get("anywhere"))
    line = Plane(origin=tensors_of(model), directions=(anywhere,))
    return heights(model, line, [(0.0,)], split, statistics="recomputed")[0].loss
