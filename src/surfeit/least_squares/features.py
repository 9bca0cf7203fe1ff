"""Random features of examples, made a block at a time."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from surfeit.core import unknown
from surfeit.least_squares.checks import check_positive, check_size
from surfeit.least_squares.draws import on_sphere

FEATURES = ("relu", "fourier")
"""The kinds: see `RandomFeatures.draw`."""


@dataclass(frozen=True, kw_only=True)
class RandomFeatures:
    """Random features `φ_k(x)`: a fixed random layer, of which any columns can be had.

    Args:
        kind: of `FEATURES`.
        weights: float64 [features, inputs].
        phases: float64 [features]; of Fourier features alone.
    """

    kind: str
    weights: Float[Tensor, "features inputs"]
    phases: Float[Tensor, " features"] | None = None

    @classmethod
    def draw(
        cls,
        kind: str,
        count: int,
        inputs: int,
        generator: Generator,
        *,
        bandwidth: float = 1.0,
        on: Float[Tensor, "examples inputs"] | None = None,
    ) -> "RandomFeatures":
        """Draws features of a kind.

        `relu`: `relu(⟨w, x⟩)`, w uniform on the unit sphere; `fourier`: `cos(⟨w, x⟩ + b)`, w normal
        of variance `1/bandwidth²` and b uniform on [0, 2π), whose products average to half of
        Gauss's kernel `exp(−‖x−y‖² / 2 bandwidth²)`.

        Args:
            kind: one of `FEATURES`.
            count: how many.
            inputs: numbers an example.
            generator: of what is drawn.
            bandwidth: of Fourier features; in the inputs' unit, above 0.
            on: examples. A ReLU feature that is 0 on all of them can fit nothing, and another is
                drawn in its place; of 8 x 8 digits it is one of some hundred.

        Raises:
            ValueError: if the kind is unknown, a size is below 1, the bandwidth not above 0, or of
                a thousand features none is above 0 on any example.

        Source: Rahimi and Recht 2007; Belkin et al. 2019 (1812.11118).
        """
        if kind not in FEATURES:
            raise unknown("kind of random features", kind, FEATURES)
        check_size("count", count)
        check_size("inputs", inputs)
        check_positive("bandwidth", bandwidth)
        if kind == "relu":
            return cls(kind=kind, weights=_directions(count, inputs, generator, on))
        drawn = torch.randn(count, inputs, generator=generator, dtype=torch.float64)
        phases = torch.rand(count, generator=generator, dtype=torch.float64)
        return cls(kind=kind, weights=drawn / bandwidth, phases=math.tau * phases)

    def __len__(self) -> int:
        return len(self.weights)

    def of(
        self, inputs: Float[Tensor, "examples inputs"], start: int = 0, stop: int | None = None
    ) -> Float[Tensor, "examples features"]:
        """Features `start` to `stop` (not included) of each example, float64."""
        products = inputs.double() @ self.weights[start:stop].T
        if self.phases is None:
            return products.relu_()
        return products.add_(self.phases[start:stop]).cos_()


def _directions(count: int, inputs: int, generator: Generator, on: Tensor | None) -> Tensor:
    """Points on the sphere, each of which has an example on its side where examples are given."""
    if on is None:
        return on_sphere(count, inputs, generator)
    parts, missing = [], count
    while missing > 0:
        drawn = on_sphere(1000, inputs, generator)
        active = drawn[(on.double() @ drawn.T > 0).any(0)]
        if len(active) == 0:
            raise ValueError(
                "of 1,000 ReLU features none is above 0 on any example: are the examples all zero?"
            )
        parts.append(active[:missing])
        missing -= len(parts[-1])
    return torch.cat(parts)
