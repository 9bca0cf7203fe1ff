"""All that is said of a matrix of curvature, from as few products as will do."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from surfeit.core import Streams
from surfeit.curvature.density import Density, spectral_density
from surfeit.curvature.eigenpairs import Eigenpairs, eigenpairs
from surfeit.curvature.operator import Operator

EIGENVALUES = pa.schema(
    [
        ("end", pa.string()),
        ("rank", pa.int64()),
        ("eigenvalue", pa.float64()),
        ("residual", pa.float64()),
        ("converged", pa.bool_()),
    ]
)
DENSITY = pa.schema(
    [("eigenvalue", pa.float64()), ("density", pa.float64()), ("standard_error", pa.float64())]
)

STEPS = 30  # of each probe's quadrature; two are enough for sums alone
_POINTS = 600
_SAME = 1e-9  # of an eigenvalue: nearer ones are one
_WIDTHS = 100  # of the smoothing in the range of the spectrum

Told = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Curvature:
    """What was found of a matrix of curvature.

    Args:
        pairs: eigenvalues at both ends.
        density: of all eigenvalues; with it their sum and the root of the sum of squares.
        largest: how many of the pairs are of the upper end.
    """

    pairs: Eigenpairs
    density: Density
    largest: int

    @property
    def products(self) -> int:
        """How many were spent in all."""
        return self.pairs.products + self.density.products

    def eigenvalues(self) -> pa.Table:
        """A row an eigenvalue: its end ("largest", "smallest"), its rank there, its residual."""
        k = len(self.pairs.values)
        rows = [
            {
                "end": "largest" if place < self.largest else "smallest",
                "rank": place + 1 if place < self.largest else k - place,
                "eigenvalue": float(self.pairs.values[place]),
                "residual": float(self.pairs.residuals[place]),
                "converged": bool(self.pairs.converged[place]),
            }
            for place in range(k)
        ]
        return pa.Table.from_pylist(rows, EIGENVALUES)

    def density_table(self) -> pa.Table:
        """The smoothed density at points of the axis, with its standard error over the probes.

        The Gaussian is a hundredth of the spectrum's range wide.
        """
        ends = np.concatenate([self.pairs.values, *self.density.nodes])
        low, high = float(ends.min()), float(ends.max())
        span = high - low
        if span <= _SAME * max(abs(low), abs(high)):  # one value, but for rounding
            span = abs(high) or 1.0
        width = span / _WIDTHS
        at = np.linspace(low - 5 * width, high + 5 * width, _POINTS)
        values, errors = self.density.curve(at, width=width)
        columns = {"eigenvalue": at, "density": values, "standard_error": errors}
        return pa.table(columns, schema=DENSITY)


def curvature(
    operator: Operator,
    *,
    largest: int = 10,
    smallest: int = 1,
    tolerance: float = 1e-4,
    block: int = 1,
    probes: int = 10,
    steps: int = STEPS,
    streams: Streams,
    progress: Told | None = None,
) -> Curvature:
    """Eigenvalues at both ends, then the rest of the spectrum by probes orthogonal to them.

    >>> found = curvature(hessian(LossSurface.of(model, split)), streams=Streams(0))
    >>> found.pairs.values, found.density.trace

    Args:
        operator: symmetric, such as `hessian(surface)`.
        largest, smallest, tolerance, block: as of `eigenpairs`.
        probes, steps: as of `spectral_density`; 2 steps are enough for trace and norm alone.
        streams: for the starting vectors.
        progress: told a stage, products done in it, and how many there are at most.

    Raises:
        ValueError: as `eigenpairs` and `spectral_density`.

    Cost: the products of both: some 30 and `probes · steps`.
    """
    pairs = eigenpairs(
        operator,
        largest=largest,
        smallest=smallest,
        tolerance=tolerance,
        block=block,
        generator=streams.get("curvature", "start"),
        progress=_stage(progress, "eigenvalues"),
    )
    density = spectral_density(
        operator,
        beside=pairs,
        probes=probes,
        steps=steps,
        generator=streams.get("curvature", "probes"),
        progress=_stage(progress, "all other eigenvalues"),
    )
    return Curvature(pairs=pairs, density=density, largest=largest)


def _stage(progress: Told | None, name: str) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(name, done, total)
