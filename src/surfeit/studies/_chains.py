"""What studies of deep chains share: random ones, and how large signals and gradients in them are.

A chain is `h_{l+1} = W_l φ(h_l)`, with shortcuts `h_{l+1} = h_l + β W_l φ(h_l)`; all layers have n
units, the weights are independent and normal with variance `k² v / n`, where v is that of the
activation: 1, or 2 of ReLU, which lets half of the square through. So k = 1 is He's scale of ReLU
and, as inputs and outputs are as many, Glorot's of the others. h_0 is standard normal.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import digamma, expit
from torch import Tensor

from surfeit.core import check_positive, check_size, unknown

Activation = Literal["linear", "relu", "tanh", "sigmoid"]
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)

_APPLIED: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda values: values,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
_POINTS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(200)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True, kw_only=True)
class Chain:
    """A random chain, as the module says.

    Args:
        activation: φ.
        scale: k, above 0.
        branch: β where there are shortcuts, above 0; None for none.

    Raises:
        ValueError: if the activation is unknown, or a number not above 0.
    """

    activation: Activation
    scale: float = 1.0
    branch: float | None = None

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise unknown("activation", self.activation, ACTIVATIONS)
        check_positive("scale", self.scale)
        if self.branch is not None:
            check_positive("branch", self.branch)

    @property
    def variance(self) -> float:
        """`k² v`: the weights' variance times their number in a unit."""
        return self.scale**2 * (2 if self.activation == "relu" else 1)

    def squares(self, depth: int) -> list[float]:
        """The mean square q_l of layer l's values, l = 0 to L.

        `q_{l+1} = k² v E φ(√q_l z)²`, z standard normal, to which a shortcut adds q_l and β² as a
        factor. Exact in expectation of linear and of ReLU chains without shortcuts, where it is
        k^(2l); of the others in the limit of many units.

        Source: Glorot and Bengio 2010; He et al. 2015, section 2.2; Poole et al. 2016, equation 3.
        """
        found = [1.0]
        for _ in range(depth):
            through = self.variance * _mean(self.activation, found[-1], power=2, slope=False)
            found.append(self._with_shortcut(found[-1], through))
        return found

    def gradients(self, depth: int) -> list[float]:
        """The mean square of a unit gradient that went back through the last m layers, m = 0 to L.

        Each layer multiplies it by `χ_l = k² v E φ'(√q_l z)²`, or by `1 + β² χ_l` where it has a
        shortcut: the product of Jacobians. Exact in expectation of linear chains, k^(2m); of the
        others in the limit of many units.

        Source: Schoenholz et al. 2017, equation 5.
        """
        found = [1.0]
        for square in reversed(self.squares(depth)[:-1]):
            through = self.variance * _mean(self.activation, square, power=2, slope=True)
            found.append(found[-1] * self._with_shortcut(1.0, through))
        return found

    def typical_gradients(self, depth: int, width: int) -> list[float]:
        """The geometric mean of the same gradient's length in n units, m = 0 to L.

        The root of the mean square is larger, the more so the deeper: a layer's factor varies, and
        the mean of its logarithm is less than that of its mean μ by half the relative variance, to
        first order in 1/n. So a layer multiplies the length by `√μ exp(−s² / (4 μ²))`, where
        `s² = (3 κ − 1) χ² / n` with `κ = E φ'⁴ / (E φ'²)²`, or with a shortcut
        `s² = (4 β² χ + β⁴ (3 κ − 1) χ²) / n`.

        Source: the expansion is our own; of linear chains see `typical_rate`, which is exact.
        """
        found, beta = [1.0], 1.0 if self.branch is None else self.branch
        for square in reversed(self.squares(depth)[:-1]):
            even = [_mean(self.activation, square, power=p, slope=True) for p in (2, 4)]
            through = self.variance * even[0]
            spread = beta**4 * (3 * even[1] / even[0] ** 2 - 1) * through**2
            spread += 0 if self.branch is None else 4 * beta**2 * through
            mean = self._with_shortcut(1.0, through)
            found.append(found[-1] * mean**0.5 * math.exp(-spread / (4 * width * mean**2)))
        return found

    def _with_shortcut(self, passed: float, through: float) -> float:
        return through if self.branch is None else passed + self.branch**2 * through


