"""How much of a surface is not convex: of all directions, and of the two that a picture shows."""

import math
from typing import Any

import numpy as np
from jaxtyping import Float


def convexity_lost(largest: float, smallest: float) -> float:
    """How much of the curvature is in the negative eigenvalues: `max(0, −λ_min) / max(0, λ_max)`.

    0 where the loss is convex; infinite where it bends downwards alone; NaN where it is flat or an
    eigenvalue is missing.

    A plane shows weighted means of all eigenvalues: where its surface is not convex the loss is
    not convex either, but a surface that looks convex can hide any number of negative eigenvalues.

    Args:
        largest, smallest: the ends of the Hessian's spectrum.

    Source: Li et al. 2018, section 6 (`|λ_min / λ_max|`).
    """
    down, up = max(0.0, -smallest), max(0.0, largest)
    if math.isnan(largest) or math.isnan(smallest) or (down == 0 and up == 0):
        return math.nan
    return down / up if up > 0 else math.inf


def plane_curvatures(
    heights: Float[np.ndarray, "rows columns"], steps: tuple[float, float]
) -> tuple[Float[np.ndarray, "inner inner"], Float[np.ndarray, "inner inner"]]:
    """The eigenvalues of the surface's own 2 x 2 Hessian at a grid's inner points.

    Second differences: `(f(a+h) − 2 f(a) + f(a−h)) / h²`, and for the mixed one the four corners.
    Exact on quadratics.

    Args:
        heights: losses on a grid, rows along the first axis.
        steps: the distance of two points along each axis.

    Returns:
        the smaller and the larger eigenvalue, each [rows − 2, columns − 2]; NaN beside a height
        that is not finite.

    Raises:
        ValueError: if a side has fewer than three points.
    """
    if min(heights.shape) < 3:
        raise ValueError(f"second differences need 3 points a side, got {heights.shape}")
    values = np.where(np.isfinite(heights), heights, np.nan)
    middle = values[1:-1, 1:-1]
    first = (values[2:, 1:-1] - 2 * middle + values[:-2, 1:-1]) / steps[0] ** 2
    second = (values[1:-1, 2:] - 2 * middle + values[1:-1, :-2]) / steps[1] ** 2
    corners = values[2:, 2:] - values[2:, :-2] - values[:-2, 2:] + values[:-2, :-2]
    mixed = corners / (4 * steps[0] * steps[1])
    mean, half = (first + second) / 2, np.hypot((first - second) / 2, mixed)
    return mean - half, mean + half


def nonconvex_share(
    heights: Float[np.ndarray, "rows columns"],
    steps: tuple[float, float],
    *,
    least: float = 0.1,
    level: float = math.inf,
) -> float:
    """The share of a grid's inner points where the surface is clearly not convex.

    `max(0, −λ_min) / max(0, λ_max) > least`, of the surface's own 2 x 2 Hessian. Points beside a
    height that is not finite count as not convex.

    Args:
        heights, steps: as of `plane_curvatures`.
        least: what is lost must be more: rounding and gentle slopes are not chaos.
        level: only points whose height is at most this count: of a classifier `log(classes)`, the
            loss of guessing, keeps out the plain around a basin, which is flat and not convex.

    Returns:
        a fraction; NaN where no inner point is so low.

    Cost: a pass over the grid.
    """
    smaller, larger = plane_curvatures(heights, steps)
    down, up = np.maximum(0, -smaller), np.maximum(0, larger)
    lost: Any = np.isnan(smaller) | (down > least * up)
    if level == math.inf:
        return float(lost.mean())
    low = heights[1:-1, 1:-1] <= level
    return float(lost[low].mean()) if low.any() else math.nan


def basin_share(heights: Float[np.ndarray, "..."], level: float) -> float:
    """The share of a grid whose loss is at most `level`; what is not finite is above it."""
    return float((np.where(np.isfinite(heights), heights, np.inf) <= level).mean())
