"""What a unit makes of its field: its value, its slope, and their second moments in closed form.

A unit's field is `λ = w·x/√N`. Over inputs `x ~ N(0, 1)^N` fields are normal with mean 0 and the
covariances `Q_ij = w_i·w_j/N`, the overlaps, whatever N is.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import unknown


@dataclass(frozen=True, kw_only=True)
class Activation:
    """An activation g with what its closed forms need.

    Args:
        name: as in configurations.
        odd: whether `g(−λ) = −g(λ)`, so that a unit may be the opposite of its teacher's.
        value: `g(λ)`, entry by entry.
        slope: `g'(λ)`, as a tensor of its own.
        product: `⟨g(λ_i) g(λ_j)⟩` from the variances `Q_ii`, `Q_jj` and the covariance `Q_ij`.
        squared_slope: `⟨g'(λ)²⟩` from the variance of λ.
    """

    name: str
    odd: bool
    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    product: Callable[[Tensor, Tensor, Tensor], Tensor]
    squared_slope: Callable[[Tensor], Tensor]

    def products(
        self, overlaps: Float[Tensor, "*of units units"]
    ) -> Float[Tensor, "*of units units"]:
        """`⟨g(λ_i) g(λ_j)⟩` of all pairs, from their overlaps."""
        own = overlaps.diagonal(dim1=-2, dim2=-1)
        return self.product(own[..., :, None], own[..., None, :], overlaps)


def _erf_product(one: Tensor, other: Tensor, both: Tensor) -> Tensor:
    return (both / ((1 + one) * (1 + other)).sqrt()).clamp(-1, 1).asin() * (2 / math.pi)


def _relu_product(one: Tensor, other: Tensor, both: Tensor) -> Tensor:
    norms = (one * other).sqrt()
    # A unit of no weights has no angle, and its norm makes the product 0 whatever stands here.
    cosine = torch.where(norms > 0, both / norms, torch.zeros_like(norms)).clamp(-1, 1)
    angle = cosine.arccos()
    return norms * ((1 - cosine.square()).sqrt() + (math.pi - angle) * cosine) / math.tau


ERF = Activation(
    name="erf",
    odd=True,
    value=lambda field: (field * math.sqrt(0.5)).erf_(),
    slope=lambda field: field.square().mul_(-0.5).exp_().mul_(math.sqrt(2 / math.pi)),
    product=_erf_product,
    squared_slope=lambda variance: (2 / math.pi) / (1 + 2 * variance).sqrt(),
)
"""`g = erf(λ/√2)`, a sigmoid: `⟨g_i g_j⟩ = (2/π) asin(Q_ij / √((1 + Q_ii)(1 + Q_jj)))` and
`⟨g'²⟩ = (2/π) / √(1 + 2 Q_ii)`. Source: Saad and Solla 1995."""

RELU = Activation(
    name="relu",
    odd=False,
    value=torch.relu,
    slope=lambda field: (field > 0).to(field.dtype),
    product=_relu_product,
    squared_slope=lambda variance: torch.full_like(variance, 0.5),
)
"""`g = max(λ, 0)`: with `q = √(Q_ii Q_jj)` and `c = Q_ij / q`
`⟨g_i g_j⟩ = q (√(1 − c²) + (π − arccos c) c) / 2π` and `⟨g'²⟩ = 1/2`. Source: the arc-cosine kernel
of Cho and Saul 2009."""

LINEAR = Activation(
    name="linear",
    odd=True,
    value=lambda field: field,
    slope=torch.ones_like,
    product=lambda one, other, both: both,
    squared_slope=torch.ones_like,
)
"""`g = λ`: `⟨g_i g_j⟩ = Q_ij` and `⟨g'²⟩ = 1`."""

ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {one.name: one for one in (ERF, RELU, LINEAR)}
)
"""Those that have closed forms, by name."""


def activation_named(name: str) -> Activation:
    """The activation of this name.

    Raises:
        ValueError: if there is none; the nearest names are suggested.
    """
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]
