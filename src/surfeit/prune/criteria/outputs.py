"""Correlations between units' outputs."""

import torch
from jaxtyping import Float64
from torch import Tensor

from surfeit.prune.criteria.criterion import Criterion
from surfeit.prune.evidence import Evidence
from surfeit.prune.evidence.loss import all_finite


def activation_correlation(evidence: Evidence) -> dict[str, Float64[Tensor, " units"]]:
    """`1 - mean_{j≠i} |r_ij|`: units whose outputs others do not repeat are kept.

    With r_ij Pearson's correlation of two units' outputs over the split's examples (as their first
    reader reads them, averaged over positions: `Evidence.activations`). Of units that are added to
    others, as in a residual stream, it is each layer's own outputs, in front of the sum and of
    every activation on the way there, where a removal acts behind it: one that such an activation
    always stops does not count as silent. A unit whose output never changes says no more than a
    bias: it scores 0, and does not count among the others. A unit without others scores 1.

    Returns:
        layer name -> [units] in [0, 1]; without layers whose units' outputs cannot be told apart.

    Raises:
        ValueError: if there is no split, the network cannot be followed, or outputs are not
            finite.

    The plain measure of linear redundancy between outputs, of no single source. Cost: one forward
    pass and O(examples · units²) a layer.
    """
    activations = all_finite("units' outputs", evidence.activations)
    return {name: _distinctness(outputs.double()) for name, outputs in activations.items()}


ACTIVATION_CORRELATION = Criterion(
    name="activation_correlation",
    says="How little a unit's output is repeated: 1 less its mean correlation with the others'.",
    first="the units whose outputs others repeat most first (activation correlation)",
    of_evidence=activation_correlation,
)


def _distinctness(outputs: Float64[Tensor, "examples units"]) -> Float64[Tensor, " units"]:
    largest = outputs.abs().amax(dim=0)
    centred = outputs - outputs.mean(dim=0)
    # A constant's mean is off by a few roundings: what is left of it is no signal.
    silent = centred.abs().amax(dim=0) <= 1e-12 * largest
    norms = centred.norm(dim=0)
    unit = torch.where(silent, 0.0, centred / torch.where(silent, 1.0, norms))
    r = (unit.T @ unit).abs().clamp(max=1.0)
    r.fill_diagonal_(0.0)
    others = (~silent).sum() - 1
    distinct = 1 - r.sum(dim=1) / others if others > 0 else torch.ones_like(norms)
    return torch.where(silent, 0.0, distinct)
