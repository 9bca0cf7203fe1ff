"""Distances from the other units' weight vectors: filter pruning via geometric median."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from surfeit.core import finite_matrix
from surfeit.prune.criteria.criterion import Criterion
from surfeit.prune.evidence import Evidence


def fpgm(
    weight: Float[Tensor, "units inputs"], generator: torch.Generator | None = None
) -> Float64[Tensor, " units"]:
    """`c_i = Σ_j ‖w_i − w_j‖₂`: units near the geometric median of all go first.

    Of all units at once, as published: what has been removed still counts.

    Source: He et al. 2019 (filter pruning via geometric median). Cost: O(units² inputs).
    """
    W = finite_matrix(weight).double()
    return _distances(W, W)


def fpgm_scores(evidence: Evidence) -> dict[str, Float64[Tensor, " units"]]:
    """As `fpgm` of each layer, from the units of which the mask keeps any weight."""
    scores = {}
    for name in evidence.unit_layers:
        W = evidence.matrix(name)
        there = evidence.of_units(name, evidence.kept, biases=False) > 0
        scores[name] = _distances(W, W[there])
    return scores


FPGM = Criterion(
    name="fpgm",
    says="How far a unit's weight vector lies from the others, summed over them.",
    first="the units nearest to the others' geometric median first (FPGM)",
    of_weights=fpgm,
    of_evidence=fpgm_scores,
)


def _distances(rows: Tensor, others: Tensor) -> Tensor:
    # Not by inner products, which leave equal weight vectors a little apart.
    apart = torch.cdist(rows, others, compute_mode="donot_use_mm_for_euclid_dist")
    return apart.sum(dim=1)
