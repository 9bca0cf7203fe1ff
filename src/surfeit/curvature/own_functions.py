"""Whether functions with a backward of the user's own have the second derivative that they claim.

Autograd takes what such a backward computes outside its sight, by NumPy, on detached tensors or
under `once_differentiable`, for constant: a Hessian would lack a part, and nothing would say so.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction

from surfeit.core import Streams

# Of the point's length. In float64 differences are then right to 1e-8, and of a few examples no
# unit is likely to pass the kink of its ReLU on the way, where they would see more.
_STEP = 1e-7
_MOST = 1e-3  # of the product

Loss = Callable[[Sequence[Tensor]], Tensor]


def own_functions(value: Tensor) -> list[str]:
    """The functions of one's own in the graph that a value was computed by, each once."""
    return sorted(set(_in_graph(value)))


def check_own_functions(loss: Loss, point: Sequence[Tensor]) -> None:
    """Compares one Hessian product with differences of gradients, if there is such a function.

    `H v ≈ (∇L(θ + h v) − ∇L(θ − h v)) / 2h`, along one random direction of length one.

    Args:
        loss: a scalar of tensors.
        point: float64 tensors; where to look.

    Raises:
        RuntimeError: if the two differ, in words like torch's own for functions that lack one.

    Cost: one forward pass; with functions of one's own three gradients and a product.
    """
    leaves = [value.detach().clone().requires_grad_() for value in point]
    with torch.enable_grad():
        value = loss(leaves)
        names = own_functions(value)
        if not names or not value.requires_grad:
            return
        generator = Streams(0).get("own functions")
        drawn = [torch.randn(one.shape, generator=generator).to(one) for one in point]
        direction = [one / _length(drawn) for one in drawn]
        slopes = torch.autograd.grad(value, leaves, create_graph=True, materialize_grads=True)
        product = _along(slopes, direction, leaves)
    step = _STEP * (1 + _length(point))
    before, after = (
        _gradient(loss, [p + sign * step * d for p, d in zip(point, direction, strict=True)])
        for sign in (-1, 1)
    )
    difference = (after - before) / (2 * step)
    if float((product - difference).norm()) > _MOST * float(difference.norm() + product.norm()):
        raise RuntimeError(
            f"the backward of {', '.join(names)} is not implemented in operations that can be "
            "derived again"
        )


def _length(values: Sequence[Tensor]) -> float:
    return float(_joined(values).norm())


def _in_graph(value: Tensor) -> Iterator[str]:
    seen, todo = set(), [value.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(node, BackwardCFunction):
            yield node.name().removesuffix("Backward")
        todo += [following for following, _ in node.next_functions]


def _along(slopes: Sequence[Tensor], direction: Sequence[Tensor], leaves: list[Tensor]) -> Tensor:
    dots = [(s * d).sum() for s, d in zip(slopes, direction, strict=True) if s.requires_grad]
    if not dots:
        return _joined([torch.zeros_like(leaf) for leaf in leaves])
    return _joined(torch.autograd.grad(torch.stack(dots).sum(), leaves, materialize_grads=True))


def _gradient(loss: Loss, point: Sequence[Tensor]) -> Tensor:
    leaves = [value.detach().clone().requires_grad_() for value in point]
    with torch.enable_grad():
        return _joined(torch.autograd.grad(loss(leaves), leaves, materialize_grads=True))


def _joined(values: Sequence[Tensor]) -> Tensor:
    return torch.cat([value.detach().reshape(-1) for value in values])
