"""What studies of flat and sharp minima share: the largest eigenvalue of an operator."""

from surfeit.core import Streams
from surfeit.curvature import Operator, eigenpairs

_TOLERANCE = 1e-2
"""Of an eigenvalue's residual, relative: seeds differ by more."""


def top(operator: Operator) -> float | None:
    """The largest eigenvalue, None if it has not converged."""
    start = Streams(0).get("eigenpairs")
    found = eigenpairs(operator, largest=1, tolerance=_TOLERANCE, generator=start)
    return found.values[0].item() if found.converged[0] else None
