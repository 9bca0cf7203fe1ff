"""The mean loss over a split, its gradients, their squares and Hessian-vector products."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from surfeit.core import Objective, Params, Split, call, differentiable, own_parameters
from surfeit.prune.evidence.normalising import normalised_by_batch

# What a batch adds to the sum over examples, by the leaves that the loss was computed from.
_Part = Callable[[Tensor, list[Tensor]], tuple[Tensor, ...]]


@dataclass(frozen=True, kw_only=True, eq=False)
class MeanLoss:
    """`L`, the mean of an objective over a split, as a function of a network's parameters.

    Args:
        network: a private copy in evaluation mode.
        split: the examples.
        objective: what judges the outputs.
        size: examples at a time, at most.
        by_batch: the normalisations that use each batch's own statistics, by dotted name. Without
            any, the size matters by rounding only.
        temperature: what the outputs are divided by before they are judged.
    """

    network: nn.Module
    split: Split
    objective: Objective
    size: int
    by_batch: tuple[str, ...] = ()
    temperature: float = 1.0

    def batches(self, like: Tensor) -> Iterator[Split]:
        """The examples as they are taken: with statistics of their own, as evenly as can be."""
        size = self.size
        if self.by_batch:
            parts = -(-len(self.split) // size)
            bounds = [len(self.split) * part // parts for part in range(parts + 1)]
            return (_placed(self.split[start:end], like) for start, end in pairwise(bounds))
        return batches(self.split, size, like)

    def of_batch(self, leaves: Params, batch: Split) -> Tensor:
        """The sum of the losses of a batch's examples.

        Raises:
            ValueError: if the objective cannot judge the outputs.
        """
        with normalised_by_batch(self.network, self.by_batch):
            outputs = judged(self.network, leaves, batch, self.objective)
        if self.temperature != 1:
            outputs = outputs / self.temperature
        return self.objective.loss(outputs, batch.targets, "sum")


def batches(split: Split, size: int, like: Tensor) -> Iterator[Split]:
    """Up to `size` examples at a time, on the device and, if real, in the type of `like`."""
    for start in range(0, len(split), size):
        yield _placed(split[start : start + size], like)


def mean_gradients(loss: MeanLoss, names: list[str]) -> Params:
    """The gradient `g = ∇L`, of the parameters named.

    Sums over batches are kept in float64.

    Raises:
        ValueError: if the objective cannot judge the outputs, or the gradient is not finite.
    """
    own, sums = _zeros(loss, names)
    for _, gradients in _parts(loss, names, _gradients):
        for name, value in zip(names, gradients, strict=True):
            sums[name] += value
    return all_finite("gradients", _averaged(sums, loss, own))


def mean_squared_gradients(loss: MeanLoss, names: list[str]) -> Params:
    """`mean_b g_b²` in float64, with `g_b` the gradient of the mean loss over a batch.

    A batch of fewer examples than the others weighs less.

    Raises:
        ValueError: if the objective cannot judge the outputs, or a gradient is not finite.
    """
    _, sums = _zeros(loss, names)
    for count, gradients in _parts(loss, names, _gradients):
        for name, value in zip(names, gradients, strict=True):
            sums[name] += value.double().square() / count  # n (g / n)²
    return all_finite("gradients", {name: s / len(loss.split) for name, s in sums.items()})


def mean_hessian_vector_product(loss: MeanLoss, vector: Mapping[str, Tensor]) -> Params:
    """`Hv`, with `H` the Hessian of L in the parameters that `vector` names.

    Reverse over reverse, `H v = ∇⟨∇L, v⟩` (Pearlmutter 1994): exact, about 1.5 gradients more.

    Raises:
        ValueError: if the objective cannot judge the outputs, or the product is not finite.
    """
    names, values = list(vector), list(vector.values())

    def part(total: Tensor, leaves: list[Tensor]) -> tuple[Tensor, ...]:
        grads = torch.autograd.grad(total, leaves, create_graph=True, materialize_grads=True)
        slope = torch.stack([(g * v).sum() for g, v in zip(grads, values, strict=True)]).sum()
        if not slope.requires_grad:  # the loss is linear in the parameters
            return tuple(torch.zeros_like(leaf) for leaf in leaves)
        return torch.autograd.grad(slope, leaves, materialize_grads=True)

    own, sums = _zeros(loss, names)
    for _, products in _parts(loss, names, part):
        for name, value in zip(names, products, strict=True):
            sums[name] += value.detach()
    return all_finite("Hessian-vector product", _averaged(sums, loss, own))


def judged(network: nn.Module, leaves: Params, batch: Split, objective: Objective) -> Tensor:
    """The outputs for a batch, once the objective has found that it can judge them.

    Raises:
        ValueError: as `Objective.check`.
    """
    outputs = call(network, leaves, batch.inputs)
    objective.check(outputs.detach() if isinstance(outputs, Tensor) else outputs, batch.targets)
    return outputs


def real_parameters(network: nn.Module) -> list[str]:
    """The names of the parameters that have gradients: integers, as of a quantised part, do not."""
    own = own_parameters(network).items()
    return [name for name, value in own if value.is_floating_point()]


def _parts(
    loss: MeanLoss, names: list[str], part: _Part
) -> Iterator[tuple[int, tuple[Tensor, ...]]]:
    """What each batch adds to a sum over examples, and how many of these it has."""
    own = dict(loss.network.named_parameters())
    for batch in loss.batches(own[names[0]]):
        leaves = {name: own[name].detach().requires_grad_() for name in names}
        with torch.enable_grad(), differentiable(loss.network):
            total = loss.of_batch(leaves, batch)
            if not total.requires_grad:  # it depends on none of them
                continue
            found = part(total, list(leaves.values()))
        yield len(batch), found


def _gradients(total: Tensor, leaves: list[Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(total, leaves, materialize_grads=True)


def _zeros(loss: MeanLoss, names: list[str]) -> tuple[dict[str, nn.Parameter], Params]:
    own = dict(loss.network.named_parameters())
    return own, {name: torch.zeros_like(own[name], dtype=torch.float64) for name in names}


def _averaged(sums: Params, loss: MeanLoss, own: Mapping[str, Tensor]) -> Params:
    return {name: (total / len(loss.split)).to(own[name].dtype) for name, total in sums.items()}


def _placed(part: Split, like: Tensor) -> Split:
    part = part.to(like.device)
    inputs = part.inputs.to(like.dtype) if part.inputs.is_floating_point() else part.inputs
    return Split(inputs, part.targets)


def all_finite(what: str, tensors: Params) -> Params:
    """The tensors, once they are all finite.

    Raises:
        ValueError: if one holds NaN or infinity.
    """
    for name, value in tensors.items():
        if not bool(torch.isfinite(value).all()):
            raise ValueError(
                f"the {what} of {name} must be finite, got NaN or infinity: the network's outputs "
                "on the split leave the range of its floating type, or the split itself holds such "
                "numbers"
            )
    return tensors
