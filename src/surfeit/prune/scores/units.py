"""Scores of whole units: layer name -> float64 [units], larger = kept.

They are of every layer with a prunable weight that a pass through the network runs, outputs
included; embeddings have none. Where units go together, as in a residual stream, each layer's are
scored by themselves, and `surfeit.prune.unit_mask_from_scores` takes the mean; `taylor_unit` alone
has one score for a unit of the group. Units that the mask has removed whole count as not there. A
weight vector is a row of the layer's weight matrix (`surfeit.models.structure.Layer.matrix`),
whatever the axis of its units: an LSTM's unit has the rows of its four gates. Filters of different
groups of a convolution read different inputs: as weight vectors they are orthogonal, whatever their
entries.

Scores of weight vectors look at weights alone. A batch normalisation behind them undoes their
length, on which `filter_norm` and `fpgm` depend, so that a unit with a short one may speak as loud
as any; `frame_potential` knows directions only.
"""

import torch
from jaxtyping import Float64
from torch import Tensor

from surfeit.prune import criteria
from surfeit.prune.scores.evidence import Evidence
from surfeit.prune.scores.gates import unit_slopes
from surfeit.prune.scores.loss import all_finite
from surfeit.prune.scores.options import MINIBATCH, check_minibatch

UnitScores = dict[str, Float64[Tensor, " units"]]


def filter_norm(evidence: Evidence) -> UnitScores:
    """`‖w_i‖₂`: units with long weight vectors are kept.

    Source: Li et al. 2017, with the Euclidean norm for their sum of absolute weights, as the
    criterion `magnitude` has it. Cost: O(weights).
    """
    return {name: criteria.magnitude(W) for name, W in _matrices(evidence).items()}


def frame_potential(evidence: Evidence) -> UnitScores:
    """`c_i = 2 Σ_j ⟨ŵ_i, ŵ_j⟩² - ⟨ŵ_i, ŵ_i⟩²`: units that contribute most are kept.

    As the removal criterion of that name with `remove="least"` has it (the report's max_fp): units
    along directions that many share stay, odd ones go first. Its negative is min_fp. The scores are
    of all units at once; `removal_order` takes them anew after every removal.

    Source: Heitmann 2020, section 3.1. Cost: O(units² inputs) a layer, 8 units² bytes.
    """
    return {name: criteria.frame_potential(W).sum(dim=1) for name, W in _matrices(evidence).items()}


def fpgm(evidence: Evidence) -> UnitScores:
    """`Σ_j ‖w_i - w_j‖₂`: units far from the others are kept, those near the geometric median go.

    Source: He et al. 2019 (filter pruning via geometric median). Cost: O(units² inputs)
    a layer.
    """
    scores = {}
    for name, W in _matrices(evidence).items():
        there = evidence.of_units(name, evidence.kept, biases=False) > 0
        # Not by inner products, which leave equal weight vectors a little apart.
        apart = torch.cdist(W, W[there], compute_mode="donot_use_mm_for_euclid_dist")
        scores[name] = apart.sum(dim=1)
    return scores


def activation_correlation(evidence: Evidence) -> UnitScores:
    """`1 - mean_{j≠i} |r_ij|`: units whose outputs others do not repeat are kept.

    With r_ij Pearson's correlation of two units' outputs over the split's examples (as their first
    reader reads them, averaged over positions: `Evidence.activations`). Of units that are added to
    others, as in a residual stream, it is each layer's own outputs, in front of the sum, where a
    removal acts behind it. A unit whose output never changes says no more than a bias: it scores 0,
    and does not count among the others. A unit without others scores 1.

    Returns:
        layer name -> [units] in [0, 1]; without layers whose units' outputs are to be had nowhere.

    Raises:
        ValueError: if there is no split, the network cannot be followed, or outputs are not
            finite.

    The plain measure of linear redundancy between outputs, of no single source. Cost: one forward
    pass and O(examples · units²) a layer.
    """
    activations = all_finite("units' outputs", evidence.activations)
    return {name: _distinctness(outputs.double()) for name, outputs in activations.items()}


def taylor_unit(evidence: Evidence, *, minibatch: int = MINIBATCH) -> UnitScores:
    """`mean_b (∂L_b/∂c_i)²`: units whose removal changes the loss of many minibatches are kept.

    With c_i a gate on the unit, at 1, L_b the mean loss of minibatch b, and the mean weighted by
    the minibatches' examples: to first order, the mean square of what a minibatch's loss changes by
    when the unit goes. The gate stands where a removal acts: wherever the unit is read, behind
    normalisation and activation. Units that go together, as in a residual stream, have one gate,
    and each member its score. Units that no removal is known of have a gate on their weights and
    bias (`gates.unit_slopes`).

    Args:
        evidence: with a split; a score of the whole training set is worth many of a few examples.
        minibatch: examples b whose mean loss is differentiated at once, taken from the split in its
            order: 1 for each example's own slope. Where the network was trained until the mean
            slope is about zero, the order of the units hardly depends on it; the whole split at
            once would leave the square of a mean that is about zero.

    Returns:
        layer name -> [units], in the square of the loss's unit, >= 0.

    Raises:
        ValueError: if minibatch is no integer >= 1, or as `gates.unit_slopes`.

    Source: Molchanov et al. 2019, equations 8 and 9, whose gate behind batch normalisation
    (section 3.2) is a special case. Cost: as `gates.unit_slopes`.
    """
    check_minibatch(minibatch)
    sums: UnitScores = {}
    for share, slopes in unit_slopes(evidence, minibatch):
        for name, slope in slopes.items():
            square = share * slope.square()
            sums[name] = sums[name] + square if name in sums else square
    return sums


def random(evidence: Evidence) -> UnitScores:
    """A uniform number in [0, 1) for each unit: every order is equally likely. The control.

    Raises:
        ValueError: if the evidence has no generator.
    """
    return {
        name: torch.rand(len(W), generator=evidence.draws, dtype=torch.float64).to(W.device)
        for name, W in _matrices(evidence).items()
    }


def _matrices(evidence: Evidence) -> dict[str, Float64[Tensor, "units inputs"]]:
    """Each layer's weight vectors over all its inputs: zeros where a filter's group reads none."""
    return {name: evidence.matrix(name) for name in evidence.unit_layers}


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
