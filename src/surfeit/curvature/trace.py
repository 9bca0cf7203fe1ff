"""The trace and the Frobenius norm of an operator, from products with random signs."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import check_size, one_thread
from surfeit.curvature.estimate import Estimate
from surfeit.curvature.krylov import directions
from surfeit.curvature.operator import Operator
from surfeit.curvature.rows import combined, inner, orthonormal


@dataclass(frozen=True, kw_only=True)
class Traces:
    """The sum of the eigenvalues, and the root of the sum of their squares.

    Args:
        trace: `tr A`.
        frobenius: `‖A‖_F`; its mean is taken of the square, so the root is slightly too small.
        products: how many were spent.
    """

    trace: Estimate
    frobenius: Estimate
    products: int


@one_thread()
def hutchinson(operator: Operator, *, probes: int, generator: torch.Generator) -> Traces:
    """`tr A ≈ mean_j g_jᵀ A g_j` and `‖A‖_F² ≈ mean_j ‖A g_j‖²` for vectors g of random signs.

    The variance of one probe of the trace is `2 (‖A‖_F² − Σ_i A_ii²)`.

    Args:
        operator: symmetric.
        probes: at least 2, for there to be an error.
        generator: a CPU generator.

    Raises:
        ValueError: if there are fewer than two probes.

    Source: Hutchinson 1990. Cost: `probes` products.
    """
    check_size("probes", probes, 2)
    return _traces(operator, None, probes, generator)


@one_thread()
def hutch_plus_plus(operator: Operator, *, products: int, generator: torch.Generator) -> Traces:
    """The trace by Hutch++: exact on the span of a sketch, by random signs beside it.

    `tr A = tr(Qᵀ A Q) + tr((I − QQᵀ) A (I − QQᵀ))` with Q a basis of A S, for a Gaussian S: a third
    of the products each makes the sketch, its products, and the probes beside it. It pays where a
    few eigenvalues make up most of `‖A‖_F`; where the spectrum is flat, two thirds of the products
    are wasted, and `hutchinson` is better. Where eigenpairs are known already, those that
    `spectral_density` leaves out do the same for nothing.

    Args:
        operator: symmetric.
        products: at least 6.
        generator: a CPU generator.

    Raises:
        ValueError: if there are fewer than six products.

    Source: Meyer, Musco, Musco and Woodruff 2021, algorithm 1. Cost: `products` products at most,
    a third of them vectors of memory.
    """
    check_size("products", products, 6)
    count = min(products // 3, operator.size)
    sketch = operator.times(directions(operator, count, generator))
    basis = orthonormal(sketch)
    images = operator.times(basis)
    left = max(2, products - count - len(basis))
    found = _traces(operator, (basis, images), left, generator)
    return Traces(
        trace=found.trace,
        frobenius=found.frobenius,
        products=count + len(basis) + found.products,
    )


def _traces(
    operator: Operator,
    known: tuple[Tensor, Tensor] | None,
    probes: int,
    generator: torch.Generator,
) -> Traces:
    """Both sums, exact on the span of a basis whose products are known."""
    exact, squares = 0.0, 0.0
    if known is not None:
        basis, images = known
        exact = float(inner(basis, images).trace())
        squares = float(images.double().square().sum())
        if len(basis) == operator.size:
            return Traces(
                trace=Estimate(exact, 0.0, 0), frobenius=Estimate(squares, 0.0, 0).root, products=0
            )
    firsts, seconds = [], []
    for _ in range(probes):
        probe = _signs(operator, 1, generator)
        if known is not None:
            probe -= combined(inner(probe, known[0]), known[0].double())
        sent = probe.to(operator.dtype)
        image = operator.times(sent)[0].double()
        firsts.append(float(sent[0].double() @ image))
        seconds.append(float(image @ image))
    return Traces(
        trace=Estimate.of(firsts, exact),
        frobenius=Estimate.of(seconds, squares).root,
        products=probes,
    )


def _signs(
    operator: Operator, count: int, generator: torch.Generator
) -> Float[Tensor, "count size"]:
    return directions(operator, count, generator).sign()
