"""The step at which descent along the gradient turns into ascent."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import check_positive, one_thread
from surfeit.curvature.products import hessian
from surfeit.curvature.surface import LossSurface

_DOUBLINGS = 60
_HALVINGS = 12
"""Of the bracket of a measured step, whose ends are a factor of two apart: to 0.02 %."""


@dataclass(frozen=True, kw_only=True)
class Ascent:
    """The loss along its gradient, to second order: `L(θ − ηg) − L(θ) ≈ −η gᵀg + ½ η² gᵀHg`.

    Args:
        slope: `gᵀg`.
        bend: `gᵀHg`.
    """

    slope: float
    bend: float

    @property
    def rate(self) -> float:
        """The η from which on the loss rises, `2 gᵀg / gᵀHg`; infinite where H bends it down.

        At least `2/λ₁`, and exactly that where g is the eigenvector of the largest eigenvalue.
        NaN where the gradient is 0.
        """
        if self.slope == 0:
            return math.nan
        return 2 * self.slope / self.bend if self.bend > 0 else math.inf

    def change(self, rate: float) -> float:
        """The predicted change of the loss by a step of gradient descent; exact on a quadratic.

        Raises:
            ValueError: if the rate is not above 0 and finite.
        """
        check_positive("rate", rate)
        return -rate * self.slope + rate**2 * self.bend / 2


@one_thread()
def ascent(surface: LossSurface) -> Ascent:
    """`gᵀg` and `gᵀHg` at a network's parameters: where `½ η² gᵀHg > η gᵀg` a step is too long.

    >>> ascent(LossSurface.of(run.model(), data.train)).rate

    Args:
        surface: of the loss that is descended.

    Raises:
        ValueError: as `hessian`.

    Source: Goodfellow, Bengio and Courville 2016, section 8.2.1. Cost: a gradient and a product.
    """
    slope = surface.gradient()
    size = float(slope.norm())
    if size == 0:
        return Ascent(slope=0.0, bend=0.0)
    # Of a vector of length one neither the product nor what multiplies it leaves float32.
    along = slope / size
    bent = hessian(surface).times(along[None])[0].double()
    return Ascent(slope=size**2, bend=size**2 * float(along @ bent))


@one_thread()
def predicted_change(surface: LossSurface, step: Float[Tensor, " size"]) -> float:
    """The change of the loss by any step d, to second order: `gᵀd + ½ dᵀHd`.

    Args:
        surface: where the step begins.
        step: in the order of the surface's coordinates.

    Raises:
        ValueError: if the step is of another size or not finite, or as `hessian`.

    Cost: a gradient and a product.
    """
    if step.shape != (surface.size,) or not bool(torch.isfinite(step).all()):
        raise ValueError(
            f"the step must be finite and have the surface's {surface.size:,} coordinates, got "
            f"shape {list(step.shape)}"
        )
    size = float(step.double().norm())
    if size == 0:
        return 0.0
    along = step.double() / size
    bent = hessian(surface).times(along[None])[0].double()
    return size * float(surface.gradient() @ along) + size**2 * float(along @ bent) / 2


@one_thread()
def measured_ascent(surface: LossSurface, *, first: float) -> float | None:
    """The rate from which on a step of gradient descent no longer lowers the loss, within 1/8,000.

    Rates are doubled from `first` on until `L(θ − ηg) ≥ L(θ)`, and the last interval is halved
    twelve times; the rate is its middle, so that the loss may still fall there by a hair. A rise
    and fall between two rates that are tried is not seen.

    Args:
        surface: of the loss.
        first: where to begin, above 0: well below the rate that is looked for.

    Returns:
        None where the gradient is 0, the loss still falls at 2⁶⁰ times `first`, or it is not lower
        even at `first`, so that it began too late.

    Raises:
        ValueError: if `first` is not above 0, or the outputs are not finite at a rate.

    Cost: a gradient, and a forward pass a rate: a dozen, and as many as `first` is powers of two
    too small.
    """
    check_positive("first", first)
    start = surface.coordinates.flat(surface.coordinates.point).double()
    slope = surface.gradient()
    if not bool(slope.any()):
        return None
    level = surface.at(start)

    def rises(rate: float) -> bool:
        return surface.at(start - rate * slope) >= level

    low, high = first, first
    if rises(low):
        return None
    for _ in range(_DOUBLINGS):
        low, high = high, 2 * high
        if rises(high):
            break
    else:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if rises(middle) else (middle, high)
    return (low + high) / 2
