"""How far training has moved each unit from where it began."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from surfeit.core import check_finite, check_tensor, full_precision, weight_matrix
from surfeit.similarity.frame_potential import normalised


@dataclass(frozen=True, kw_only=True)
class Movement:
    """Each unit's weight vector `w` against its initial one `z`; all [units].

    Args:
        angle: between `w` and `z`, radians in [0, π]; NaN where one of them is zero.
        cosine: of that angle, in [−1, 1]; NaN where one of them is zero.
        norm: `‖w‖`.
        initial_norm: `‖z‖`.
        norm_ratio: `‖w‖ / ‖z‖`; infinite where only `z` is zero, NaN where both are.
        distance: `‖w − z‖`.
    """

    angle: Float[Tensor, " units"]
    cosine: Float[Tensor, " units"]
    norm: Float[Tensor, " units"]
    initial_norm: Float[Tensor, " units"]
    norm_ratio: Float[Tensor, " units"]
    distance: Float[Tensor, " units"]


def movement(
    weight: Float[Tensor, "units *inputs"], initial: Float[Tensor, "units *inputs"]
) -> Movement:
    """Compares each unit's weight vector with its initial one, in direction and in length.

    Args:
        weight: a layer's weight; filters are flattened.
        initial: the same layer's weight at the start, of the same shape. A run with a single
            snapshot has none: it says nothing of movement.

    Returns:
        the movement, in float32, or float64 for float64 weights, on the weight's device; the angles
        are those of `angles`.

    Raises:
        ValueError: if the shapes differ, both are one tensor, or as `normalised`.

    Source: Heitmann 2020, section 3.2. Cost: O(entries).
    """
    check_two(weight, initial)
    if weight.shape != initial.shape:
        raise ValueError(
            f"weight and initial must have one shape, got {list(weight.shape)} and "
            f"{list(initial.shape)}"
        )
    weight = full_precision(weight_matrix(weight).detach(), "a layer's weights")
    initial = full_precision(weight_matrix(initial).detach(), "initial weights")
    check_finite(initial, "initial weights")
    direction, origin = normalised(weight), normalised(initial)
    norm, initial_norm = _lengths(weight), _lengths(initial)
    angle = angles(direction, origin)
    cosine = (direction * origin).sum(dim=1).clamp(-1, 1)
    return Movement(
        angle=angle,
        cosine=cosine.masked_fill(angle.isnan(), math.nan),
        norm=norm,
        initial_norm=initial_norm,
        norm_ratio=norm / initial_norm,
        distance=_lengths(weight - initial),
    )


def angles(
    direction: Float[Tensor, "units inputs"], origin: Float[Tensor, "units inputs"]
) -> Float[Tensor, " units"]:
    """The angle between each row of one matrix and that of another, radians in [0, π].

    `angle = 2 atan2(‖ŵ − ẑ‖, ‖ŵ + ẑ‖)`, which is exact for small angles where the arc cosine of a
    float32 inner product would be 0 or off by its own size. NaN where a row is zero.

    Args:
        direction, origin: rows of length 1 or 0, as `normalised` gives them, of one shape; of half
            precision they are compared in float32.

    Raises:
        ValueError: if an entry is NaN or infinite, an integer or complex, or these are no rows.

    Source: Kahan 2006, section 12. Cost: O(entries).
    """
    direction = full_precision(weight_matrix(direction), "directions")
    origin = full_precision(weight_matrix(origin), "directions")
    check_finite(direction, "directions")
    check_finite(origin, "directions")
    apart, along = (direction - origin).norm(dim=1), (direction + origin).norm(dim=1)
    # The squares sum to 4 for two directions, to 2 or 0 where one or both are missing.
    undefined = apart.square() + along.square() < 3
    return (2 * torch.atan2(apart, along)).masked_fill(undefined, math.nan)


def hardly_moved(
    weight: Float[Tensor, "units *inputs"],
    initial: Float[Tensor, "units *inputs"],
    *,
    max_angle: float = math.acos(0.9),
    max_norm_change: float = math.inf,
) -> Bool[Tensor, " units"]:
    """Which units training left almost where they were.

    A unit hardly moved if `angle ≤ max_angle` and `|‖w‖/‖z‖ − 1| ≤ max_norm_change`, or if `w = z`.
    This is a definition, not an estimate: an inner product of 0.9 with the start means that at
    least 81 % of the squared length still lies along it. In many dimensions nothing comes that
    close by chance, and units that learned something are typically far beyond it. Norms are left
    out of it by default, because weight decay shrinks what training never turned; a unit that was
    zeroed has moved.

    Args:
        weight: a layer's weight; filters are flattened.
        initial: the same layer's weight at the start.
        max_angle: radians in [0, π]; the default is 25.8 degrees.
        max_norm_change: fraction of the initial norm, at least 0; any by default.

    Returns:
        bool [units].

    Raises:
        ValueError: if a threshold is out of range, or as `movement`.
    """
    if not 0 <= max_angle <= math.pi:
        raise ValueError(f"max_angle must be in [0, pi] radians, got {max_angle}")
    if not max_norm_change >= 0:
        raise ValueError(f"max_norm_change must be at least 0, got {max_norm_change}")
    moved = movement(weight, initial)
    # Comparisons with NaN are false: where a direction is missing, only w = z counts.
    near = (moved.angle <= max_angle) & ((moved.norm_ratio - 1).abs() <= max_norm_change)
    return near | (moved.distance == 0)


def check_two(weight: Tensor, initial: Tensor) -> None:
    """Refuses a tensor beside itself: that nothing moved would be said and not measured."""
    check_tensor("a layer's weight", weight)
    check_tensor("initial weights", initial)
    same = weight.data_ptr() == initial.data_ptr() and weight.stride() == initial.stride()
    if same and weight.shape == initial.shape and weight.numel():
        raise ValueError(
            f"weight and initial must be two snapshots, got one tensor {list(weight.shape)} as "
            "both: a run with a single snapshot says nothing of movement. Of a parameter that is "
            "being trained keep a copy of its start, weight.detach().clone()"
        )


def _lengths(rows: Tensor) -> Tensor:
    """The rows' norms, by way of float64 where squares in float32 would leave its range."""
    lengths = rows.norm(dim=1)
    extreme = (lengths < 1e-15) | lengths.isinf()
    if not bool(extreme.any()):
        return lengths
    return torch.where(extreme, rows.double().norm(dim=1).to(lengths), lengths)
