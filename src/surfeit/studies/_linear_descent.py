"""What the study `linear_descent` draws: beside it, so that judging anew computes nothing anew."""

from collections.abc import Iterator
from statistics import median
from typing import Any

import torch

from surfeit.core import Streams
from surfeit.least_squares import (
    bias_and_variance,
    condition_number,
    descent_steps,
    minimum_norm,
    weak_feature_errors,
    weak_feature_quantile,
)


def drawn(part: str, seed: int, settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of a part: `weak`, `isotropic` or `systems`."""
    parts = {"weak": weak, "isotropic": isotropic, "systems": systems}
    yield from parts[part](seed, **settings)


def weak(
    seed: int, features: int, examples: int, noise: float, widths: list[int], draws: int
) -> Iterator[dict[str, Any]]:
    """A row a width p: means over training sets that are fitted on the first p weak features.

    The coefficients are equal and of norm 1, so that no choice of p features is another's better.
    All widths are fitted to the same training sets.
    """
    generator = Streams(seed).get("weak features")
    shape = (draws, examples, features)
    inputs = torch.randn(shape, generator=generator, dtype=torch.float64)
    coefficients = torch.full((features,), features**-0.5, dtype=torch.float64)
    drawn = torch.randn(shape[:2], generator=generator, dtype=torch.float64)
    targets = inputs @ coefficients + noise**0.5 * drawn
    for width in widths:
        about: dict[str, Any] = {"inside": width / features, "outside": 1 - width / features}
        errors = weak_feature_errors(inputs, targets, coefficients, width)
        each = errors.square().sum(1) + noise
        exact = weak_feature_quantile(examples, width, noise=noise, **about)
        penalty = (about["outside"] + noise) * width / about["inside"]
        held = weak_feature_errors(inputs, targets, coefficients, width, ridge=penalty)
        bias, variance = bias_and_variance(errors)
        yield {
            "width": width,
            "error": each.mean().item(),
            "median": each.median().item(),
            "below": (each < exact).double().mean().item(),
            "bias": bias,
            "variance": variance,
            "ridge": held.square().sum().item() / draws + noise,
        }


def isotropic(
    seed: int, examples: int, ratios: list[float], signal: float, noise: float, draws: int
) -> Iterator[dict[str, Any]]:
    """A row a ratio p/n: the mean excess error of the least-norm fit on all p features."""
    for ratio in ratios:
        width, errors = round(ratio * examples), []
        generator = Streams(seed).get("isotropic", width)
        coefficients = torch.full((width,), (signal / width) ** 0.5, dtype=torch.float64)
        for _ in range(draws):  # one at a time: a thousand of them would be gigabytes
            inputs = torch.randn(1, examples, width, generator=generator, dtype=torch.float64)
            drawn = torch.randn(1, examples, generator=generator, dtype=torch.float64)
            targets = inputs @ coefficients + noise**0.5 * drawn
            found = weak_feature_errors(inputs, targets, coefficients, width)
            errors.append(found.square().sum().item())
        yield {"ratio": ratio, "error": sum(errors) / draws}


def systems(
    seed: int, equations: int, ratios: list[float], tolerance: float, draws: int
) -> Iterator[dict[str, Any]]:
    """A row a ratio n/m: what random systems leave, their condition, and steps to solve them.

    `residual` is squared, of the squared targets, in the mean; condition and steps are medians,
    which a square system has, too. Steps are None where there is no solution.
    """
    for ratio in ratios:
        unknowns = round(ratio * equations)
        generator = Streams(seed).get("system", unknowns)
        left, conditions, steps = [], [], []
        for _ in range(draws):
            system = torch.randn(equations, unknowns, generator=generator, dtype=torch.float64)
            targets = torch.randn(equations, generator=generator, dtype=torch.float64)
            found = minimum_norm(system, targets[:, None])[:, 0]
            left.append(float((system @ found - targets).square().sum() / targets.square().sum()))
            conditions.append(condition_number(system))
            if unknowns >= equations:
                steps.append(descent_steps(system, targets, tolerance=tolerance))
        known = [one for one in steps if one is not None]
        yield {
            "ratio": ratio,
            "residual": sum(left) / draws,
            "condition": median(conditions),
            "steps": float(median(known)) if len(known) == draws else None,
        }
