"""The loss as a function of the weights: directions, lines, planes, and paths between networks."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.landscape.asymmetry import asymmetry, flatter_side, null_direction
    from surfeit.landscape.averages import averaged_weights
    from surfeit.landscape.batch_statistics import batch_statistics, normalisations
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
    from surfeit.landscape.exchange import Exchange, Exchanges, random_order, reordered
    from surfeit.landscape.heights import Height, Statistics, check_statistics, heights
    from surfeit.landscape.line import along_line, between, error_barrier
    from surfeit.landscape.matching import Matching, match_outputs, match_weights
    from surfeit.landscape.movable import exchanges
    from surfeit.landscape.path import (
        Along,
        Curve,
        CurveKind,
        along,
        along_path,
        coefficients,
        combined,
    )
    from surfeit.landscape.plane import Plane, dot, spaced, through
    from surfeit.landscape.repair import repair
    from surfeit.landscape.trajectory import Trajectory, trajectory

__all__ = [
    "Along",
    "Curve",
    "CurveKind",
    "Exchange",
    "Exchanges",
    "Height",
    "Matching",
    "Plane",
    "Statistics",
    "Trajectory",
    "along",
    "along_line",
    "along_path",
    "asymmetry",
    "averaged_weights",
    "basin_share",
    "batch_statistics",
    "between",
    "check_statistics",
    "coefficients",
    "combined",
    "convexity_lost",
    "difference",
    "dot",
    "error_barrier",
    "exchanges",
    "flatter_side",
    "heights",
    "match_outputs",
    "match_weights",
    "nonconvex_share",
    "normalisations",
    "null_direction",
    "plane_curvatures",
    "random_direction",
    "random_order",
    "reordered",
    "repair",
    "spaced",
    "through",
    "trained_and_frozen",
    "trajectory",
]

lazy_front(__name__)
