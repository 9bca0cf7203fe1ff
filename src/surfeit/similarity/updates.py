"""Units compared by what training added to their weight vectors: W − Z."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from surfeit.core import check_finite, full_precision, weight_matrix
from surfeit.similarity.frame_potential import normalised
from surfeit.similarity.movement import check_two

LEAST_ACTIVITY = 0.01
"""Units that are active on a smaller share of a sample are silent."""

_CERTAIN = 4  # standard errors
_DIFFERS = 1e-3  # of the layer's root mean square: smaller differences are no activity


def update_directions(
    weight: Float[Tensor, "units *inputs"],
    initial: Float[Tensor, "units *inputs"],
    *,
    mask: Bool[Tensor, "units *inputs"] | None = None,
    active: Bool[Tensor, " units"] | None = None,
) -> Float[Tensor, "units inputs"]:
    """What training added to each weight vector, `w − z`, scaled to length 1.

    Early in training, and in wide layers until its end, the random start is most of a weight
    vector, and says that all units differ. What was added shows which of them learned alike.

    Weight decay shrinks the start, and what is missing of it would pass for something added:
    where weights decay, give what is left, `initial * start_left(weight, initial)`.

    Inner products of these rows are to be judged by `chance_level`: updates are sums of what the
    layer reads, and fill few dimensions. The rows' common mean is not taken off: it carries little
    of their length, and without it units that hardly moved would seem parallel.

    Units that fall silent early keep the direction of the first batches, and so resemble each
    other without having learned alike: leave them out by `active`. Their updates need not be short.

    Args:
        weight: a layer's weight; filters are flattened.
        initial: the same layer's weight at the start, of the same shape.
        mask: True where a weight is kept; what a mask took away is no update.
        active: the units to compare, `activity(outputs) >= 0.01`; all if not given.

    Returns:
        [units, inputs] on the weight's device, rows of length 1; 0 where nothing was added, or a
        unit is not active. float64 if one of the two weights is, else float32.

    Raises:
        ValueError: if shapes differ, both weights are one tensor, the mask is not bool, or as
            `normalised`.

    Cost: O(entries).
    """
    rows = updates(weight, initial, mask=mask)
    if active is not None:
        if active.shape != rows.shape[:1] or active.dtype != torch.bool:
            raise ValueError(
                f"active must be bool [{len(rows)}], one entry a unit, got {active.dtype} "
                f"{list(active.shape)}"
            )
        rows = rows.masked_fill(~active.to(rows.device)[:, None], 0)
    return normalised(rows)


def updates(
    weight: Float[Tensor, "units *inputs"],
    initial: Float[Tensor, "units *inputs"],
    *,
    mask: Bool[Tensor, "units *inputs"] | None = None,
) -> Float[Tensor, "units inputs"]:
    """What training added to each weight vector, `w − z`, 0 where a mask took the weight away.

    Args and errors: as `update_directions`.
    """
    end, start = _both(weight, initial, mask)
    return end - start


def start_left(
    weight: Float[Tensor, "units *inputs"],
    initial: Float[Tensor, "units *inputs"],
    *,
    mask: Bool[Tensor, "units *inputs"] | None = None,
) -> float:
    """What share of the random start is left in a layer's weights, under weight decay.

    Decay multiplies the start by a factor that is the same for all weights of a layer: W = aZ + U,
    with U what the gradients brought. `a` is the least-squares estimate `⟨W, Z⟩ / ⟨Z, Z⟩`. Of an
    update that knows nothing of the start its standard error is `‖U‖ / (√N ‖Z‖)`, N the number of
    weights: a start that is shorter by at most four of these passes for whole, and what is counted
    as added is then wrong by at most `4 / √N` of its length. In layers of a few weights gradients
    that oppose the start can be taken for decay.

    Where a unit's weights, or those of an input, stand exactly where they began, nothing decays.

    Args and errors: as `update_directions`.

    Returns:
        the share, in [0, 1]; 1 where nothing decays, and of a start that is zero.

    Cost: O(entries).
    """
    end, start = _both(weight, initial, mask)
    if any(_stands(end, start, dim) for dim in (0, 1)):
        return 1.0
    end, start = end.double(), start.double()
    length, entries = float(start.square().sum()), int((start != 0).sum())
    if length == 0:
        return 1.0
    share = float((end * start).sum()) / length
    error = float((end - share * start).norm()) / math.sqrt(entries * length)
    return max(share, 0.0) if 1 - share > _CERTAIN * error else 1.0


def _stands(end: Tensor, start: Tensor, dim: int) -> bool:
    """Whether training left some row or column, of at least two weights, exactly as it was."""
    weights = (start != 0).sum(dim=dim) > 1
    return bool((weights & (end == start).all(dim=dim)).any())


def _both(
    weight: Tensor, initial: Tensor, mask: Tensor | None
) -> tuple[Float[Tensor, "units inputs"], Float[Tensor, "units inputs"]]:
    """Both as matrices of one precision, checked, 0 where a mask takes a weight away."""
    check_two(weight, initial)
    for name, other in (("initial", initial), ("mask", mask)):
        if other is not None and other.shape != weight.shape:
            raise ValueError(
                f"weight and {name} must have one shape, got {list(weight.shape)} and "
                f"{list(other.shape)}"
            )
    if mask is not None and mask.dtype != torch.bool:
        raise ValueError(f"mask must be bool, True where a weight is kept, got {mask.dtype}")
    end = full_precision(weight_matrix(weight).detach(), "a layer's weights")
    start = full_precision(weight_matrix(initial).detach(), "initial weights")
    check_finite(end)
    check_finite(start, "initial weights")
    if mask is None:
        return end, start
    gone = ~weight_matrix(mask).to(end.device)
    return end.masked_fill(gone, 0), start.masked_fill(gone, 0)


def activity(outputs: Float[Tensor, "units examples"]) -> Float[Tensor, " units"]:
    """On what share of a sample each unit is active: has another output than at rest.

    A unit's output at rest is its median, and what differs from it by at most a thousandth of the
    layer's root mean square does not count. A ReLU unit that is above 0 on few examples is active
    on these; where it is above 0 on more than half of them, on nearly all. A unit whose output
    never changes, be it 0 or saturated, is silent.

    Args:
        outputs: one row a unit, over examples and positions, after the activation function.

    Returns:
        float32 [units], in [0, 1].

    Raises:
        ValueError: if an output is not finite, or they are no rows of floating-point numbers.

    Cost: O(entries).
    """
    rows = full_precision(weight_matrix(outputs).detach(), "outputs")
    check_finite(rows, "outputs")
    rest = rows.median(dim=1, keepdim=True).values
    scale = rows.double().square().mean().sqrt().to(rows)
    return ((rows - rest).abs() > _DIFFERS * scale).float().mean(dim=1)
