"""A division of a layer's units into groups of like direction that keeps its identity over time.

Directions form a continuum: another start of k-means divides it elsewhere. So a division is a way
to follow units, and no discovery of groups that are there. What it is worth is the mean cosine to
the own group's direction beside that of random groups of the same sizes.
"""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from surfeit.core import check_finite, check_tensor, full_precision, one_thread, weight_matrix

GROUPS = 10
NO_GROUP = -1
"""The label of units without a direction."""

_UNITS_A_GROUP = 4
_MOST_ROUNDS = 100  # that k-means takes; it ends earlier as a rule, when no label changes
_DRAWS = 20


def group_count(units: int) -> int:
    """Into how many groups so many units are divided to be followed.

    Ten of 40 units or more; of fewer a group for every four, so that few stand alone, and two at
    least.

    Raises:
        ValueError: if `units` is no whole number from 0 on.
    """
    if isinstance(units, bool) or not isinstance(units, int) or units < 0:
        raise ValueError(f"units must be a whole number from 0 on, got {units!r}")
    return max(2, min(GROUPS, units // _UNITS_A_GROUP))


@one_thread()
def divide(
    rows: Float[Tensor, "units columns"],
    generator: torch.Generator,
    *,
    groups: int = GROUPS,
    starts: int = 10,
) -> Int64[Tensor, " units"]:
    """Spherical k-means: groups whose members' cosines to their group's mean direction sum highest.

    `max Σ_g ‖Σ_{i in g} r_i‖`, from `starts` beginnings that k-means++ draws, each new centre with
    probability `∝ 1 − max cos` to those there are.

    Args:
        rows: of length 1, or 0 for units that belong nowhere.
        generator: draws the beginnings.
        groups: how many; as many as units, where these are fewer.
        starts: the best of so many is taken.

    Returns:
        int64 [units]: the group of each unit, numbered by falling size; −1 for zero rows.

    Raises:
        ValueError: if groups or starts are no whole numbers from 1 on, or an entry is not finite.

    Source: Dhillon and Modha 2001; Arthur and Vassilvitskii 2007 for the beginnings.
    Cost: O(starts · rounds · units · columns · groups); 0.5 s for 512 units of 784 inputs.
    """
    _check_count("groups", groups)
    _check_count("starts", starts)
    rows, live = _live(rows)
    labels = torch.full((len(rows),), NO_GROUP, device=rows.device)
    if not len(live):
        return labels
    there = rows[live]
    best, found = -math.inf, torch.zeros(len(live), dtype=torch.int64, device=rows.device)
    for _ in range(starts):
        centres = _beginning(there, min(groups, len(there)), generator)
        own = _lloyd(there, centres)
        worth = _agreement(there, own)
        if worth > best:
            best, found = worth, own
    labels[live] = _by_size(found)
    return labels


@one_thread()
def carried(
    rows: Float[Tensor, "units columns"], labels: Int64[Tensor, " units"]
) -> Int64[Tensor, " units"]:
    """The same groups at another snapshot: k-means that begins at their mean directions there.

    Separate divisions of two snapshots, matched as well as can be, agree on about half of the
    units; carried from one snapshot to the next more than nine of ten keep their group.

    Args:
        rows: the units' directions at the other snapshot, of length 1 or 0.
        labels: their groups at the first, −1 for none.

    Returns:
        int64 [units]: as `labels`; −1 where a row is zero. A unit that has a direction here and
        had none there joins the group that is nearest. A group that nobody is left of stays empty.

    Raises:
        ValueError: if there is not one label a unit, or an entry is not finite.

    Cost: O(rounds · units · columns · groups); 10 ms for 512 units of 784 inputs.
    """
    rows, live = _live(rows)
    _check_labels(labels, len(rows))
    found = torch.full_like(labels, NO_GROUP)
    there = rows[live]
    known = labels[live] != NO_GROUP
    if bool(known.any()):
        count = int(labels.max()) + 1
        centres = _directions(there[known], labels[live][known], count)
        found[live] = _lloyd(there, centres)
    return found


def own_cosine(rows: Float[Tensor, "units columns"], labels: Int64[Tensor, " units"]) -> float:
    """The mean cosine of units to their own group's mean direction, `Σ_g ‖Σ_{i in g} r_i‖ / n`.

    NaN where no unit has a group. Groups of few units come out high, even at random.

    Raises:
        ValueError: if there is not one label a unit.
    """
    _check_labels(labels, len(rows))
    inside = labels != NO_GROUP
    count = int(inside.sum())
    return _agreement(rows[inside], labels[inside]) / count if count else math.nan


@one_thread()
def random_cosine(
    rows: Float[Tensor, "units columns"],
    labels: Int64[Tensor, " units"],
    generator: torch.Generator,
    *,
    draws: int = _DRAWS,
) -> float:
    """`own_cosine` of random groups of the same sizes: the null, as a mean over some draws.

    Raises:
        ValueError: if there is not one label a unit, or `draws` is less than 1.
    """
    _check_labels(labels, len(rows))
    _check_count("draws", draws)
    inside = labels != NO_GROUP
    there, own = rows[inside], labels[inside]
    if not len(own):
        return math.nan
    total = 0.0
    for _ in range(draws):
        order = torch.randperm(len(own), generator=generator).to(own.device)
        total += _agreement(there, own[order])
    return total / (draws * len(own))


def labels_kept(before: Int64[Tensor, " units"], after: Int64[Tensor, " units"]) -> float:
    """The share of units that keep their group, of those that have one at both; NaN of none.

    Raises:
        ValueError: if the two are not labels of the same units.
    """
    _check_labels(before, len(before))
    _check_labels(after, len(before))
    both = (before != NO_GROUP) & (after != NO_GROUP)
    return float((before == after)[both].double().mean()) if bool(both.any()) else math.nan


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a whole number from 1 on, got {value!r}")


def _check_labels(labels: Tensor, units: int) -> None:
    check_tensor("labels", labels)
    if labels.dtype != torch.int64 or list(labels.shape) != [units]:
        raise ValueError(
            f"labels must be int64 [{units}], one for each unit, got {labels.dtype} "
            f"{list(labels.shape)}"
        )


def _live(rows: Tensor) -> tuple[Tensor, Tensor]:
    rows = full_precision(weight_matrix(rows), "directions")
    check_finite(rows, "directions")
    return rows, (rows.norm(dim=1) > 0).nonzero()[:, 0]


def _beginning(rows: Tensor, groups: int, generator: torch.Generator) -> Tensor:
    """Rows that k-means++ draws."""
    first = int(torch.randint(len(rows), (1,), generator=generator))
    chosen, nearest = [first], rows @ rows[first]
    for _ in range(groups - 1):
        apart = (1 - nearest).clamp(min=0).double().cpu()
        apart[chosen] = 0
        if float(apart.sum()) <= 0:  # all are as the chosen ones
            break
        chosen.append(int(torch.multinomial(apart, 1, generator=generator)))
        nearest = torch.maximum(nearest, rows @ rows[chosen[-1]])
    return rows[chosen]


def _lloyd(rows: Tensor, centres: Tensor) -> Tensor:
    """The groups of k-means from these centres; zero centres stand for groups that are empty."""
    labels = torch.full((len(rows),), NO_GROUP, device=rows.device)
    for _ in range(_MOST_ROUNDS):
        cosines = rows @ centres.T
        cosines[:, centres.norm(dim=1) == 0] = -math.inf
        now = cosines.argmax(dim=1)
        if torch.equal(now, labels):
            break
        labels = now
        moved = _directions(rows, labels, len(centres))
        # A group that lost its last unit may win some back.
        centres = torch.where(moved.norm(dim=1, keepdim=True) > 0, moved, centres)
    return labels


def _sums(rows: Tensor, labels: Tensor, count: int) -> Tensor:
    members = torch.zeros(count, len(rows), dtype=rows.dtype, device=rows.device)
    members[labels, torch.arange(len(rows), device=rows.device)] = 1
    return members @ rows


def _directions(rows: Tensor, labels: Tensor, count: int) -> Tensor:
    sums = _sums(rows, labels, count)
    length = sums.norm(dim=1, keepdim=True)
    return sums / torch.where(length > 0, length, 1)


def _agreement(rows: Tensor, labels: Tensor) -> float:
    return float(_sums(rows, labels, int(labels.max()) + 1).norm(dim=1).double().sum())


def _by_size(labels: Tensor) -> Tensor:
    """Labels numbered by falling size; of equal ones that with the lowest unit comes first."""
    _, labels, sizes = labels.unique(return_inverse=True, return_counts=True)
    first = torch.full_like(sizes, len(labels)).scatter_reduce(
        0, labels, torch.arange(len(labels), device=labels.device), "amin"
    )
    order = sorted(range(len(sizes)), key=lambda group: (-int(sizes[group]), int(first[group])))
    rank = torch.empty_like(sizes)
    rank[order] = torch.arange(len(order), device=labels.device)
    return rank[labels]
