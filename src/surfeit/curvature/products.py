"""Products of the Hessian and of the Gauss-Newton matrix of a loss with vectors."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import forward_ad

from surfeit.core import (
    Params,
    Split,
    converted_,
    copied,
    differentiable,
    fast_path_off,
    one_thread,
)
from surfeit.curvature.operator import Operator
from surfeit.curvature.own_functions import check_own_functions, own_functions
from surfeit.curvature.surface import LossSurface, leaves_at

_Part = Callable[[LossSurface, Split, Tensor], Iterator[Tensor]]

# What torch says of functions that lack a derivative.
_LACKING = (
    "once_differentiable",
    "is not implemented",
    "not implemented for",
    "does not support",
    "forward AD",
    "forward mode",
    "jvp",
    "double backward",
    "does not require grad",
)
_TRIED = 8  # examples on which derivatives are tried out
_REMAINS = "products with the Gauss-Newton matrix, gauss_newton(surface), need none of the network"
_NEEDS = (
    "the objective must have a second derivative in the outputs, and the network one in forward "
    "mode or a backward that can be derived again"
)


def hessian(surface: LossSurface) -> Operator:
    """The Hessian `H = ∇²L` of a loss surface, by its products.

    `H v = ∇⟨∇L, v⟩`, reverse over reverse, exact. A chunk's graph serves all vectors of a call, an
    only chunk's all calls. A ReLU or a hinge has a kink, where torch takes one of the two slopes;
    beside it the second derivative is zero, and so H is that of the piece on which each example
    lies.

    Args:
        surface: where it is taken, and in which coordinates.

    Returns:
        the operator; a product raises ValueError if it is not finite.

    Raises:
        ValueError: if the loss has no second derivative; of `torch.autograd.Function`s of one's own
            that is tried out, for autograd takes what it does not see for constant.

    Source: Pearlmutter 1994. Cost: a product takes some 2.2 gradients over all examples (measured
    on LeNet-300-100), 1.2 where all are in one chunk or for each further vector of a call.
    """
    chunk = next(surface.chunks())[:_TRIED]
    with _said("the loss has no second derivative here ({}): " + _REMAINS):
        _try_out(surface, chunk)
        Graph.of(surface, chunk).along(surface, surface.coordinates.like.new_ones(surface.size))
    return _operator(surface, _HessianPart())


def gauss_newton(surface: LossSurface) -> Operator:
    """The generalised Gauss-Newton matrix `G = mean_i J_iᵀ (∇²_f ℓ_i) J_i`, by its products.

    With `J_i` the derivative of the outputs for example i in the parameters. G is the Hessian of
    the loss of the network made linear in its parameters, positive semi-definite where ℓ is convex
    in the outputs, and equal to H for a linear network. `J v` is taken in forward mode, or by
    reverse over reverse where a function of the network has no forward derivative; second
    derivatives of the network are not needed. Of an objective that is linear in the outputs
    almost everywhere, such as the hinge, G is 0.

    Args:
        surface: where it is taken, and in which coordinates.

    Returns:
        the operator; a product raises ValueError if it is not finite.

    Raises:
        ValueError: if the objective has no second derivative in the outputs, or the network no
            derivative of either kind.

    Source: Schraudolph 2002, section 3. Cost: a product takes some 2.4 gradients over all examples.
    """
    chunk = next(surface.chunks())[:_TRIED]
    with _said("the Gauss-Newton matrix has no products here ({}): " + _NEEDS):
        _try_out_objective(surface, chunk)
        rows = surface.coordinates.like.new_ones(1, surface.size)
        next(_gauss_newton_part(surface, chunk, rows))
    return _operator(surface, _gauss_newton_part)


def _operator(surface: LossSurface, part: _Part) -> Operator:
    like = surface.coordinates.like
    return Operator(
        size=surface.size,
        product=partial(_products, surface, part),
        dtype=like.dtype,
        device=like.device,
    )


@one_thread()
def _products(
    surface: LossSurface, part: _Part, rows: Float[Tensor, "k size"]
) -> Float[Tensor, "k size"]:
    """Sums over chunks, in float64."""
    total = torch.zeros(rows.shape, dtype=torch.float64, device=rows.device)
    for chunk in surface.chunks():
        with torch.enable_grad(), fast_path_off(), differentiable(surface.network):
            for place, product in enumerate(part(surface, chunk, rows)):
                total[place] += product.detach()
    return total.to(rows.dtype)


@dataclass(eq=False)
class _HessianPart:
    """What a chunk adds to Hessian products; the graph of the only chunk is kept for the next."""

    kept: "Graph | None" = None

    def __call__(self, surface: LossSurface, chunk: Split, rows: Tensor) -> Iterator[Tensor]:
        graph = self.kept or Graph.of(surface, chunk)
        if len(surface.split) <= surface.chunk:
            self.kept = graph
        for row in rows:
            yield graph.along(surface, row)


@dataclass(frozen=True, eq=False)
class Graph:
    """The gradient of what a chunk adds to L, as it was computed from the parameters."""

    leaves: Params
    slopes: tuple[Tensor, ...]

    @staticmethod
    def of(surface: LossSurface, chunk: Split) -> "Graph":
        """The graph of a chunk."""
        leaves = leaves_at(surface.coordinates.point)
        return Graph(leaves, _slopes(surface.chunk_loss(leaves, chunk), list(leaves.values())))

    def along(self, surface: LossSurface, row: Tensor) -> Float[Tensor, " size"]:
        """What the chunk adds to H v, in float64."""
        direction = list(surface.coordinates.tensors(row).values())
        found = _slopes_along(self.slopes, direction, list(self.leaves.values()))
        return _flat(surface, self.leaves, found)


def _gauss_newton_part(surface: LossSurface, chunk: Split, rows: Tensor) -> Iterator[Tensor]:
    leaves = leaves_at(surface.coordinates.point)
    outputs, values = surface.outputs(leaves, chunk), list(leaves.values())
    for row in rows:
        along = _along(surface, leaves, outputs, chunk, surface.coordinates.tensors(row))
        bent = _bent(surface, outputs, chunk, along)
        yield _flat(surface, leaves, _back(outputs, values, bent))


def _back(outputs: Tensor, values: list[Tensor], bent: Tensor) -> tuple[Tensor, ...]:
    """`Jᵀ u`."""
    if not outputs.requires_grad:  # they depend on none of the parameters
        return tuple(map(torch.zeros_like, values))
    return torch.autograd.grad(outputs, values, bent, retain_graph=True, materialize_grads=True)


def _slopes(loss: Tensor, values: list[Tensor]) -> tuple[Tensor, ...]:
    if not loss.requires_grad:  # it depends on none of them
        return tuple(map(torch.zeros_like, values))
    return torch.autograd.grad(loss, values, create_graph=True, materialize_grads=True)


def _slopes_along(
    slopes: tuple[Tensor, ...], direction: list[Tensor], values: list[Tensor]
) -> tuple[Tensor, ...]:
    """`∇⟨slopes, direction⟩`."""
    along = [(s * d).sum() for s, d in zip(slopes, direction, strict=True) if s.requires_grad]
    if not along:  # the loss is linear in the parameters
        return tuple(map(torch.zeros_like, values))
    total = torch.stack([one.to(along[0].dtype) for one in along]).sum()
    return torch.autograd.grad(total, values, retain_graph=True, materialize_grads=True)


def _along(
    surface: LossSurface, leaves: Params, outputs: Tensor, chunk: Split, direction: Params
) -> Tensor:
    """`J v`, in forward mode where every function has one."""
    try:
        with torch.no_grad(), forward_ad.dual_level():
            dual = {
                name: forward_ad.make_dual(value.detach(), direction[name])
                for name, value in leaves.items()
            }
            tangent = forward_ad.unpack_dual(surface.outputs(dual, chunk)).tangent
            return torch.zeros_like(outputs) if tangent is None else tangent.detach().clone()
    except (RuntimeError, NotImplementedError) as error:
        if not _lacks_derivative(error):
            raise
    # `Jᵀ u` is linear in u: its derivative along v is `J v`.
    dummy = torch.zeros_like(outputs, requires_grad=True)
    back = torch.autograd.grad(
        outputs, list(leaves.values()), dummy, create_graph=True, materialize_grads=True
    )
    total = torch.stack(
        [(b * d).sum() for b, d in zip(back, direction.values(), strict=True)]
    ).sum()
    return torch.autograd.grad(total, dummy)[0]


def _bent(surface: LossSurface, outputs: Tensor, chunk: Split, along: Tensor) -> Tensor:
    """`(∇²_f ℓ) u` for each example, divided by the number of all examples."""
    leaf = outputs.detach().requires_grad_()
    loss = surface.objective.loss(leaf, chunk.targets, "sum") / len(surface.split)
    slope = _slopes(loss, [leaf])
    return _slopes_along(slope, [along], [leaf])[0]


def _flat(surface: LossSurface, leaves: Params, values: tuple[Tensor, ...]) -> Tensor:
    return surface.coordinates.flat(dict(zip(leaves, values, strict=True))).double()


@contextmanager
def _said(words: str) -> Iterator[None]:
    """Says in a sentence that a derivative is lacking, with what torch says of it in its braces."""
    try:
        with torch.enable_grad():
            yield
    except (RuntimeError, NotImplementedError) as error:
        if not _lacks_derivative(error):
            raise
        raise ValueError(words.format(str(error).strip().splitlines()[0][:200])) from error


def _try_out(surface: LossSurface, chunk: Split) -> None:
    """The check of functions of one's own, in float64, over all of the network and the loss."""
    point = surface.coordinates.point
    with torch.enable_grad():
        if not own_functions(surface.chunk_loss(leaves_at(point), chunk)):
            return
    wide = replace(surface, network=converted_(copied(surface.network), torch.float64))
    inputs = chunk.inputs.double() if chunk.inputs.is_floating_point() else chunk.inputs

    def loss(values: Sequence[Tensor]) -> Tensor:
        tensors = dict(zip(point, values, strict=True))
        return wide.chunk_loss(tensors, Split(inputs, chunk.targets))

    check_own_functions(loss, [value.double() for value in point.values()])


def _try_out_objective(surface: LossSurface, chunk: Split) -> None:
    """The same over the objective alone."""
    with torch.no_grad():
        outputs = surface.outputs(surface.coordinates.point, chunk).double()
    check_own_functions(
        lambda values: surface.objective.loss(values[0], chunk.targets, "sum"), [outputs]
    )


def _lacks_derivative(error: Exception) -> bool:
    return any(words in str(error) for words in _LACKING)
