"""The loss as a function of the weights: directions, lines and planes through networks."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.landscape.batch_statistics import batch_statistics
    from surfeit.landscape.convexity import (
        basin_share,
        convexity_lost,
        nonconvex_share,
        plane_curvatures,
    )
    from surfeit.landscape.directions import (
        difference,
        random_direction,
        trained_and_frozen,
    )
    from surfeit.landscape.heights import Height, Statistics, check_statistics, heights
    from surfeit.landscape.line import along_line, between, error_barrier
    from surfeit.landscape.plane import Plane, dot, spaced, through
    from surfeit.landscape.trajectory import Trajectory, trajectory

__all__ = [
    "Height",
    "Plane",
    "Statistics",
    "Trajectory",
    "along_line",
    "basin_share",
    "batch_statistics",
    "between",
    "check_statistics",
    "convexity_lost",
    "difference",
    "dot",
    "error_barrier",
    "heights",
    "nonconvex_share",
    "plane_curvatures",
    "random_direction",
    "spaced",
    "through",
    "trained_and_frozen",
    "trajectory",
]

lazy_front(__name__)
