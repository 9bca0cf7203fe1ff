"""Accuracy with one layer projected to low rank."""

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import Split, call, copied, layer, weight_matrix
from surfeit.spectra.projection import check_ranks, check_shapes, factors

_Outputs = Callable[[Tensor], Iterator[Tensor]]


@torch.no_grad()
def accuracy_by_rank(
    model: nn.Module,
    name: str,
    split: Split,
    ranks: Sequence[int],
    *,
    initial: Float[Tensor, "units *inputs"] | None = None,
    batch: int = 1000,
) -> Float[Tensor, " ranks"]:
    """The accuracy on a split after one layer's weight is replaced by its projections.

    The weight becomes `W_k` for each rank `k`, or `Z + (W − Z)_k` if the initial weight `Z` is
    given; the bias and all other weights stay. The model runs in evaluation mode and is not
    changed.

    In an `nn.Sequential` what precedes the layer is computed once, and a `Linear` layer's outputs
    are updated from rank to rank in float64, so that all ranks of it cost little more than their
    tails. Any other module is run whole for every rank.

    Args:
        model: takes the split's images, gives scores [n, classes].
        name: the layer's dotted name.
        split: images and labels, on the model's device.
        ranks: from 0 to min(units, inputs), in any order.
        initial: the layer's weight at the start, of the weight's shape.
        batch: images run at once, at least 1.

    Returns:
        float64 [ranks] on the CPU, fractions in [0, 1], in the order of `ranks`.

    Raises:
        ValueError: if there is no such layer, no rank or one out of range, the initial weight is of
            another shape, the batch below 1 or a weight not finite.

    Source: Heitmann 2020, section 3.3; of the update, Nagarajan and Kolter 2019.
    Cost: one decomposition; then, an image and rank, O(units) and the rest of the network.
    """
    weight = layer(model, name).weight.detach()
    if not ranks or batch < 1:
        raise ValueError(f"need at least one rank and a batch of 1, got {ranks} and {batch}")
    check_ranks(ranks, weight_matrix(weight))
    if initial is not None:
        check_shapes(weight, initial)
    before, outputs = _parts(copied(model).eval(), name, sorted(set(ranks)), initial)
    correct: dict[int, int] = dict.fromkeys(sorted(set(ranks)), 0)
    for start in range(0, len(split), batch):
        part = split[start : start + batch]
        found = zip(correct, outputs(before(part.images)), strict=True)
        for rank, scores in found:
            correct[rank] += int((scores.argmax(dim=1) == part.labels).sum())
    return torch.tensor([correct[rank] / len(split) for rank in ranks], dtype=torch.float64)


def _parts(
    model: nn.Module, name: str, ranks: list[int], initial: Tensor | None
) -> tuple[nn.Module, _Outputs]:
    """What runs once, and what yields the scores for each rising rank from its output."""
    chosen = layer(model, name)
    base = torch.zeros_like(chosen.weight) if initial is None else initial.to(chosen.weight)
    left, right = factors(weight_matrix((chosen.weight - base).detach()))
    before, after = _cut(model, chosen.weight)
    if isinstance(after, nn.Sequential) and after[0] is chosen and isinstance(chosen, nn.Linear):
        rest = after[1:]
        if not _uses(rest, chosen.weight):
            return before, lambda inputs: (
                rest(outputs) for outputs in _linear(chosen, base, left, right, inputs, ranks)
            )
    key = f"{name}.weight" if name else "weight"

    def rerun(inputs: Tensor) -> Iterator[Tensor]:
        for rank in ranks:
            weight = base + (left[:, :rank] @ right[:rank]).reshape(base.shape)
            # A copy, since the first module may work in place.
            yield call(after, {key: weight}, inputs.clone())

    return before, rerun


def _cut(model: nn.Module, weight: Tensor) -> tuple[nn.Module, nn.Module]:
    """What precedes the first use of the weight, and the model from there on."""
    if type(model) is not nn.Sequential:
        return nn.Sequential(), model
    first = next(index for index, part in enumerate(model) if _uses(part, weight))
    return model[:first], model[first:]  # Slices keep the parts' names.


def _uses(model: nn.Module, weight: Tensor) -> bool:
    # Tied weights lie over one memory, be they one object or two.
    return any(own.data_ptr() == weight.data_ptr() for own in model.parameters())


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