def _mean(activation: str, square: float, *, power: int, slope: bool) -> float:
    """`E φ(√q z)^power`, or of φ'; by Gauss and Hermite's rule where there is no closed form."""
    if activation in ("linear", "relu"):
        share = 1.0 if activation == "linear" else 0.5
        return share if slope else share * square  # squares alone are asked for
    at = math.sqrt(square) * _POINTS
    values = np.tanh(at) if activation == "tanh" else expit(at)
    if slope:
        values = 1 - values**2 if activation == "tanh" else values * (1 - values)
    return float((_WEIGHTS * values**power).sum())


def typical_rate(width: int, scale: float = 1.0) -> float:
    """By how much the logarithm of a linear chain's gradient grows a layer, in expectation.

    `ln k + (ψ(n/2) − ln(n/2)) / 2`, below ln k: a layer multiplies the square by k² χ²_n / n,
    independently of the others. In nats.
    """
    return math.log(scale) + (float(digamma(width / 2)) - math.log(width / 2)) / 2


def propagated(
    chains: Sequence[Chain], *, width: int, depth: int, draws: int, generator: torch.Generator
) -> list[Float[Tensor, "draws layers"]]:
    """The mean square of each layer's values in random chains that share their weights.

    Args and the order of the layers are those of `passed`, which also has gradients and therefore
    holds all weights: [draws, L + 1] for each chain, float64.

    Cost: O(draws L n²) numbers drawn, one layer's held at a time.
    """
    _check(width, depth, draws)
    drawn: Any = {"generator": generator, "dtype": torch.float64}
    begin = torch.randn(draws, width, 1, **drawn)
    values, squares = [begin for _ in chains], [[begin.square().mean((1, 2))] for _ in chains]
    for _ in range(depth):
        weight = torch.randn(draws, width, width, **drawn) / width**0.5
        for at, chain in enumerate(chains):
            values[at] = _next(chain, weight, values[at])
            squares[at].append(values[at].square().mean((1, 2)))
    return [torch.stack(one, 1) for one in squares]


def passed(
    chains: Sequence[Chain], *, width: int, depth: int, draws: int, generator: torch.Generator
) -> list[tuple[Float[Tensor, "draws layers"], Float[Tensor, "draws layers"]]]:
    """The mean squares of values and of gradients in random chains that share their weights.

    Args:
        chains: which; the same normal numbers are scaled for each.
        width: n.
        depth: L.
        draws: how many chains of each kind.
        generator: draws weights, h_0 and the gradient at the end, of length 1.

    Returns:
        for each chain the mean square of each layer's values [draws, L + 1], first to last, and
        the gradient's square [draws, L + 1] by how many layers it went back through; float64.
        Gradients are torch's own, by reverse mode.

    Cost: O(draws L n²) numbers drawn, held until all gradients are there.
    """
    _check(width, depth, draws)
    drawn: Any = {"generator": generator, "dtype": torch.float64}
    weights = torch.randn(depth, draws, width, width, **drawn) / width**0.5
    begin = torch.randn(draws, width, 1, **drawn)
    end = torch.nn.functional.normalize(torch.randn(draws, width, 1, **drawn), dim=1)
    return [_passed(chain, weights, begin, end) for chain in chains]


def _passed(chain: Chain, weights: Tensor, begin: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    values = [begin.clone().requires_grad_()]
    for weight in weights:
        values.append(_next(chain, weight, values[-1]))
    gradients = torch.autograd.grad(values[-1], values, end)
    squares = torch.stack([one.detach().square().mean((1, 2)) for one in values], 1)
    return squares, torch.stack([one.square().sum((1, 2)) for one in reversed(gradients)], 1)


def _next(chain: Chain, weight: Tensor, values: Tensor) -> Tensor:
    """The next layer's values, where weights have a variance of 1 / n."""
    through = chain.variance**0.5 * (weight @ _APPLIED[chain.activation](values))
    return through if chain.branch is None else values + chain.branch * through


def _check(width: int, depth: int, draws: int) -> None:
    for name, value in {"width": width, "depth": depth, "draws": draws}.items():
        check_size(name, value)
