"""The mean cross-entropy's gradient and Hessian-vector products over a whole split."""

from collections.abc import Callable, Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from surfeit.core import Params, Split, call, own_parameters

# What a batch adds to the sum over images, by the leaves that the loss was computed from.
_Part = Callable[[Tensor, list[Tensor]], tuple[Tensor, ...]]


def batches(split: Split, size: int, like: Tensor) -> Iterator[Split]:
    """Up to `size` images at a time, on the device and in the floating type of `like`."""
    for start in range(0, len(split), size):
        part = split[start : start + size].to(like.device)
        yield Split(part.images.to(like.dtype), part.labels)


def mean_gradients(network: nn.Module, split: Split, size: int) -> Params:
    """The gradient `g = ∇L` of the mean cross-entropy, of every floating-point parameter.

    Sums over batches are kept in float64, so that the batch size matters by rounding only.

    Raises:
        ValueError: if the gradient is not finite.
    """

    def part(loss: Tensor, leaves: list[Tensor]) -> tuple[Tensor, ...]:
        return torch.autograd.grad(loss, leaves, materialize_grads=True)

    # Integers, as of a quantised part, have no gradient.
    own = own_parameters(network).items()
    names = [name for name, value in own if value.is_floating_point()]
    return all_finite("gradients", _mean(network, names, split, size, part))


def mean_hessian_vector_product(
    network: nn.Module, vector: Mapping[str, Tensor], split: Split, size: int
) -> Params:
    """`Hv`, with `H` the Hessian of the mean cross-entropy in the parameters that `vector` names.

    Reverse over reverse, `H v = ∇⟨∇L, v⟩` (Pearlmutter 1994): exact, about 1.5 gradients more.

    Raises:
        ValueError: if the product is not finite.
    """
    values = list(vector.values())

    def part(loss: Tensor, leaves: list[Tensor]) -> tuple[Tensor, ...]:
        grads = torch.autograd.grad(loss, leaves, create_graph=True, materialize_grads=True)
        slope = torch.stack([(g * v).sum() for g, v in zip(grads, values, strict=True)]).sum()
        return torch.autograd.grad(slope, leaves, materialize_grads=True)

    product = _mean(network, list(vector), split, size, part)
    return all_finite("Hessian-vector product", product)


def _mean(network: nn.Module, names: list[str], split: Split, size: int, part: _Part) -> Params:
    own = dict(network.named_parameters())
    sums = {name: torch.zeros_like(own[name], dtype=torch.float64) for name in names}
    for batch in batches(split, size, own[names[0]]):
        leaves = {name: own[name].detach().requires_grad_() for name in names}
        with torch.enable_grad():
            logits = call(network, leaves, batch.images)
            loss = F.cross_entropy(logits, batch.labels, reduction="sum")
            parts = part(loss, list(leaves.values()))
        for name, value in zip(names, parts, strict=True):
            sums[name] += value.detach()
    return {name: (total / len(split)).to(own[name].dtype) for name, total in sums.items()}


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
