"""How near a layer's units lie to a few directions: angles to the nearest centre of k-means."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from surfeit.core import check_finite, full_precision, weight_matrix
from surfeit.similarity.communities import NO_GROUP, divide
from surfeit.similarity.frame_potential import normalised
from surfeit.similarity.movement import angles


def centre_angles(
    weight: Float[Tensor, "units *inputs"], generator: torch.Generator, *, centres: int = 4
) -> Float[Tensor, " units"]:
    """The angle of each unit's weight vector to the nearest of a few directions, in radians.

    `angle_i = min_g ∠(w_i, c_g)`, where the directions `c_g = Σ_{i in g} w_i / ‖w_i‖` are the
    centres of spherical k-means (see `divide`). Lengths do not count. In the
    plane the mean of many units in all directions alike is π / (2 · centres); of few units see
    `chance_centre_angles`.

    Args:
        weight: a layer's weight; filters are flattened.
        generator: draws where k-means begins.
        centres: how many, at most as many as units with a direction.

    Returns:
        radians in [0, π], in float32, or float64 for float64 weights; NaN for units of length 0.

    Raises:
        ValueError: if there are more centres than units with a direction, less than one, or an
            entry is not finite.

    Source: Brutzkus and Globerson 2019, for the quantity; ours are spherical centres.
    Cost: that of `divide`.
    """
    weight = full_precision(weight_matrix(weight).detach(), "a layer's weights")
    check_finite(weight, "a layer's weights")
    directions = normalised(weight)
    live = int((directions.norm(dim=1) > 0).sum())
    _check(centres, live)
    labels = divide(directions, generator, groups=centres)
    there = [directions[labels == group].sum(0) for group in labels.unique() if group != NO_GROUP]
    to_each = [
        angles(directions, one.expand_as(directions)) for one in normalised(torch.stack(there))
    ]
    return torch.stack(to_each).amin(0)


def chance_centre_angles(
    units: int,
    inputs: int,
    generator: torch.Generator,
    *,
    centres: int = 4,
    draws: int = 20,
) -> Float64[Tensor, " draws"]:
    """The mean of `centre_angles` over units of random directions, in radians, one a draw.

    The null of it: k-means finds centres near few random directions, too, so that angles alone
    say nothing. Lengths do not count: those of the layer's own units would change nothing.

    Args:
        units, inputs: how many, and in how many dimensions.
        generator: draws directions and where k-means begins.
        centres: as of `centre_angles`.
        draws: how many layers are drawn, at least 1.

    Raises:
        ValueError: as `centre_angles`, or if a number is less than 1.
    """
    for name, value in (("units", units), ("inputs", inputs), ("draws", draws)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number from 1 on, got {value!r}")
    drawn = torch.randn(draws, units, inputs, generator=generator)
    means = [centre_angles(rows, generator, centres=centres).double().mean() for rows in drawn]
    return torch.stack(means)


def _check(centres: int, live: int) -> None:
    if isinstance(centres, bool) or not isinstance(centres, int) or not 1 <= centres <= live:
        raise ValueError(
            f"centres must be in [1, {live}], no more than units that have a direction, got "
            f"{centres!r}"
        )
