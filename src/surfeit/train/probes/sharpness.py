"""The probe `sharpness`: the largest curvature of the loss."""

from typing import Any

from surfeit.curvature import LossSurface, eigenpairs, hessian
from surfeit.train.probes.probe import Probe
from surfeit.train.probes.step import ProbedStep

EXAMPLES = 1_000
"""Training examples that the loss is taken over."""


def _look(step: ProbedStep) -> dict[str, Any]:
    """λ₁, the Hessian's largest eigenvalue, with its residual: an eigenvalue lies within it of λ₁.

    `rate · λ₁ > 2` is where gradient descent on a
    quadratic would leave its minimum.
    """
    split = step.split.some(EXAMPLES, step.generator)
    surface = LossSurface.of(step.network(), split, step.objective, mask=step.mask)
    found = eigenpairs(hessian(surface), largest=1, generator=step.generator)
    return {
        "largest": float(found.values[0]),
        "residual": float(found.residuals[0]),
        "converged": int(found.converged[0]),
        "rate_times_largest": step.rate * float(found.values[0]),
        "products": found.products,
        "examples": len(split),
    }


sharpness = Probe(
    name="sharpness",
    look=_look,
    words=f"the Hessian's largest eigenvalue on {EXAMPLES:,} training examples (fewer where there "
    "are fewer), in evaluation mode, with its residual, and times the learning rate",
)
"""λ₁ by `surfeit.curvature`. Cost: some 10 to 40 products, each of two or three gradients."""
