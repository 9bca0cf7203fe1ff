"""The order in which a criterion removes a layer's units, greedily."""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from surfeit.core import finite_matrix, one_thread
from surfeit.prune.criteria import Criterion

# Two contributions that differ by less than this fraction are a tie. Sums of 10,000 terms are off
# by 1e-12 at most, so rounding never decides; what differs by design differs by far more.
_TIE = 1e-9
# Sums are taken anew once one of them has fallen to this share: what was subtracted by then costs
# no more than four bits, so that the tolerance above holds to the last unit.
_STALE = 1 / 16


@one_thread()
def removal_order(
    weight: Float[Tensor, "units *inputs"],
    criterion: Criterion,
    remove: Literal["least", "most"] = "least",
    generator: torch.Generator | None = None,
) -> Int64[Tensor, " units"]:
    """All units of a layer, first removed first.

    Greedy: the unit whose contribution `c_i = Σ_{j∈S} P_ij` to the remaining units `S` is least (or
    most) goes, the others' contributions are updated, and so on. For the frame potential "least"
    leaves the largest potential that one removal can leave: the report calls it max_fp, and "most"
    min_fp. Contributions within a fraction 1e-9 of the extreme one are ties: the lowest unit goes
    first. A zero row contributes 0 to every criterion but `random`, so that zero rows are the first
    to go by "least" and the last by "most", in the order of their units.

    >>> removal_order(model.fc1.weight, frame_potential)

    Args:
        weight: [units, ...]; a convolution filter is flattened. Any device, any floating type.
        criterion: a function as `surfeit.prune.criteria` describes; all arithmetic is in float64.
        remove: "least" or "most" contributing unit first.
        generator: passed to the criterion; `random` needs one.

    Returns:
        int64 [units], a permutation, on the weight's device.

    Raises:
        ValueError: if `remove` is neither, a weight is not finite, the tensor is no layer's weight,
            the criterion needs a generator and has none, or returns what it should not.

    Source: Heitmann 2020, section 3.1. Cost: the criterion's, and O(units) a removal.
    """
    if remove not in ("least", "most"):
        raise ValueError(f"remove must be 'least' or 'most', got {remove!r}")
    if not callable(criterion):
        raise ValueError(
            f"criterion must be a function such as surfeit.prune.magnitude, got {criterion!r}"
        )
    matrix = finite_matrix(weight)
    given = criterion(matrix, generator)
    _check(given, len(matrix))
    values = given.double().cpu().numpy()
    picked = _greedy(values, most=remove == "most")
    return torch.from_numpy(picked).to(weight.device)


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
