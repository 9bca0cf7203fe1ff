"""Lines and planes through a network's weights, and the points of a grid on them."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from surfeit.core import Params


@dataclass(frozen=True, kw_only=True, eq=False)
class Plane:
    """`w(a, b) = origin + a d1 + b d2`; with one direction a line, `w(a) = origin + a d1`.

    Args:
        origin: parameters and buffers by name; what directions do not move stays as it is here.
        directions: one or two, each tensors by name of the parameters that are moved.

    Raises:
        ValueError: if there are no or more than two directions, they move other parameters than
            each other, or one is not shaped like the origin.
    """

    origin: Params
    directions: tuple[Params, ...]

    def __post_init__(self) -> None:
        if len(self.directions) not in (1, 2):
            raise ValueError(
                f"a line has one direction and a plane two, got {len(self.directions)}"
            )
        for direction in self.directions:
            if direction.keys() != self.directions[0].keys():
                raise ValueError("both directions of a plane must move the same parameters")
            for name, value in direction.items():
                if name not in self.origin or self.origin[name].shape != value.shape:
                    raise ValueError(f"the direction does not fit the weights at {name}")

    @property
    def dimensions(self) -> int:
        """1 of a line, 2 of a plane."""
        return len(self.directions)

    def at(self, place: tuple[float, ...]) -> Params:
        """The tensors at a place, a coordinate for each direction; the origin's at zero."""
        found = dict(self.origin)
        for coordinate, direction in zip(place, self.directions, strict=True):
            if coordinate:
                for name, value in direction.items():
                    found[name] = torch.add(found[name], value, alpha=coordinate)
        return found


def through(
    first: Mapping[str, Tensor], second: Mapping[str, Tensor], third: Mapping[str, Tensor]
) -> tuple[tuple[Params, Params], tuple[tuple[float, float], ...]]:
    """Two orthonormal directions whose plane through `first` holds two other networks.

    `u = second − first`, `v = (third − first) − <third − first, u> u / ‖u‖²`, each divided by its
    length.

    Args:
        first, second, third: parameters by name, those that are moved.

    Returns:
        the directions, and the places of the three networks.

    Raises:
        ValueError: if the three lie on one line.

    Source: Garipov et al. 2018, section 3. Cost: a few passes over the parameters.
    """
    one = {name: second[name].double() - first[name].double() for name in first}
    other = {name: third[name].double() - first[name].double() for name in first}
    length = dot(one, one) ** 0.5
    along = dot(other, one) / length if length else 0.0
    rest = {name: other[name] - along / (length or 1.0) * one[name] for name in first}
    height = dot(rest, rest) ** 0.5
    if not length or height <= 1e-6 * dot(other, other) ** 0.5 or not height:
        raise ValueError("the three networks lie on one line of the weights: give two of them")
    directions = (
        {name: (value / length).to(first[name]) for name, value in one.items()},
        {name: (value / height).to(first[name]) for name, value in rest.items()},
    )
    return directions, ((0.0, 0.0), (length, 0.0), (along, height))


def dot(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> float:
    """The inner product of two directions, in float64."""
    return sum(
        float(first[name].double().flatten() @ second[name].double().flatten()) for name in first
    )


def spaced(low: float, high: float, points: int) -> tuple[float, ...]:
    """Equally spaced coordinates, both ended; where they pass zero between ends of one size, 0.0.

    Raises:
        ValueError: if there are fewer than two points, or low is not below high.
    """
    if isinstance(points, bool) or not isinstance(points, int) or points < 2:
        raise ValueError(f"points must be a whole number, at least 2 a side, got {points!r}")
    if not low < high:
        raise ValueError(f"a grid must reach from a number to a larger one, got {low} to {high}")
    share = [place / (points - 1) for place in range(points)]
    return tuple(low * (1 - t) + high * t + 0.0 for t in share)
