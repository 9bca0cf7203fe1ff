"""The Krylov space of a symmetric operator: what Lanczos's method builds, orthogonal throughout."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.curvature.operator import Operator
from surfeit.curvature.rows import DEPENDENT, Rows, combined


@dataclass(frozen=True, kw_only=True, eq=False)
class Ritz:
    """What a Krylov space says of the spectrum.

    Args:
        values: [m] in ascending order, the eigenvalues of the operator within the space.
        weights: [m, m], a column an eigenvector in the basis.
        residuals: [m], `‖A v − λ v‖` of each.
    """

    values: np.ndarray
    weights: np.ndarray
    residuals: np.ndarray


class Krylov:
    """An orthonormal basis of `span{x, A x, A² x, ...}` that grows by one product at a time.

    `A q_j = Σ_i h_ij q_i`, every coefficient kept: what rounding makes of a symmetric product is
    in the residuals. Every new vector is made orthogonal to all before it (full
    reorthogonalisation), so that no eigenvalue comes twice as a ghost of one that was found.
    With several starting vectors (a band) as many vectors of one eigenvalue are seen. Where the
    space is exhausted, the next vector is drawn at random, orthogonal to all that was found.

    Args:
        operator: A.
        start: [b, size], the vectors to begin with, in any length.
        generator: for what is drawn where the space is exhausted; a CPU generator.
        avoid: [k, size], orthonormal rows that are kept out of the space, as if A were 0 on them.

    Source: Lanczos 1950; band and deflation, Ruhe 1979; Parlett 1980, chapter 13. Cost of m steps:
    m products, O(m² size) operations, m vectors of memory.
    """

    def __init__(
        self,
        operator: Operator,
        start: Float[Tensor, "b size"],
        generator: torch.Generator,
        avoid: Float[Tensor, "k size"] | None = None,
    ) -> None:
        self._operator = operator
        self._generator = generator
        like = torch.empty(0, dtype=operator.dtype, device=operator.device)
        self._rows = Rows(like, operator.size)
        self._avoided = 0 if avoid is None else len(avoid)
        for row in () if avoid is None else avoid:
            self._rows.append_(row.to(like))
        self._columns: list[np.ndarray] = []
        self._lost: list[float] = []
        self._scale = 0.0
        self.restarts = 0
        for vector in start.to(operator.device):
            self._add_(vector.double().clone(), least=0.0)

    @property
    def products(self) -> int:
        """The number of products so far, and of basis vectors that were multiplied."""
        return len(self._columns)

    @property
    def complete(self) -> bool:
        """Whether the space is all there is: what it says of the spectrum is exact."""
        return self._avoided + self.products == self._operator.size

    def grow_(self, *, restart: bool = True) -> bool:
        """Multiplies one more basis vector.

        Args:
            restart: whether a vector is drawn where the space is exhausted.

        Returns:
            whether there was one.

        Raises:
            ValueError: if the product is not finite.
        """
        if self._pending == 0 and not (restart and self._draw_()):
            return False
        place = self._avoided + self.products
        row = self._rows.all[place]
        product = self._operator.times(row[None])[0].double()
        self._scale = max(self._scale, float(product.norm()))
        coefficients, left, kept = self._add_(product, least=self.noise)
        self._columns.append(np.append(coefficients, left) if kept else coefficients)
        self._lost.append(0.0 if kept else left)
        return True

    def ritz(self) -> Ritz:
        """The eigenvalues within the space, with their residuals.

        Cost: no product; O(m³) operations.
        """
        m, rows = self.products, self._rows.count - self._avoided
        full = np.zeros((rows, m))
        for place, column in enumerate(self._columns):
            own = column[self._avoided :]
            full[: len(own), place] = own
        square = (full[:m] + full[:m].T) / 2
        values, weights = np.linalg.eigh(square)
        error = full @ weights
        error[:m] -= weights * values
        lost = np.array(self._lost)[:, None] * weights
        residuals = np.sqrt((error**2).sum(0) + (lost**2).sum(0))
        return Ritz(values=values, weights=weights, residuals=residuals)

    def vectors(self, weights: np.ndarray) -> Float[Tensor, "k size"]:
        """The vectors whose coefficients in the basis are the columns [m, k]."""
        basis = self._rows.all[self._avoided : self._avoided + self.products]
        columns = torch.from_numpy(np.ascontiguousarray(weights.T)).to(basis.device)
        return combined(columns, basis)

    @property
    def noise(self) -> float:
        """How far a product may be from exact by rounding; below it no residual says anything."""
        return DEPENDENT * torch.finfo(self._operator.dtype).eps * self._scale

    @property
    def _pending(self) -> int:
        return self._rows.count - self._avoided - self.products

    def _add_(self, vector: Tensor, least: float) -> tuple[np.ndarray, float, bool]:
        """Appends what of a vector is new: the coefficients of the rest, its length, if it was."""
        length = float(vector.norm())
        coefficients = self._rows.apart_(vector)
        left = float(vector.norm())
        rounding = 1e-12 * length  # float64's own
        kept = left > max(least, rounding) and self._rows.count < self._operator.size
        if kept:
            self._rows.append_((vector / left).to(self._operator.dtype))
        return coefficients.cpu().numpy(), left, kept

    def _draw_(self) -> bool:
        """Begins anew from a random direction; False if there is none left."""
        if self._rows.count >= self._operator.size:
            return False
        self.restarts += 1
        drawn = torch.randn(self._operator.size, generator=self._generator, dtype=torch.float64)
        return self._add_(drawn.to(self._operator.device), least=0.0)[2]


def directions(operator: Operator, count: int, generator: torch.Generator) -> Tensor:
    """Gaussian vectors [count, size] in float64, on the operator's device."""
    drawn = torch.randn(count, operator.size, generator=generator, dtype=torch.float64)
    return drawn.to(operator.device)
