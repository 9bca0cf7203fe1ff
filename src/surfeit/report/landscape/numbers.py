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
        origin: the loss at the origin; NaN if it is not finite.
        least, most: the ends of the finite losses; NaN where none is.
        holes: points where an output is not finite.
        points: of the picture.
        nonconvex: the share of inner points where the picture's own surface loses more than a
            tenth of its convexity; None on a line or a plane of fewer than three points a side.
        lost: the median of the convexity lost in all directions; None where not measured.
        plane_lost: the same in the picture's own directions.
        hidden: at how many points of the coarse grid the picture looks convex (a hundredth lost
            at most) and the loss is not; None where not measured.
        bent: of how many points the curvature is known.
    """

    origin: float
    least: float
    most: float
    holes: int
    points: int
    nonconvex: float | None
    lost: float | None
    plane_lost: float | None
    hidden: int | None
    bent: int


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
    hidden = sum(row["plane_convexity_lost"] <= _CONVEX < row["convexity_lost"] for row in known)
    return Numbers(
        origin=found.origins[network],
        least=float(finite.min()) if len(finite) else math.nan,
        most=float(finite.max()) if len(finite) else math.nan,
        holes=len(losses) - len(finite),
        points=len(losses),
        nonconvex=_nonconvex(found, network),
        lost=median(row["convexity_lost"] for row in known) if known else None,
        plane_lost=median(row["plane_convexity_lost"] for row in known) if known else None,
        hidden=hidden if known else None,
        bent=len(known),
    )


def _nonconvex(found: Landscape, network: int) -> float | None:
    if len(found.axes) < 2 or min(map(len, found.axes)) < 3:
        return None
    a, b, values = grid(found.heights, network, "loss")
    return nonconvex_share(values, (float(a[1] - a[0]), float(b[1] - b[0])))
