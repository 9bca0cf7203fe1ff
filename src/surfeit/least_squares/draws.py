"""Least squares tried: the errors of models fitted to training sets that are drawn."""

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from surfeit.core import one_thread
from surfeit.least_squares.checks import check_not_negative, check_size
from surfeit.least_squares.solution import minimum_norm


@one_thread()
def weak_feature_errors(
    inputs: Float[Tensor, "draws examples features"],
    targets: Float[Tensor, "draws examples"],
    coefficients: Float[Tensor, " features"],
    chosen: int,
    *,
    ridge: float = 0.0,
) -> Float[Tensor, "draws features"]:
    """`β̂ − β` of the least-norm fit on the first p features, which are 0 in β̂ where left out.

    Inputs of variance 1 that do not depend on each other give the model the expected squared error
    `‖β̂ − β‖²` on what it has not seen, to which the noise is added: no test set is needed.

    Args:
        inputs: one training set a draw.
        targets: `xᵀβ` and noise.
        coefficients: β of all features.
        chosen: p, from 1 to all.
        ridge: as of `minimum_norm`.

    Raises:
        ValueError: if p is out of range, or as `minimum_norm`.

    Cost: that of `minimum_norm`.
    """
    check_size("chosen", chosen)
    if chosen > inputs.shape[-1]:
        raise ValueError(f"chosen must be at most {inputs.shape[-1]}, all features, got {chosen}")
    found = minimum_norm(inputs[..., :chosen], targets[..., None], ridge=ridge)[..., 0]
    errors = -coefficients.double().repeat(len(found), 1)
    errors[:, :chosen] += found
    return errors


def bias_and_variance(errors: Float[Tensor, "draws features"]) -> tuple[float, float]:
    """Bias² and variance of an estimate over training sets, each without bias itself.

    `bias² = (‖Σ e_i‖² − Σ ‖e_i‖²) / (R (R−1))` over pairs of different draws, and the variance is
    what is left of `mean ‖e_i‖²`: the square of the mean error has a share of the variance in it.

    Args:
        errors: `β̂ − β`, one row a training set.

    Returns:
        bias², which may fall below 0 by chance, and the variance.

    Raises:
        ValueError: if there are fewer than two draws.
    """
    count = len(errors)
    check_size("draws", count, 2)
    each = float(errors.square().sum())
    bias = (float(errors.sum(0).square().sum()) - each) / (count * (count - 1))
    return bias, each / count - bias


@one_thread()
def random_feature_error(
    dimension: int,
    examples: int,
    features: int,
    generator: Generator,
    *,
    signal: float = 1.0,
    noise: float = 0.0,
) -> float:
    """The excess error of one least-norm fit on random ReLU features, with no test set.

    Examples are uniform on the sphere of radius √d, weights t on that of radius 1, features
    `relu(⟨x, t⟩)`, targets `⟨β, x⟩` and noise. With `f̂ = Σ a_i relu(⟨x, t_i⟩)` the mean over all x
    is `‖β‖² − aᵀ T β + aᵀ U a`, `U_ij = (√(1−c²) + (π − arccos c) c) / 2π` with `c = ⟨t_i, t_j⟩`.

    Args:
        dimension: d, at least 2.
        examples, features: n and N.
        generator: of everything that is drawn.
        signal: `‖β‖²`.
        noise: the variance of the targets' noise.

    Raises:
        ValueError: if a size is below its least, or signal or noise is negative or not finite.

    Source: Mei and Montanari 2019 (1908.05355); U is the arc-cosine kernel of Cho and
    Saul 2009.

    Cost: O(N n min(N, n) + N² d): 60 ms at d = 100, n = 300, N = 600 on one core.
    """
    for name, value, least in (
        ("dimension", dimension, 2),
        ("examples", examples, 1),
        ("features", features, 1),
    ):
        check_size(name, value, least)
    check_not_negative("signal", signal)
    check_not_negative("noise", noise)
    inputs = math.sqrt(dimension) * on_sphere(examples, dimension, generator)
    weights = on_sphere(features, dimension, generator)
    target = math.sqrt(signal) * on_sphere(1, dimension, generator)[0]
    drawn = torch.randn(examples, generator=generator, dtype=torch.float64)
    wanted = inputs @ target + math.sqrt(noise) * drawn
    found = minimum_norm((inputs @ weights.T).relu(), wanted[:, None])[:, 0]
    cosine = (weights @ weights.T).clamp(-1, 1)
    square = (1 - cosine.square()).sqrt() + (math.pi - cosine.arccos()) * cosine
    return signal - float(found @ weights @ target) + float(found @ square @ found) / math.tau


def on_sphere(count: int, dimension: int, generator: Generator) -> Float[Tensor, "count dimension"]:
    """Points drawn uniformly from the sphere of radius 1, float64."""
    drawn = torch.randn(count, dimension, generator=generator, dtype=torch.float64)
    return drawn / drawn.norm(dim=1, keepdim=True)
