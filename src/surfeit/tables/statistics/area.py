"""The area between two curves over what both cover: one figure for a whole comparison."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from surfeit.tables.statistics.samples import pairs_of

Name = TypeVar("Name", bound=Hashable)
Range = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Curve:
    """Values at ascending places, straight in between.

    Args:
        x: [points], at least two, all different, in any order; such as densities.
        y: [points], finite.

    Raises:
        ValueError: if lengths differ, a place is there twice, or a number is not finite.
    """

    x: ArrayLike
    y: ArrayLike

    def __post_init__(self) -> None:
        x, y = pairs_of(self.x, self.y, least=2)
        order = np.argsort(x)
        if (np.diff(x[order]) == 0).any():
            raise ValueError(f"a curve has one value at each place, got x = {x[order].tolist()}")
        object.__setattr__(self, "x", x[order])
        object.__setattr__(self, "y", y[order])

    @property
    def range(self) -> Range:
        """The least and the largest place."""
        x = np.asarray(self.x)
        return float(x[0]), float(x[-1])


def common_range(*curves: Curve) -> Range:
    """The places that all curves cover.

    Raises:
        ValueError: if they have no more than a point in common.
    """
    lower = max(curve.range[0] for curve in curves)
    upper = min(curve.range[1] for curve in curves)
    if not lower < upper:
        ranges = sorted({curve.range for curve in curves})
        raise ValueError(f"the curves have no range in common: they cover {ranges}")
    return lower, upper


def area_between(
    first: Curve, second: Curve, *, within: Range | None = None, log: bool = False
) -> float:
    """The signed area first − second, exact for curves that are straight between their points.

    `∫ (first − second) dx`, by trapezoids over the places of both curves; with `log`,
    `∫ (first − second) d ln x` of curves straight in ln x, so that each halving counts equally.

    Args:
        first, second: their places may differ.
        within: the range of x; what both cover if not given.
        log: whether the axis is logarithmic, as for densities.

    Returns:
        in the unit of y times that of x, or times 1 if `log`.

    Raises:
        ValueError: if a curve does not cover the range (nothing is extrapolated), the range is
            empty, or `log` meets a place of a curve that is not above 0.
    """
    lower, upper = within or common_range(first, second)
    for curve in (first, second):
        least, most = curve.range
        if not (least <= lower < upper <= most):
            raise ValueError(
                f"the range {lower} to {upper} must be ascending and within the curve's, "
                f"{least} to {most}: curves are not extrapolated"
            )
    places = np.concatenate([[lower, upper], np.asarray(first.x), np.asarray(second.x)])
    places = np.unique(places[(places >= lower) & (places <= upper)])
    gap = _at(first, places, log) - _at(second, places, log)
    return float((np.diff(_axis(places, log)) * (gap[1:] + gap[:-1]) / 2).sum())


def mean_gap(
    first: Curve, second: Curve, *, within: Range | None = None, log: bool = False
) -> float:
    """The area between two curves per unit of the axis: how far first is above second on average.

    Arguments and errors are those of `area_between`; the unit is that of y.
    """
    chosen = within or common_range(first, second)
    lower, upper = _axis(np.asarray(chosen), log)
    return area_between(first, second, within=chosen, log=log) / float(upper - lower)


def mean_gaps(
    first: Mapping[Name, Curve],
    second: Mapping[Name, Curve],
    *,
    within: Range | None = None,
    log: bool = False,
) -> dict[Name, float]:
    """Each replicate's mean gap, all over the same range: the sample that a verdict rests on.

    Args:
        first, second: a curve for each replicate, by the same names.
        within: the range of x; what all curves cover if not given.
        log: as of `area_between`.

    Raises:
        ValueError: if a replicate has no partner, and as `area_between`.
    """
    if not first or set(first) != set(second):
        raise ValueError(
            "paired curves need the same replicates on both sides, at least one: got "
            f"{list(first)} and {list(second)}"
        )
    chosen = within or common_range(*first.values(), *second.values())
    return {name: mean_gap(first[name], second[name], within=chosen, log=log) for name in first}


def _axis(places: np.ndarray, log: bool) -> np.ndarray:
    if log and not (places > 0).all():
        raise ValueError(f"a logarithmic axis needs places above 0, got {places.min()}")
    return np.log(places) if log else places


def _at(curve: Curve, places: np.ndarray, log: bool) -> np.ndarray:
    return np.interp(_axis(places, log), _axis(np.asarray(curve.x), log), np.asarray(curve.y))
