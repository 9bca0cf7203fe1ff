"""The plane in which a training moved most, by PCA over its snapshots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import Params
from surfeit.landscape.plane import dot


@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """Where snapshots lie in the plane of their first two principal components.

    Args:
        directions: the two components, orthonormal.
        places: [snapshots, 2], coordinates about the last snapshot, which is at (0, 0).
        off_plane: [snapshots], the share of the squared distance to the last snapshot that does
            not lie in the plane; NaN where the distance is 0. A picture hides it: at 0.6 most of
            the way is not in it.
        explained: of all squared distances, the shares along the two components.
    """

    directions: tuple[Params, Params]
    places: Float[Tensor, "snapshots 2"]
    off_plane: Float[Tensor, " snapshots"]
    explained: tuple[float, float]


def trajectory(snapshots: Sequence[Mapping[str, Tensor]]) -> Trajectory:
    """The plane through the last snapshot that is nearest to all others.

    The principal components of `w_t − w_T`, t < T, without subtracting their mean, so that the
    plane holds the last snapshot exactly. Unlike the shares on the plane alone that are shown
    elsewhere, `off_plane` says of each snapshot what the plane leaves out.

    Args:
        snapshots: the moved parameters by name, in the order of their steps.

    Raises:
        ValueError: if there are fewer than three snapshots, or they lie on one line.

    Source: Li et al. 2018, section 7. Cost: O(snapshots² parameters) operations.
    """
    if len(snapshots) < 3:
        raise ValueError(
            f"the plane of a trajectory needs at least three snapshots, got {len(snapshots)}: "
            "train with more, or choose other directions"
        )
    last = snapshots[-1]
    steps = [{name: one[name].double() - last[name].double() for name in last} for one in snapshots]
    count = len(steps) - 1
    gram = torch.zeros(count, count, dtype=torch.float64)
    for row in range(count):
        for column in range(row + 1):
            gram[row, column] = gram[column, row] = dot(steps[row], steps[column])
    values, vectors = torch.linalg.eigh(gram)
    values, vectors = values.flip(0), vectors.flip(1)
    if count < 2 or values[1] <= 1e-10 * values[0] or values[0] <= 0:
        raise ValueError(
            "the snapshots lie on one line of the weights, which spans no plane: choose other "
            "directions"
        )
    chosen = vectors[:, :2] / values[:2].sqrt()
    directions = tuple(
        {
            name: sum(
                (float(chosen[row, column]) * steps[row][name] for row in range(count)),
                torch.zeros_like(steps[0][name]),
            )
            for name in last
        }
        for column in range(2)
    )
    places = torch.zeros(count + 1, 2, dtype=torch.float64)
    places[:count] = vectors[:, :2] * values[:2].sqrt()
    squared = torch.cat([gram.diagonal(), torch.zeros(1, dtype=torch.float64)])
    off_plane = (1 - places.square().sum(1) / squared).clamp(0, 1)
    off_plane[squared == 0] = torch.nan
    first, second = (
        {name: value.to(last[name]) for name, value in one.items()} for one in directions
    )
    total = float(gram.diagonal().sum())
    return Trajectory(
        directions=(first, second),
        places=places,
        off_plane=off_plane,
        explained=(float(values[0]) / total, float(values[1]) / total),
    )
