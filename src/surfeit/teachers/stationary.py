"""Where online learning from a noisy teacher ends: errors that noise and rate keep up."""

import math

import torch
from jaxtyping import Float
from scipy.special import wrightomega
from torch import Tensor

from surfeit.teachers.activations import ERF, LINEAR, RELU, Activation
from surfeit.teachers.checks import check_noise, check_rate, check_size, check_wide_enough


def first_order_error(
    activation: Activation,
    variances: Float[Tensor, "*of units"],
    outputs: Float[Tensor, "*of units"] | None = None,
    *,
    rate: float,
    noise: float,
    both_layers_of: int | None = None,
) -> Float[Tensor, "*of"]:
    """The stationary error of a student at its teacher's function, to first order in the rate.

        `ε = (ησ²/4) Σ_k v_k² ⟨g'(λ_k)²⟩`, and with the second layer `+ (ησ²/4N) Σ_k ⟨g(λ_k)²⟩`

    SGD's noise has the covariance `η²σ²F` with `F = H`, the Hessian, where the functions are equal,
    so that weights vary by `ησ²/2` about it and the error is `(ησ²/4) tr H`. Where the error is not
    quadratic but homogeneous of degree 2 about the solution, as with ReLU units of no weights, the
    balance of `⟨|δ|²⟩` gives the same. With v = v* = 1 and the surplus units at 0 it is
    `(σ²η/2π)(L + M/√3)` for erf and `σ²η(M + L)/8` for ReLU.

    >>> first_order_error(ERF, torch.tensor([1.0, 1.0, 0.0, 0.0]), rate=0.1, noise=0.1)
    tensor(0.0005)

    Args:
        activation: g.
        variances: `Q_kk` at the solution, at least 0.
        outputs: v; all 1 if not given.
        rate: η, above 0.
        noise: σ, a standard deviation.
        both_layers_of: N, where the second layer is trained, too, with the rate η/N.

    Raises:
        ValueError: if rate, noise or N is out of range.

    Source: Goldt et al. 2019 (1906.08632) for the first layer, erf and ReLU; the trace for any.
    """
    check_rate(rate)
    check_noise(noise)
    if not bool(((variances >= 0) & variances.isfinite()).all()):
        raise ValueError(
            f"variances must be at least 0 and finite, got {variances.tolist()!r:.200}"
        )
    scales = torch.ones_like(variances) if outputs is None else outputs.square()
    trace = (scales * activation.squared_slope(variances)).sum(-1)
    if both_layers_of is not None:
        check_size("both_layers_of", both_layers_of)
        values = activation.product(variances, variances, variances)
        trace = trace + values.sum(-1) / both_layers_of
    return rate * noise**2 / 4 * trace


def shared_error(
    activation: Activation,
    teacher: Float[Tensor, "*of M M"],
    units: int,
    *,
    rate: float,
    noise: float,
    inputs: int,
    time: float = 0.0,
) -> Float[Tensor, "*of"]:
    """The error of a settled student of both layers that shares its teacher out, to first order.

    It is `first_order_error` at a solution of K ≥ M units, for a teacher with v* = 1:

    - erf: K/M units stand in for each teacher unit, each with `v = M/K`, and average the noise:
      `(ησ²/4) Σ_m ((M/K) ⟨g'(λ*_m)²⟩ + (K/MN) ⟨g(λ*_m)²⟩)`. Unequal shares leave a larger error.
    - ReLU: `v_k² − Q_kk` is kept by the gradient, so that from a small start `v_k² = Q_kk` where it
      settles, and the shares `v_k √Q_kk` of a unit add up to `√T_mm`. From there on the noise
      lengthens the inner weights, `d(Q_kk − v_k²)/dτ = ησ² v_k² ⟨g'²⟩` with `τ = η · steps / N`,
      and shortens the outer ones: `v_k²` is `h = ω(1 + 2ησ²⟨g'²⟩τ)^(−1/2)` of the share, ω Wright's
      function. So the error is `(ησ²/8) (h + 1/(hN)) Σ_m √T_mm`, at every K.
    - linear: likewise with one direction, `(ησ²/4) (h + 1/(hN)) √(Σ_mn T_mn)`, at every K.

    Args:
        activation: `ERF`, `RELU` or `LINEAR`.
        teacher: T.
        units: K, at least M.
        rate: η of the first layer; the second's is η/N.
        noise: σ.
        inputs: N.
        time: τ since it settled, without effect on erf.

    Raises:
        ValueError: if the student is narrower than its teacher, the activation is another, or an
            argument is out of range.

    Source: that sigmoidal students share units and average, and others do not, is Goldt et al.
    2019 (1906.08632); the errors are `first_order_error` at what they find, and the drift is ours.
    """
    check_rate(rate)
    check_noise(noise)
    check_size("inputs", inputs)
    if not 0 <= time < math.inf:
        raise ValueError(f"time must be at least 0 and finite, got {time}")
    wanted = teacher.shape[-1]
    check_wide_enough(units, wanted)
    scale, own = rate * noise**2 / 4, teacher.diagonal(dim1=-2, dim2=-1)
    if activation is ERF:
        slopes, values = activation.squared_slope(own), activation.product(own, own, own)
        copies = units / wanted
        return scale * (slopes / copies + values * copies / inputs).sum(-1)
    if activation not in (RELU, LINEAR):
        raise ValueError(
            f"what students share is known of erf, relu and linear, got {activation.name}"
        )
    slope = float(activation.squared_slope(torch.ones(())))
    left = float(wrightomega(1 + 2 * rate * noise**2 * slope * time)) ** -0.5
    lengths = own.sqrt().sum(-1) if activation is RELU else _whole(teacher).sqrt()
    return scale * slope * (left + 1 / (left * inputs)) * lengths


def _whole(teacher: Tensor) -> Tensor:
    """The squared length of the sum of all units' weights, over N."""
    return teacher.sum((-2, -1)).clamp(min=0)


def linear_error(units: int, *, rate: float, noise: float, inputs: int | None = None) -> float:
    """The stationary error of a linear student whose first layer is trained, v = 1: exact.

        `ε = ησ²K / (4 − 2ηK (1 + 2/N))`, K = M + L

    Args:
        units: K.
        rate: η, above 0.
        noise: σ.
        inputs: N; the limit of many if not given.

    Raises:
        ValueError: if an argument is out of range, or the rate so large that there is no floor.

    Source: Goldt et al. 2019 (1906.08632) in the limit; with `Δ = u·x/√N − σζ`, `u = Σ (w − w*)`,
    `⟨|u|²⟩ = ⟨|u|²⟩(1 − 2ηK/N + (ηK/N)²(N + 2)) + (ηKσ)²` at any N.
    """
    check_size("units", units)
    check_rate(rate)
    check_noise(noise)
    fourth = 1.0
    if inputs is not None:
        check_size("inputs", inputs)
        fourth = 1 + 2 / inputs
    largest = 2 / (units * fourth)
    if rate >= largest:
        raise ValueError(
            f"rate must be below {largest:.6g}, from where on a linear student of {units} units "
            f"diverges in mean square, got {rate}"
        )
    return rate * noise**2 * units / (4 - 2 * rate * units * fourth)
