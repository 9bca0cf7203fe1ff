"""Criteria: what a unit contributes to its layer, read off the weights alone.

A criterion is a function `(weight matrix W [units, inputs], generator or None) -> float64` whose
result is one of

- scores [units]: a unit's contribution whatever else is removed, e.g. `magnitude`;
- pairs [units, units], non-negative: entry `[i, j]` is what unit j, as long as it is there, adds to
  the contribution of unit i, e.g. `frame_potential`. A signed measure is shifted first: a constant
  added to every entry changes no order.

Any function of that shape can be passed to `removal_order`; `CRITERIA` holds those of the report.
They take weights of any floating type and raise a ValueError where one is NaN or infinite.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import finite_matrix, weight_matrix


class Criterion(Protocol):
    """A function from a layer's weight matrix to its units' contributions."""

    def __call__(
        self, weight: Float[Tensor, "units inputs"], generator: torch.Generator | None, /
    ) -> Tensor: ...


def magnitude(
    weight: Float[Tensor, "units inputs"], generator: torch.Generator | None = None
) -> Float[Tensor, " units"]:
    """The Euclidean norm of each unit's weight vector: `c_i = ‖w_i‖`.

    Source: Heitmann 2020, section 3.1. Cost: O(units inputs).
    """
    return finite_matrix(weight).double().norm(dim=1)


def frame_potential(
    weight: Float[Tensor, "units inputs"], generator: torch.Generator | None = None
) -> Float[Tensor, "units units"]:
    """What the frame potential of the normalised weight vectors loses when a unit goes.

    With `ŵ_i = w_i / ‖w_i‖` (zero for a zero row) and `FP(S) = Σ_ij ⟨ŵ_i, ŵ_j⟩²` over the units
    that are still there, `c_i = FP(S) − FP(S∖i) = 2 Σ_j ⟨ŵ_i, ŵ_j⟩² − ⟨ŵ_i, ŵ_i⟩²`. A large one
    says that many units point along unit i's line.

    Source: Benedetto and Fickus 2003 (the potential); Heitmann 2020, section 3.1 (as a criterion).
    Cost: O(units² inputs), 8 units² bytes.
    """
    return _both_ways(_gram(_normalised(weight)).square())


def inner_product(
    weight: Float[Tensor, "units inputs"], generator: torch.Generator | None = None
) -> Float[Tensor, "units units"]:
    """What the sum of absolute inner products of normalised weight vectors loses.

    `c_i = 2 Σ_j |⟨ŵ_i, ŵ_j⟩| − |⟨ŵ_i, ŵ_i⟩|`: the order is that of the mean absolute inner product
    with the units that are still there, whose count is the same for every unit.

    Source: Heitmann 2020, section 3.1. Cost: as `frame_potential`.
    """
    return _both_ways(_gram(_normalised(weight)).abs())


def raw_frame_potential(
    weight: Float[Tensor, "units inputs"], generator: torch.Generator | None = None
) -> Float[Tensor, "units units"]:
    """As `frame_potential`, of the weight vectors as they are: norms count too.

    `c_i = FP(S) − FP(S∖i) = 2 Σ_j ⟨w_i, w_j⟩² − ‖w_i‖⁴`.

    Source: Heitmann 2020, section 3.1. Cost: as `frame_potential`.
    """
    return _both_ways(_gram(finite_matrix(weight).double()).square())


def random(
    weight: Float[Tensor, "units inputs"], generator: torch.Generator | None = None
) -> Float[Tensor, " units"]:
    """A random rank for each unit: every order is equally likely. The control.

    Args:
        weight: only its number of units matters.
        generator: a CPU generator, e.g. `Streams(seed).get("removal", "fc1", repeat)`.

    Raises:
        ValueError: if there is no generator, or the weight is no layer's.
    """
    if generator is None:
        raise ValueError(
            "the criterion random needs a generator, got None: pass e.g. "
            'generator=Streams(0).get("removal")'
        )
    return (
        torch.randperm(len(weight_matrix(weight)), generator=generator).double().to(weight.device)
    )


CRITERIA: Mapping[str, Criterion] = MappingProxyType(
    {
        "magnitude": magnitude,
        "frame_potential": frame_potential,
        "inner_product": inner_product,
        "raw_frame_potential": raw_frame_potential,
        "random": random,
    }
)


def _normalised(weight: Tensor) -> Tensor:
    rows = finite_matrix(weight).double()
    # Divided by the largest entry first: squares of very small or large weights leave the range.
    largest = rows.abs().amax(dim=1, keepdim=True)
    rows = rows / torch.where(largest > 0, largest, 1.0)
    norms = rows.norm(dim=1, keepdim=True)
    return rows / torch.where(norms > 0, norms, 1.0)


def _gram(rows: Tensor) -> Tensor:
    return rows @ rows.T


def _both_ways(pairs: Tensor) -> Tensor:
    # A unit takes along its row and its column of the symmetric sum, but its diagonal only once.
    both = 2 * pairs
    both.diagonal().copy_(pairs.diagonal())
    return both
