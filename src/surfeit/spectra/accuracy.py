"""What a network is worth with one layer projected to low rank."""

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import (
    EXAMPLES_AT_ONCE,
    Objective,
    Split,
    check_split,
    copied,
    cross_entropy,
    fitting,
    lift_,
    one_thread,
)
from surfeit.models import Structure
from surfeit.spectra.effective import Weights
from surfeit.spectra.projection import check_ranks, factors

_Outputs = Callable[[Tensor], Iterator[Tensor]]


@one_thread()
@torch.no_grad()
def accuracy_by_rank(
    model: nn.Module,
    name: str,
    split: Split,
    ranks: Sequence[int],
    *,
    initial: Float[Tensor, "units *inputs"] | None = None,
    objective: Objective = cross_entropy,
    structure: Structure | None = None,
    batch: int = EXAMPLES_AT_ONCE,
) -> Float[Tensor, " ranks"]:
    """The accuracy on a split after one layer's weights are replaced by their projections.

    Where the objective knows no classes, as in a regression, the loss. The weight matrix becomes
    `W_k` for each rank `k`, or `Z + (W − Z)_k` if the initial one `Z` is given; biases and all
    other weights stay. A layer used at several places, or whose weights are tied to another's,
    changes at all of them; weights that a parametrisation or a hook computes are taken as they are
    computed. The model runs in evaluation mode and is not changed.

    In an `nn.Sequential` what precedes the layer is computed once, and a `Linear` layer's outputs
    are updated from rank to rank in float64, so that all ranks of it cost little more than their
    tails. Any other module is run whole for every rank.

    >>> accuracy_by_rank(run.model(), "fc1", dataset.test, [1, 2, 4, 8])

    Args:
        model: gives outputs that the objective can judge; half precision is computed in float32.
        name: the layer's dotted name: any that `structure.layers` lists.
        split: inputs and targets, on the model's device.
        ranks: from 0 to min(units, inputs) of the weight matrix, in any order.
        initial: the weight matrix [units, inputs] at the start, or for a convolution the weight.
        objective: what judges the outputs.
        structure: of the model, if it is at hand; it need not be one that can be followed.
        batch: examples run at once, at least 1.

    Returns:
        float64 [ranks] on the CPU, in the order of `ranks`: fractions of examples (or positions)
        that are right, in [0, 1], or, where `objective.correct` is None, mean losses.

    Raises:
        ValueError: if there is no such layer, no rank or one out of range, the initial weight is of
            another shape, the batch below 1, a weight not finite, or the outputs cannot be judged
            (NaN, labels without an output).

    Source: Heitmann 2020, section 3.3; of the update, Nagarajan and Kolter 2019.
    Cost: one decomposition; then, an example and rank, O(units) and the rest of the network.
    """
    structure = structure if structure is not None else Structure.of(model)
    check_split(split)
    if not ranks or batch < 1:
        raise ValueError(f"need at least one rank and a batch of 1, got {ranks} and {batch}")
    own = lift_(copied(model)).eval()
    weights = Weights(own, structure.layer(name))
    base = weights.base(initial)
    check_ranks(ranks, weights.matrix)
    rising = sorted(set(ranks))
    before, outputs = _parts(own, weights, rising, base, structure.plain(name))
    totals: dict[int, float] = dict.fromkeys(rising, 0.0)
    for start in range(0, len(split), batch):
        part = split[start : start + batch]
        for rank, found in zip(rising, outputs(before(fitting(own, part.inputs))), strict=True):
            objective.check(found, part.targets)
            totals[rank] += _worth(found, part.targets, objective)
    return torch.tensor([totals[rank] / len(split) for rank in ranks], dtype=torch.float64)


def _worth(outputs: Tensor, targets: Tensor, objective: Objective) -> float:
    """The shares that are right, or the losses, summed over the examples."""
    right = objective.correct(outputs, targets)
    if right is None:
        return float(objective.loss(outputs, targets, "sum"))
    return int(right.sum()) * len(targets) / right.numel()


def _parts(
    model: nn.Module, weights: Weights, ranks: list[int], base: Tensor, plain: bool
) -> tuple[nn.Module, _Outputs]:
    """What runs once, and what yields the outputs for each rising rank from its result."""
    left, right = factors(weights.matrix - base)
    before, after = _cut(model, weights)
    first = after[0] if isinstance(after, nn.Sequential) and len(after) else None
    if plain and isinstance(first, nn.Linear) and weights.belong_to(first):
        rest = after[1:]  # pyright: ignore[reportIndexIssue]
        if not weights.used_by(rest):
            return before, lambda inputs: (
                rest(outputs) for outputs in _linear(first, base, left, right, inputs, ranks)
            )

    full = min(weights.matrix.shape)

    def rerun(inputs: Tensor) -> Iterator[Tensor]:
        for rank in ranks:
            near = base + left[:, :rank] @ right[:rank]
            weights.write_(near if rank < full else weights.matrix)
            # A copy, since the first module may work in place.
            yield after(inputs.clone())

    return before, rerun


def _cut(model: nn.Module, weights: Weights) -> tuple[nn.Module, nn.Module]:
    """What precedes the first use of the weights, and the model from there on."""
    if type(model) is not nn.Sequential or model._forward_hooks or model._forward_pre_hooks:
        return nn.Sequential(), model
    first = next(index for index, part in enumerate(model) if weights.used_by(part))
    return model[:first], model[first:]


def _linear(
    chosen: nn.Linear, base: Tensor, left: Tensor, right: Tensor, inputs: Tensor, ranks: list[int]
) -> Iterator[Tensor]:
    """The layer's outputs for each rising rank, each from the one before."""
    inputs = inputs.double()
    along, steps = inputs @ right.double().T, left.double().T
    outputs = inputs @ base.double().T
    if chosen.bias is not None:
        outputs += chosen.bias.double()
    reached = 0
    for rank in ranks:
        outputs += along[..., reached:rank] @ steps[reached:rank]
        reached = rank
        yield outputs.to(chosen.weight.dtype, copy=True)
