"""Measures of a two-layer network's capacity: those of Neyshabur et al. 2018, table 1.

Each bounds the generalisation error of `x -> V relu(U x)` up to factors that margin, inputs and
the number of examples give, and that widths share. `U [h, d]` holds a hidden unit a row, `V [c, h]`
an output a row, `‖·‖_p,q` is `mixed_norm` over rows. Scaling U and U0 by a, V and V0 by 1/a leaves
the network's function and all measures as they are; permuting hidden units does, too.

The table's formulas are those of this project's notes on the paper and agree with its authors'
program (bneyshabur/over-parametrization, measures.py), but for three factors, which each measure
names.
"""

import math
from collections.abc import Callable, Mapping

from surfeit.capacity.norms import mixed_norm, spectral_norm
from surfeit.capacity.two_layer import TwoLayer


def parameter_count(network: TwoLayer) -> float:
    """The hidden layer's weights, `d h`, as which the VC dimension grows.

    The program counts V and all biases, too. Source: Harvey et al. 2017. Cost: none.
    """
    return float(network.U.numel())


def max_l1(network: TwoLayer) -> float:
    """`‖U‖_∞,1 ‖V‖_∞,1`: the largest 1-norm of a hidden unit's weights times that of an output's.

    Source: Bartlett and Mendelson 2002. Cost: O(weights).
    """
    return float(mixed_norm(network.U, math.inf, 1) * mixed_norm(network.V, math.inf, 1))


def frobenius(network: TwoLayer) -> float:
    """`‖U‖_F ‖V‖_F`. Source: Neyshabur et al. 2015. Cost: O(weights)."""
    return float(network.U.norm() * network.V.norm())


def spectral_l12(network: TwoLayer) -> float:
    """`‖U‖_2 ‖V − V0‖_1,2 + ‖U − U0‖_1,2 ‖V‖_2`.

    Source: Bartlett et al. 2017. Cost: that of two spectral norms.
    """
    output, hidden = network.V - network.V0, network.U - network.U0
    return float(
        spectral_norm(network.U) * mixed_norm(output, 1, 2)
        + mixed_norm(hidden, 1, 2) * spectral_norm(network.V)
    )


def spectral_frobenius(network: TwoLayer) -> float:
    """`‖U‖_2 ‖V − V0‖_F + √h ‖U − U0‖_F ‖V‖_2`, of PAC-Bayesian bounds.

    In the program the first term is `√c` times as large. Source: Neyshabur et al. 2018 (ICLR).
    Cost: that of two spectral norms.
    """
    output, hidden = network.V - network.V0, network.U - network.U0
    first = spectral_norm(network.U) * output.norm()
    return float(first + math.sqrt(network.width) * hidden.norm() * spectral_norm(network.V))


def unit_wise(network: TwoLayer, *, root: bool = True) -> float:
    """`‖U0‖_2 ‖V‖_F + ‖U − U0‖_F ‖V‖_F + √h`: the one that the paper proposes.

    By the units, `‖U − U0‖_F² = Σ β_i²` and `‖V‖_F² = Σ α_i²`: see `unit_capacity`, `unit_impact`.

    Args:
        network: two layers.
        root: whether `√h` is added, as in the table. The program's sum is without it, and its bound
            has `√(5 h)` beside the norms.

    Source: Neyshabur et al. 2018 (1805.12076), table 1. Cost: that of a spectral norm.
    """
    moved = (network.U - network.U0).norm()
    norms = float((spectral_norm(network.U0) + moved) * network.V.norm())
    return norms + math.sqrt(network.width) if root else norms


MEASURES: Mapping[str, Callable[[TwoLayer], float]] = {
    "parameters": parameter_count,
    "max_l1": max_l1,
    "frobenius": frobenius,
    "spectral_l12": spectral_l12,
    "spectral_frobenius": spectral_frobenius,
    "unit_wise": unit_wise,
}
"""The six measures by name, in the order of the table; the last is the paper's own."""
