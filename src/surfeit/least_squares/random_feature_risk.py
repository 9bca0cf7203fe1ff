"""The error of minimum-norm regression on random ReLU features, in the limit of high dimension."""

import math

from surfeit.least_squares.checks import check_not_negative, check_positive

_LINEAR = 0.5
"""μ₁ = E[g relu(g)] for a standard normal g."""
_REST = math.sqrt(0.25 - 1 / (2 * math.pi))
"""μ* = √(E[relu(g)²] − μ₀² − μ₁²): what is neither constant nor linear."""


def random_feature_risk(
    features: float, examples: float, *, signal: float = 1.0, noise: float = 0.0
) -> float:
    """The excess error of the least-norm fit on ReLU features of a linear target.

    In d dimensions, d large, with N = ψ₁ d features and n = ψ₂ d examples, `ζ = μ₁/μ*`,
    `ψ = min(ψ₁, ψ₂)` and
        `χ = −(√((ψζ²−ζ²−1)² + 4ζ²ψ) + ψζ² − ζ² − 1) / (2ζ²)`
    it is `F₁² E₁/E₀ + τ² E₂/E₀`, with polynomials E₀, E₁, E₂ in χ, ζ, ψ₁ and ψ₂. Examples and
    features are uniform on spheres of radius √d, `y = ⟨β, x⟩ + ε`. The noise of a new example is
    not in it. At N = n it is infinite.

    >>> round(random_feature_risk(6, 3, noise=0.1), 3)
    0.305

    Args:
        features: ψ₁ = N/d, above 0.
        examples: ψ₂ = n/d, above 0.
        signal: F₁², the squared norm of the target's coefficients.
        noise: τ², the variance of the training targets' noise.

    Raises:
        ValueError: if a ratio is not above 0, or signal or noise is negative or not finite.

    Source: Mei and Montanari 2019 (1908.05355), the limit of no ridge.
    """
    check_positive("features", features)
    check_positive("examples", examples)
    check_not_negative("signal", signal)
    check_not_negative("noise", noise)
    if features == examples:
        return math.inf if signal + noise > 0 else 0.0
    a, b, z = features, examples, (_LINEAR / _REST) ** 2
    least = min(a, b)
    slope = least * z - z - 1
    x = -(math.sqrt(slope**2 + 4 * z * least) + slope) / (2 * z)
    whole = (
        -(x**5) * z**3
        + 3 * x**4 * z**2
        + (a * b - b - a + 1) * x**3 * z**3
        - 2 * x**3 * z**2
        - 3 * x**3 * z
        + (a + b - 3 * a * b + 1) * x**2 * z**2
        + 2 * x**2 * z
        + x**2
        + 3 * a * b * x * z
        - a * b
    )
    bias = b * x**3 * z**2 - b * x**2 * z + a * b * x * z - a * b
    variance = (
        x**5 * z**3
        - 3 * x**4 * z**2
        + (a - 1) * x**3 * z**3
        + 2 * x**3 * z**2
        + 3 * x**3 * z
        - (a + 1) * x**2 * z**2
        - 2 * x**2 * z
        - x**2
    )
    return (signal * bias + noise * variance) / whole
