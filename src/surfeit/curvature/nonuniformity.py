"""How much the curvature of single examples differs from that of their mean."""

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import Split, differentiable, fast_path_off, one_thread
from surfeit.curvature.operator import Operator
from surfeit.curvature.products import Graph, hessian
from surfeit.curvature.surface import LossSurface


def deviation(surface: LossSurface) -> Operator:
    """`M = mean_i H_i² − H²`, the second moment of the examples' Hessians about their mean.

    The root of its largest eigenvalue is the non-uniformity s: SGD with rate r and batches of B of
    n examples stays at a minimum of one weight only if `a ≤ 2 / r` and
    `s ≤ √(B (n − 1) / (n − B)) / r`, with a the largest eigenvalue of H. Of many weights it is a
    criterion and no theorem: a and s need not belong to one direction.

    >>> pair = eigenpairs(deviation(surface), largest=1, generator=generator)
    >>> s = math.sqrt(max(0.0, pair.values[0]))

    Args:
        surface: of a network whose output for an example does not depend on others.

    Returns:
        the operator, positive semi-definite but for rounding.

    Raises:
        ValueError: as `hessian`, or if the network mixes the examples of a chunk (training mode).

    Source: Wu, Ma and E 2018. Cost: a product takes a gradient and
    two products an example, each alone, and two over all: choose hundreds of examples.
    """
    single = surface.one_by_one()
    whole = hessian(surface)
    return Operator(
        size=whole.size,
        product=lambda rows: _second_moments(single, rows) - whole.times(whole.times(rows)),
        dtype=whole.dtype,
        device=whole.device,
    )


@one_thread()
def _second_moments(single: LossSurface, rows: Float[Tensor, "k size"]) -> Float[Tensor, "k size"]:
    """`mean_i H_i H_i v`."""
    total = torch.zeros(rows.shape, dtype=torch.float64, device=rows.device)
    for example in single.chunks():
        with torch.enable_grad(), fast_path_off(), differentiable(single.network):
            _add_(total, single, example, rows)
    return total.to(rows.dtype)


def _add_(total: Tensor, single: LossSurface, example: Split, rows: Tensor) -> None:
    """Adds `H_i H_i v / n`; the graph's own product is of `H_i / n`."""
    graph, n = Graph.of(single, example), len(single.split)
    for place, row in enumerate(rows):
        once = n * graph.along(single, row)
        total[place] += graph.along(single, once.to(row.dtype)).detach()
