"""The expected error of linear least squares on Gaussian features, in closed form.

`x ~ N(0, 1)` in each feature, `y = xᵀβ + ε` with `ε ~ N(0, σ²)`, n examples, and the solution of
least norm on p chosen features. What the features left out would say acts as noise: all formulas
are in `r² = ‖β_T‖²`, of the chosen features, and `s² = ‖β_Tᶜ‖² + σ²`.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincinv, fdtr, fdtri

from surfeit.least_squares.checks import check_not_negative, check_positive, check_size


@dataclass(frozen=True, kw_only=True)
class Risk:
    """An expected squared error in its parts, which add up to `total`.

    Args:
        bias: squared, of the mean over training sets; what features that are left out lack is in
            it.
        variance: over training sets, inputs and noise together; infinite where it has no mean.
        noise: of the target itself, which nothing can predict.
    """

    bias: float
    variance: float
    noise: float

    @property
    def total(self) -> float:
        """The prediction error: `bias + variance + noise`."""
        return self.bias + self.variance + self.noise

    @property
    def excess(self) -> float:
        """The error in predicting the target without its noise: `bias + variance`."""
        return self.bias + self.variance


def weak_feature_risk(
    examples: int, chosen: int, *, inside: float, outside: float = 0.0, noise: float = 0.0
) -> Risk:
    """The expected error of the least-norm solution on p chosen features: exact at every n.

    For p ≤ n − 2
        `bias = ‖β_Tᶜ‖²`, `variance = s² p / (n − p − 1)`;
    for p ≥ n + 2
        `bias = r² (1 − n/p)² + ‖β_Tᶜ‖²`, `variance = r² (n/p)(1 − n/p) + s² n / (p − n − 1)`;
    between them the variance has no finite mean, see `weak_feature_quantile`. For p features
    drawn from D uniformly, put `inside = ‖β‖² p/D` and `outside = ‖β‖² (1 − p/D)`.

    >>> weak_feature_risk(40, 80, inside=0.8, outside=0.2, noise=0.04).total
    0.8861538461538462

    Args:
        examples: n.
        chosen: p, at least 1.
        inside: `‖β_T‖²`, the squared norm of the coefficients of the chosen features.
        outside: `‖β_Tᶜ‖²`, of those that are left out.
        noise: σ².

    Raises:
        ValueError: if a size is below 1, or a squared norm or the noise is negative or not finite.

    Source: Belkin, Hsu and Xu 2019 (1903.07571); its parts by `E[X⁺X] = (n/p) I`.
    """
    spread = _checked(examples, chosen, inside, outside, noise)
    n, p = examples, chosen
    if abs(n - p) <= 1:
        bias = outside + inside * max(0.0, 1 - n / p) ** 2
        return Risk(bias=bias, variance=math.inf if spread > 0 else 0.0, noise=noise)
    if p < n:
        return Risk(bias=outside, variance=spread * p / (n - p - 1), noise=noise)
    kept = n / p
    variance = inside * kept * (1 - kept) + spread * n / (p - n - 1)
    return Risk(bias=inside * (1 - kept) ** 2 + outside, variance=variance, noise=noise)


def weak_feature_quantile(
    examples: int,
    chosen: int,
    *,
    inside: float,
    outside: float = 0.0,
    noise: float = 0.0,
    level: float = 0.5,
) -> float:
    """A quantile over training sets of the prediction error, also where it has no mean.

    Given a training set the error is, exactly and at every n and p,
        `s² (1 + p/(n−p+1) F(p, n−p+1))` for p ≤ n, and
        `s² (1 + n/(p−n+1) F(n, p−n+1)) + r² B((p−n)/2, n/2)` for p > n,
    with Fisher's F and a Beta variable B that are independent.

    Args:
        examples, chosen, inside, outside, noise: as of `weak_feature_risk`.
        level: in (0, 1): 0.5 is the median.

    Returns:
        the quantile; for p > n by a mean over 1,024 quantiles of B, which gives medians to 1e-6 of
        themselves and the 1 % point to 1e-4; to 2e-3 where next to nothing acts as noise.

    Raises:
        ValueError: as `weak_feature_risk`, or if the level is out of range.

    Source: for p ≤ n `β̂_T − β_T` is a multivariate t variable, since `(XᵀX)⁻¹` is inverse Wishart;
    for p > n `ηᵀη / ηᵀ(XXᵀ)⁻¹η` is chi squared of p − n + 1 degrees of freedom whatever η, and the
    row space is independent of `XXᵀ` and uniform (Muirhead 1982, section 3.2).
    """
    spread = _checked(examples, chosen, inside, outside, noise)
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1), got {level}")
    smaller, free = min(examples, chosen), abs(examples - chosen) + 1
    if chosen <= examples or spread == 0 or inside == 0:
        least = 0.0
        if chosen > examples and spread == 0:
            least = inside * float(betaincinv((chosen - examples) / 2, examples / 2, level))
        return spread * (1 + smaller / free * float(fdtri(smaller, free, level))) + least
    places = (np.arange(1024) + 0.5) / 1024
    lost = inside * betaincinv((chosen - examples) / 2, examples / 2, places)

    def below(error: float) -> float:
        ratio = np.maximum(error - lost, 0) * free / (spread * smaller)
        return float(fdtr(smaller, free, ratio).mean()) - level

    most = inside + spread * smaller / free * float(fdtri(smaller, free, (1 + level) / 2))
    while below(most) < 0:
        most *= 2
    root = brentq(below, 0.0, most)
    return spread + float(root)  # pyright: ignore[reportArgumentType]


def ridgeless_risk(ratio: float, *, signal: float, noise: float) -> Risk:
    """The limit of the error with isotropic features, all of them chosen, as n and p grow alike.

    With γ = p/n and `r² = ‖β‖²`: for γ < 1 `bias = 0`, `variance = σ² γ/(1−γ)`; for γ > 1
    `bias = r² (1 − 1/γ)²`, `variance = r² (1 − 1/γ)/γ + σ²/(γ−1)`; at γ = 1 it is infinite.
    `excess` is the risk of the source, to which `total` adds the noise.

    Args:
        ratio: γ, above 0.
        signal: r².
        noise: σ².

    Raises:
        ValueError: if the ratio is not above 0, or another is negative or not finite.

    Source: Hastie et al. 2019 (1903.08560), theorem 1.
    """
    check_positive("ratio", ratio)
    check_not_negative("signal", signal)
    check_not_negative("noise", noise)
    if ratio == 1:
        return Risk(bias=0.0, variance=math.inf if noise > 0 else 0.0, noise=noise)
    if ratio < 1:
        return Risk(bias=0.0, variance=noise * ratio / (1 - ratio), noise=noise)
    lost = 1 - 1 / ratio
    variance = signal * lost / ratio + noise / (ratio - 1)
    return Risk(bias=signal * lost**2, variance=variance, noise=noise)


def ridge_risk(
    examples: int, chosen: int, *, inside: float, outside: float = 0.0, noise: float = 0.0
) -> float:
    """The prediction error under the ridge that suits best, in the limit of large n and p.

    The penalty of least expected error is `s² p / r²`, in `‖y − Xβ‖² + penalty ‖β‖²`. With γ = p/n
    and λ = s² γ / r² the error is
        `s² (1 + γ m)`, `m = (√((1−γ+λ)² + 4γλ) − (1−γ+λ)) / (2γλ)`,
    which falls without a peak at p = n. At n = 40 simulations agree within 0.3 %.

    Args:
        examples, chosen, inside, outside, noise: as of `weak_feature_risk`; inside above 0.

    Raises:
        ValueError: as `weak_feature_risk`, or if there is nothing inside to be learned.

    Source: Hastie et al. 2019 (1903.08560), the best ridge, with the law of Marchenko and Pastur.
    """
    spread = _checked(examples, chosen, inside, outside, noise)
    check_positive("inside", inside)
    ratio = chosen / examples
    if spread == 0:  # the penalty is 0: what is left is the part that n examples cannot see
        return inside * max(0.0, 1 - 1 / ratio)
    scaled = spread * ratio / inside
    rest = 1 - ratio + scaled
    root = math.hypot(rest, 2 * math.sqrt(ratio * scaled))
    # Of the two forms of the root the one that does not subtract what is nearly equal.
    mean = 2 / (root + rest) if rest > 0 else (root - rest) / (2 * ratio * scaled)
    return spread * (1 + ratio * mean)


def _checked(examples: int, chosen: int, inside: float, outside: float, noise: float) -> float:
    """The variance s² that acts as noise, if all arguments can be."""
    check_size("examples", examples)
    check_size("chosen", chosen)
    check_not_negative("inside", inside)
    check_not_negative("outside", outside)
    check_not_negative("noise", noise)
    return outside + noise
