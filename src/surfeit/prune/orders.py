"""The order in which a criterion removes units, greedily, and what it makes of those of a group."""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from surfeit.core import finite_matrix, one_thread
from surfeit.prune.criteria import Criterion, OfWeights
from surfeit.prune.evidence import Evidence
from surfeit.prune.removal import Removal
from surfeit.prune.unit_selection import pooled_scores

Remove = Literal["least", "most"]
"""Which unit goes first."""

# Two contributions that differ by less than this fraction are a tie. Sums of 10,000 terms are off
# by 1e-12 at most, so rounding never decides; what differs by design differs by far more.
_TIE = 1e-9
# Sums are taken anew once one of them has fallen to this share: what was subtracted by then costs
# no more than four bits, so that the tolerance above holds to the last unit.
_STALE = 1 / 16


@one_thread()
def removal_order(
    weight: Float[Tensor, "units *inputs"],
    criterion: Criterion | OfWeights,
    remove: Remove = "least",
    generator: torch.Generator | None = None,
) -> Int64[Tensor, " units"]:
    """All units of a layer, first removed first, by a criterion of weights: see `order_by`.

    >>> removal_order(model.fc1.weight, frame_potential)

    Args:
        weight: [units, ...]; a convolution filter is flattened. Any device, any floating type.
        criterion: of `CRITERIA`, or a function of a weight matrix and a generator as
            `Criterion.of_weights` describes; all arithmetic is in float64.
        remove: "least" or "most" contributing unit first.
        generator: passed to the criterion; `random` needs one.

    Returns:
        int64 [units], a permutation, on the weight's device.

    Raises:
        ValueError: if a weight is not finite, the tensor is no layer's weight, the criterion needs
            a generator and has none, or looks at more than weights, or as `order_by`.

    Source: Heitmann 2020, section 3.1. Cost: the criterion's, and O(units) a removal.
    """
    _check_remove(remove)
    return order_by(_of_weights(weight, criterion, generator), remove).to(weight.device)


@one_thread()
def order_by(values: Tensor, remove: Remove = "least") -> Int64[Tensor, " units"]:
    """All units, first removed first, by what each contributes.

    Greedy: the unit whose contribution is least (or most) goes, the others' contributions are
    updated, and so on. Scores are contributions that never change; of pairs `P` it is
    `c_i = Σ_{j∈S} P_ij` over the units `S` that are still there. For the frame potential "least"
    leaves the largest potential that one removal can leave: the report calls it max_fp, and "most"
    min_fp. Contributions within a fraction 1e-9 of the extreme one are ties: the lowest unit goes
    first. Units of length zero contribute 0 to magnitude and to all criteria of pairs here, so that
    they are the first to go by "least" and the last by "most", in their order.

    Args:
        values: the contributions: finite scores [units], or pairs [units, units], >= 0.
        remove: "least" or "most" contributing unit first.

    Returns:
        int64 [units], a permutation, on the values' device.

    Raises:
        ValueError: if `remove` is neither, or the contributions are none.

    Cost: O(units) a removal.
    """
    _check_remove(remove)
    _check(values, len(values))
    picked = _greedy(values.double().cpu().numpy(), most=remove == "most")
    return torch.from_numpy(picked).to(values.device)


@one_thread()
def contributions(
    criterion: Criterion | OfWeights,
    removal: Removal,
    model: nn.Module,
    *,
    evidence: Evidence | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """What each unit of a removal contributes by a criterion: scores or pairs, for `order_by`.

    A criterion of weights sees the units' weight vectors, those of a group's members side by side.
    Of any other, a unit of a group has the mean of its members' scores.

    >>> evidence = Evidence(model, split=dataset.train, structure=structure)
    >>> removal = Removal.of(structure, "fc1")
    >>> order = order_by(contributions(CRITERIA["taylor_unit"], removal, model, evidence=evidence))

    Args:
        criterion: of `CRITERIA`, or a function of a weight matrix and a generator.
        removal: whose units they are.
        model: the network.
        evidence: of the same network, for criteria that look at more than weights.
        generator: for criteria that draw.

    Returns:
        float64, scores [units] or pairs [units, units].

    Raises:
        ValueError: if the criterion needs evidence or a generator and has none, has no scores of
            these units, or as the criterion.
    """
    if not isinstance(criterion, Criterion) or not criterion.needs_examples:
        return _of_weights(removal.matrix(model), criterion, generator)
    if evidence is None:
        raise ValueError(
            f"the criterion {criterion.name} looks at examples: pass evidence=Evidence(model, "
            "split=dataset.train), or scores_on=('train', dataset.train) to removal_table"
        )
    return pooled_scores(removal, criterion.scores(evidence))


def _of_weights(
    weight: Tensor, criterion: Criterion | OfWeights, generator: torch.Generator | None
) -> Tensor:
    if not callable(criterion):
        raise ValueError(
            f"criterion must be a function such as surfeit.prune.magnitude, got {criterion!r}"
        )
    matrix = finite_matrix(weight)
    values = criterion(matrix, generator)
    _check(values, len(matrix))
    return values


def _check_remove(remove: str) -> None:
    if remove not in ("least", "most"):
        raise ValueError(f"remove must be 'least' or 'most', got {remove!r}")


def _check(values: Tensor, units: int) -> None:
    if tuple(values.shape) not in ((units,), (units, units)):
        raise ValueError(
            f"a criterion must return [{units}] scores or [{units}, {units}] pairs, "
            f"got {list(values.shape)}"
        )
    if not bool(torch.isfinite(values).all()):
        raise ValueError("a criterion must return finite numbers, got NaN or infinity")
    if values.dim() == 2 and bool((values < 0).any()):
        raise ValueError(
            f"a criterion's pairs must be >= 0, got {float(values.min())}: add a constant to all"
        )


def _greedy(values: np.ndarray, *, most: bool) -> np.ndarray:
    units = len(values)
    paired = values.ndim == 2
    gone = -np.inf if most else np.inf
    here = np.ones(units)
    sums = values.sum(axis=1) if paired else values.copy()
    fresh = sums.copy()
    order = np.empty(units, dtype=np.int64)
    for step in range(units):
        if paired and (sums < _STALE * fresh).any():
            sums = np.where(here > 0, values @ here, gone)
            fresh = sums.copy()
        extreme = sums.max() if most else sums.min()
        slack = _TIE * abs(extreme)
        ties = sums >= extreme - slack if most else sums <= extreme + slack
        unit = int(ties.argmax())
        order[step] = unit
        here[unit] = 0.0
        if paired:
            sums -= values[:, unit]
        sums[unit] = fresh[unit] = gone
    return order
