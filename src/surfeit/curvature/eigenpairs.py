"""The eigenvalues at both ends of a spectrum, with residuals that say how far to trust them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from surfeit.core import check_size, one_thread
from surfeit.curvature.krylov import Krylov, Ritz, directions
from surfeit.curvature.operator import Operator

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Eigenpairs:
    """Eigenvalues at the ends of a spectrum.

    Args:
        values: [k] in descending order: the largest, then the smallest.
        vectors: [k, size], a row each, of length one.
        residuals: [k], `‖A v − λ v‖`. An eigenvalue of A lies within that of λ, but for rounding.
        converged: [k], whether the residual is at most the tolerance.
        products: how many were spent.
        block: with how many vectors the search began. Of equal eigenvalues at most as many are
            seen, unless a space was exhausted.
        complete: whether the whole space was searched, so that nothing can be missing.
    """

    values: np.ndarray
    vectors: Float[Tensor, "k size"]
    residuals: np.ndarray
    converged: Bool[np.ndarray, " k"]
    products: int
    block: int
    complete: bool

    @property
    def relative(self) -> np.ndarray:
        """[k], the residuals as fractions of `|λ|`; infinite where λ is 0 and the residual not."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.residuals == 0, 0.0, self.residuals / np.abs(self.values))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the numbers do not say, a sentence each."""
        said = []
        missing = int((~self.converged).sum())
        if missing:
            said.append(
                f"{missing} of {len(self.values)} eigenvalues have not converged after "
                f"{self.products} products: their residuals say how far they may be off"
            )
        if not self.complete:
            times = "once" if self.block == 1 else f"at most {self.block} times"
            said.append(f"equal eigenvalues are seen {times}: a larger block sees more of them")
        return tuple(said)


@one_thread()
def eigenpairs(
    operator: Operator,
    *,
    largest: int = 10,
    smallest: int = 0,
    tolerance: float = 1e-4,
    most: int = 200,
    block: int = 1,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> Eigenpairs:
    """The largest and the smallest eigenvalues by one Krylov run, orthogonal throughout.

    A pair has converged when `‖A v − λ v‖ ≤ tolerance |λ|`, or where that is less than what
    rounding does to a product. The residual is taken from the products themselves, not from the
    recurrence. It bounds how far λ is from an eigenvalue; that none between was passed over, no
    residual can say: the start is random, so that it would have to be nearly orthogonal to one.

    Args:
        operator: symmetric.
        largest, smallest: how many at each end, in the order of signed values: of a Hessian the
            smallest are its most negative ones.
        tolerance: relative, above 0.
        most: products at most.
        block: starting vectors; equal eigenvalues are seen as often.
        generator: a CPU generator, for the starting vectors.
        progress: told products done and `most` after each; at the end, that all are done.

    Raises:
        ValueError: if more eigenvalues are asked for than there are, none is, `most` products could
            not give so many, or another argument is out of range.

    Source: Parlett 1980, chapter 13. Cost: one product a step, about 25 for ten separate outliers
    of a trained classifier; vectors of memory as many as products.
    """
    _check(operator, largest, smallest, tolerance, most, block)
    space = Krylov(operator, directions(operator, block, generator), generator)
    wanted = largest + smallest
    while space.products < most and space.grow_():
        if progress is not None:
            progress(space.products, most)
        if space.products >= wanted and _enough(space, largest, smallest, tolerance):
            break
    if progress is not None:
        progress(space.products, space.products)
    ritz = space.ritz()
    chosen = _ends(ritz, largest, smallest)
    return Eigenpairs(
        values=ritz.values[chosen],
        vectors=space.vectors(ritz.weights[:, chosen]),
        residuals=ritz.residuals[chosen],
        converged=_converged(ritz, space.noise, tolerance)[chosen],
        products=space.products,
        block=block,
        complete=space.complete,
    )


def _enough(space: Krylov, largest: int, smallest: int, tolerance: float) -> bool:
    ritz = space.ritz()
    chosen = _ends(ritz, largest, smallest)
    return bool(_converged(ritz, space.noise, tolerance)[chosen].all())


def _ends(ritz: Ritz, largest: int, smallest: int) -> np.ndarray:
    """Places of the eigenvalues at both ends, in descending order of values."""
    m = len(ritz.values)
    return np.array([*range(m - 1, m - 1 - largest, -1), *range(smallest - 1, -1, -1)], dtype=int)


def _converged(ritz: Ritz, noise: float, tolerance: float) -> np.ndarray:
    return ritz.residuals <= np.maximum(tolerance * np.abs(ritz.values), noise)


def _check(
    operator: Operator, largest: int, smallest: int, tolerance: float, most: int, block: int
) -> None:
    counts = {"largest": (largest, 0), "smallest": (smallest, 0), "block": (block, 1)}
    for name, (value, least) in counts.items():
        check_size(name, value, least)
    wanted = largest + smallest
    if not 1 <= wanted <= operator.size:
        raise ValueError(
            f"between 1 and {operator.size:,} eigenvalues can be asked for, as many as there are "
            f"parameters, got {wanted:,}"
        )
    if block > operator.size:
        raise ValueError(f"block must be at most {operator.size:,}, the parameters, got {block:,}")
    if most < wanted:
        raise ValueError(f"{wanted} eigenvalues take as many products at least, got most={most}")
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must be between 0 and 1, got {tolerance}")
