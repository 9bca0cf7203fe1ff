"""The density of all eigenvalues, and their sums, by Lanczos quadrature beside known outliers."""

from dataclasses import dataclass

import numpy as np
import torch

from surfeit.core import check_size, one_thread
from surfeit.curvature.eigenpairs import Eigenpairs, Progress
from surfeit.curvature.estimate import Estimate
from surfeit.curvature.krylov import Krylov, directions
from surfeit.curvature.operator import Operator


@dataclass(frozen=True, kw_only=True, eq=False)
class Density:
    """A measure of the eigenvalues, as several probes see it.

    Args:
        size: how many eigenvalues there are.
        known: those that are exact: of the outliers that were left out of the probes.
        nodes, weights: for each probe the points of its quadrature and their shares of what is not
            known, which add up to 1.
        trace: the sum of all eigenvalues, from the same products.
        frobenius: the root of the sum of their squares, likewise.
        products: how many were spent, beside those for the outliers.
    """

    size: int
    known: np.ndarray
    nodes: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray, ...]
    trace: Estimate
    frobenius: Estimate
    products: int

    def curve(self, at: np.ndarray, *, width: float) -> tuple[np.ndarray, np.ndarray]:
        """The density, smoothed by a Gaussian, and its standard error over the probes.

        `φ(t) = Σ_j ω_j N(t; θ_j, width²)`; it integrates to 1.

        Args:
            at: [points] of the axis of eigenvalues.
            width: the Gaussian's standard deviation, in the unit of the eigenvalues.

        Raises:
            ValueError: if the width is not above 0.
        """
        if not width > 0:
            raise ValueError(f"width must be above 0, got {width}")
        known = _bumps(at, self.known, width).sum(1) / self.size
        if not self.nodes:  # nothing was left to probe
            return known, np.zeros_like(known)
        share = 1 - len(self.known) / self.size
        curves = [
            share * _bumps(at, nodes, width) @ weights
            for nodes, weights in zip(self.nodes, self.weights, strict=True)
        ]
        return known + np.mean(curves, axis=0), _error(curves)

    def share_above(self, threshold: float) -> Estimate:
        """The share of the eigenvalues that are larger than a threshold.

        Its error is that of the probes alone: how coarsely a few nodes place the threshold within
        the bulk comes on top, and can be larger.
        """
        rest = 1 - len(self.known) / self.size
        shares = [
            rest * float(weights[nodes > threshold].sum())
            for nodes, weights in zip(self.nodes, self.weights, strict=True)
        ]
        return Estimate.of(shares, float((self.known > threshold).sum()) / self.size)


@one_thread()
def spectral_density(
    operator: Operator,
    *,
    beside: Eigenpairs | None = None,
    probes: int = 8,
    steps: int = 30,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> Density:
    """The density, the trace and the Frobenius norm of an operator from one set of products.

    Stochastic Lanczos quadrature: for u uniform on the unit sphere, `N uᵀ f(A) u` has the mean
    `tr f(A)`, and the eigenvalues θ_j of a Krylov space from u, with the squares of the first
    components of their vectors as weights, integrate polynomials up to the degree `2 steps − 1`.
    Eigenpairs that have converged are taken as they are, and the probes kept orthogonal to them:
    of the trace and the norm they are often the larger part, and then exact. The first product of
    each probe gives its trace `N uᵀ A u` and norm `N ‖A u‖²`.

    Args:
        operator: symmetric.
        beside: eigenpairs of the operator; those that have converged are left out of the probes.
        probes: at least 2, for there to be an error.
        steps: products a probe.
        generator: a CPU generator.
        progress: told products done and in all after each.

    Raises:
        ValueError: if there are fewer than two probes or steps, or a product is not finite.

    Source: Lin, Saad and Yang 2016; Ghorbani, Krishnan and Xiao 2019. Cost: `probes · steps`
    products at most; `steps` vectors of memory.
    """
    check_size("probes", probes, 2)
    check_size("steps", steps, 2)
    kept = np.zeros(0, dtype=bool) if beside is None else beside.converged
    locked = None if beside is None or not kept.any() else beside.vectors[torch.from_numpy(kept)]
    known = np.zeros(0) if beside is None else beside.values[kept]
    strays = 0.0 if beside is None else float((beside.residuals[kept] ** 2).sum())
    rest = operator.size - len(known)
    products = 0
    nodes, weights, firsts, seconds = [], [], [], []
    for place in range(probes if rest else 0):
        space = Krylov(operator, directions(operator, 1, generator), generator, avoid=locked)
        while space.products < steps and space.grow_(restart=False):
            if progress is not None:
                progress(place * steps + space.products, probes * steps)
        ritz = space.ritz()
        products += space.products
        share = ritz.weights[0] ** 2
        nodes.append(ritz.values)
        weights.append(share / share.sum())
        firsts.append(rest * float(weights[-1] @ ritz.values))
        seconds.append(rest * float(weights[-1] @ ritz.values**2))
    squares = Estimate.of(seconds, float((known**2).sum()) + 2 * strays)
    return Density(
        size=operator.size,
        known=known,
        nodes=tuple(nodes),
        weights=tuple(weights),
        trace=Estimate.of(firsts, float(known.sum())),
        frobenius=squares.root,
        products=products,
    )


def _bumps(at: np.ndarray, nodes: np.ndarray, width: float) -> np.ndarray:
    """[points, nodes]: a normal density around each node."""
    z = (at[:, None] - nodes[None]) / width
    return np.exp(-(z**2) / 2) / (width * np.sqrt(2 * np.pi))


def _error(curves: list[np.ndarray]) -> np.ndarray:
    return np.std(curves, axis=0, ddof=1) / np.sqrt(len(curves))
