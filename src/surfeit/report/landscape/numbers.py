"""What a landscape says in numbers, one set a network."""

import math
from dataclasses import dataclass
from statistics import median

import numpy as np

from surfeit.landscape import nonconvex_share
from surfeit.procedures.landscape import Landscape
from surfeit.tables.figures.landscape import grid


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """What is said of one network's picture.

    Args:
        origin_loss: at the origin; NaN if it is not finite.
        least_loss, largest_loss: the ends of the finite losses; NaN where none is.
        points: of the picture.
        not_finite: at how many of them an output is not finite.
        nonconvex_share: the share of inner points where the picture's own surface loses more than a
            tenth of its convexity; None on a line or a plane of fewer than three points a side.
        curvature_points: of how many points of the coarse grid the curvature is known.
        convexity_lost: the median over them, in all directions; None where not measured.
        plane_convexity_lost: the same in the picture's own directions.
        seemingly_convex: at how many of them the picture looks convex (a hundredth lost at most)
            and the loss is not; None where not measured.
    """

    origin_loss: float
    least_loss: float
    largest_loss: float
    points: int
    not_finite: int
    nonconvex_share: float | None
    curvature_points: int
    convexity_lost: float | None
    plane_convexity_lost: float | None
    seemingly_convex: int | None


_CONVEX = 0.01


def numbers_of(found: Landscape, network: int) -> Numbers:
    """The numbers of one network."""
    rows = [row for row in found.heights.to_pylist() if row["network"] == network]
    losses = np.array([row["loss"] for row in rows])
    finite = losses[np.isfinite(losses)]
    known = [
        row
        for row in found.convexity.to_pylist()
        if row["network"] == network
        and None not in (row["convexity_lost"], row["plane_convexity_lost"])
    ]
    seeming = sum(row["plane_convexity_lost"] <= _CONVEX < row["convexity_lost"] for row in known)
    return Numbers(
        origin_loss=found.origins[network],
        least_loss=float(finite.min()) if len(finite) else math.nan,
        largest_loss=float(finite.max()) if len(finite) else math.nan,
        points=len(losses),
        not_finite=len(losses) - len(finite),
        nonconvex_share=_nonconvex_share(found, network),
        curvature_points=len(known),
        convexity_lost=median(row["convexity_lost"] for row in known) if known else None,
        plane_convexity_lost=(
            median(row["plane_convexity_lost"] for row in known) if known else None
        ),
        seemingly_convex=seeming if known else None,
    )


def _nonconvex_share(found: Landscape, network: int) -> float | None:
    if len(found.axes) < 2 or min(map(len, found.axes)) < 3:
        return None
    a, b, values = grid(found.heights, network, "loss")
    return nonconvex_share(values, (float(a[1] - a[0]), float(b[1] - b[0])))
