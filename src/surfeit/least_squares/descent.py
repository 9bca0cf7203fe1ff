"""How well a linear system is conditioned, and how many steps gradient descent takes to solve it.

A system of m equations in n unknowns with standard normal entries has, as both grow, the spectrum
of Marchenko and Pastur; with `c = m/n` its squared singular values over n lie between `(1 ± √c)²`.
"""

import math

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import brentq
from torch import Tensor

from surfeit.core import finite_matrix, one_thread
from surfeit.least_squares.checks import check_positive

_MOST_STEPS = 10**15
_ANGLES = (np.arange(1, 8192) / 8192) * np.pi


@one_thread()
def condition_number(system: Float[Tensor, "equations unknowns"]) -> float:
    """The largest singular value over the smallest of the min(m, n).

    Returns:
        at least 1; infinite where the system's rank is not full, to rounding.

    Raises:
        ValueError: if the system is no matrix, has no entry or one that is not finite.

    Cost: O(m · n · min(m, n)), of a singular value decomposition: nothing is squared.
    """
    values = torch.linalg.svdvals(finite_matrix(system).detach().double())
    least = float(values[-1])
    absent = float(values[0]) * max(system.shape) * torch.finfo(torch.float64).eps
    return math.inf if least <= absent else float(values[0]) / least


@one_thread()
def descent_steps(
    system: Float[Tensor, "equations unknowns"],
    targets: Float[Tensor, " equations"],
    *,
    tolerance: float = 1e-6,
) -> int | None:
    """The steps after which gradient descent on `½ ‖A w − b‖²` from w = 0 has solved `A w = b`.

    At the rate `1/λ₁`, with λ the eigenvalues of `A Aᵀ` and c the targets in its eigenvectors, the
    residual after t steps is `‖r_t‖² = Σ (1 − λ_k/λ₁)^{2t} c_k²`: the t is found from it, without
    descending. It is the smallest with `‖r_t‖ ≤ tolerance ‖b‖`.

    Args:
        system: A.
        targets: b.
        tolerance: in (0, 1).

    Returns:
        the steps, 0 where all targets are; None where they never get there: there is no solution,
        or it takes more than 1e15.

    Raises:
        ValueError: if the targets do not fit the system, one of the values is not finite, or the
            tolerance is out of range.

    Cost: O(m² n + m³), of an eigendecomposition; squared singular values below 1e-15 of the largest
    are rounding.
    """
    _check_tolerance(tolerance)
    matrix = finite_matrix(system).detach().double()
    wanted = targets.detach().double()
    if wanted.shape != matrix.shape[:1] or not bool(torch.isfinite(wanted).all()):
        raise ValueError(
            f"targets must be finite, one for each of {len(matrix)} equations, got shape "
            f"{list(wanted.shape)}"
        )
    values, vectors = torch.linalg.eigh(matrix @ matrix.T)
    if not bool(values[-1] > 0):
        return None if bool(wanted.any()) else 0
    parts = (vectors.T @ wanted).square().numpy()
    share = (values / values[-1]).clamp(0, 1).numpy()
    share[share < len(matrix) * np.finfo(np.float64).eps] = 0.0  # of a rank that is not full
    return _first(share, parts, tolerance)


def limiting_condition_number(ratio: float) -> float:
    """The limit `(√γ + 1) / |√γ − 1|` of the condition number, γ = n/m; infinite at γ = 1.

    At γ = 1 the condition number grows with m: that of m x m is 3.67 m in the median.

    Args:
        ratio: γ, unknowns an equation, above 0.

    Raises:
        ValueError: if the ratio is not above 0.

    Source: Bai and Yin 1993; Edelman 1988 for γ = 1.
    """
    check_positive("ratio", ratio)
    root = math.sqrt(ratio)
    return math.inf if root == 1 else (root + 1) / abs(root - 1)


def limiting_descent_steps(ratio: float, *, tolerance: float = 1e-6) -> float:
    """The limit of `descent_steps` with targets that do not know the system, as m and n grow.

    The t, no whole number, with `∫ (1 − x/x₊)^{2t} dμ(x) = tolerance²`, for μ the law of Marchenko
    and Pastur with `c = m/n = 1/γ` and `x₊ = (1 + √c)²`. It falls as the surplus γ grows. Infinite
    at γ = 1, where no rate bounds the steps, and below, where there is no solution.

    Args:
        ratio: γ = n/m, unknowns an equation, above 0.
        tolerance: as of `descent_steps`.

    Raises:
        ValueError: if the ratio is not above 0, or the tolerance is out of range.

    Source: Marchenko and Pastur 1967; the residual's expectation for targets of one variance.
    """
    check_positive("ratio", ratio)
    _check_tolerance(tolerance)
    if ratio <= 1:
        return math.inf
    # The law as in `surfeit.spectra`, whose room does not stand below this one: in the angle its
    # density is smooth, and equal steps integrate it.
    root = math.sqrt(1 / ratio)
    places = 1 + root**2 + 2 * root * np.cos(_ANGLES)
    mass = np.sin(_ANGLES) ** 2 / places
    return _where_small(places / (1 + root) ** 2, mass, tolerance)


def _first(share: np.ndarray, parts: np.ndarray, tolerance: float) -> int | None:
    """The first whole number of steps whose residual is small enough, by halving."""
    if not parts.any():
        return 0
    low, high = 0, 1
    while _residual(high, share, parts) > tolerance:
        low, high = high, 2 * high
        if high > _MOST_STEPS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if _residual(middle, share, parts) > tolerance:
            low = middle
        else:
            high = middle
    return high


def _where_small(share: np.ndarray, parts: np.ndarray, tolerance: float) -> float:
    def over(log_steps: float) -> float:
        return _residual(math.exp(log_steps), share, parts) - tolerance

    root = brentq(over, -20.0, 60.0)
    return math.exp(float(root))  # pyright: ignore[reportArgumentType]


def _residual(steps: float, share: np.ndarray, parts: np.ndarray) -> float:
    """`‖r_t‖ / ‖r_0‖`."""
    with np.errstate(divide="ignore"):
        left = np.exp(2 * steps * np.log1p(-share))
    return math.sqrt(float((left * parts).sum() / parts.sum()))


def _check_tolerance(tolerance: float) -> None:
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must be in (0, 1), got {tolerance}")
