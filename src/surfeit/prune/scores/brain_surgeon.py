"""Optimal brain surgeon, layer by layer: removals that the unit's other weights make good."""

from collections.abc import Iterator, Mapping

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from surfeit.core import Params, check_mask_fits
from surfeit.prune.evidence import Evidence
from surfeit.prune.options import check_damping
from surfeit.prune.scores.inputs import scored_layers, second_moments, weight_of
from surfeit.prune.scores.watching import Module

_DAMPING = 1e-4


def obs(evidence: Evidence, *, damping: float = _DAMPING) -> Params:
    """`w_q² / (2 [Ψ⁻¹]_qq)`: weights that the unit's others cannot stand in for are kept.

    The score is the least value of `E = mean_n ½‖Δy_n‖²`, with Δy the change of the layer's output,
    over all changes of the unit's kept weights that make weight q zero: E's Hessian in them is Ψ,
    the second moments of the inputs that they read (see `second_moments`). Ψ is damped by
    `λ = damping · mean(diag Ψ)`: otherwise weights on inputs that are sums of others would be free,
    and those on dead inputs undefined. Biases stay as they are; the objective plays no part.

    Args:
        evidence: with a split.
        damping: > 0; larger trusts the other weights less.

    Returns:
        float64 scores shaped like the weights, >= 0; 0 for removed weights.

    Raises:
        ValueError: if damping is not positive, there is no split, a prunable parameter is no weight
            of a Linear or convolution layer, a layer runs more than once or never, its inputs are
            not finite, or the damping is too small for inputs that are sums of others.

    Source: Hassibi and Stork 1993, equation 5; Dong, Chen and Pan 2017 (layer by layer), section 3.
    Cost: one forward pass, O(examples · positions · inputs²) and an inversion, O(inputs³), a layer
    and for each distinct set of inputs that units keep: for sparse layers, one a unit.
    """
    psi = _damped(evidence, damping)
    scores = {}
    for name, layer in scored_layers(evidence, "obs").items():
        weight = weight_of(evidence.layers[name])
        w, kept = (_grouped(layer, t[weight]) for t in (evidence.weights, evidence.kept))
        free = torch.stack([_freedom(psi[name][g], kept[g]) for g in range(len(w))])
        score = w.double().square() / (2 * free)
        scores[weight] = score.view_as(layer.weight)
    return scores


def obs_update(
    evidence: Evidence, mask: Mapping[str, Tensor], *, damping: float = _DAMPING
) -> Params:
    """The weights once `mask` is applied and each unit's kept ones have made good what they can.

    With K the inputs a unit keeps and R those it loses, `w_K += Ψ_KK⁻¹ Ψ_KR w_R`: the least change
    of the layer's output (see `obs`) that any weights on K can reach, all removals at once.

    Args:
        evidence: with a split; its own mask's removed weights are zero already.
        mask: bool tensors by parameter name for all prunable weights, True = kept.
        damping: as in `obs`.

    Returns:
        the new weights by parameter name in the model's dtype, removed ones exactly zero.

    Raises:
        ValueError: if the mask is not the model's or lacks a name, or as `obs` does.

    Source: Hassibi and Stork 1993, equation 5, for many weights at once. Cost: as `obs`.
    """
    check_mask_fits(evidence.network, mask)
    if set(mask) != set(evidence.names):
        raise ValueError(f"the mask must name {', '.join(evidence.names)}, got {', '.join(mask)}")
    psi = _damped(evidence, damping)
    dtypes = {name: value.dtype for name, value in evidence.model.named_parameters()}
    updated = {}
    for name, layer in scored_layers(evidence, "obs_update").items():
        own = weight_of(evidence.layers[name])
        weight = evidence.weights[own]
        kept = mask[own].to(weight.device) & evidence.kept[own]
        w, keep = _grouped(layer, weight).double(), _grouped(layer, kept)
        new = torch.stack([_made_good(psi[name][g], w[g], keep[g]) for g in range(len(w))])
        updated[own] = new.view_as(weight).to(dtypes[own])
    return updated


def _damped(evidence: Evidence, damping: float) -> dict[str, Tensor]:
    check_damping(damping)
    scored_layers(evidence, "obs")
    moments = second_moments(evidence)
    for psi in moments.values():
        diagonal = psi.diagonal(dim1=1, dim2=2)
        diagonal += damping * diagonal.mean(dim=1, keepdim=True)
    return moments


def _grouped(layer: Module, tensor: Tensor) -> Tensor:
    """[groups, units of the group, inputs]."""
    return tensor.flatten(1).unflatten(0, (getattr(layer, "groups", 1), -1))


def _freedom(
    psi: Float64[Tensor, "inputs inputs"], kept: Bool[Tensor, "units inputs"]
) -> Float64[Tensor, "units inputs"]:
    """`[Ψ_KK⁻¹]_qq` for each unit's kept inputs K; infinite where all inputs are always zero."""
    free = torch.ones(kept.shape, dtype=torch.float64, device=psi.device)
    if not bool(psi.diagonal().any()):
        return free.fill_(torch.inf)
    for units, inputs in _alike(kept):
        block = psi[inputs][:, inputs]
        inverse = torch.cholesky_inverse(_factor(block))
        free[units[:, None], inputs] = inverse.diagonal()
    return free


def _made_good(
    psi: Float64[Tensor, "inputs inputs"],
    w: Float64[Tensor, "units inputs"],
    kept: Bool[Tensor, "units inputs"],
) -> Float64[Tensor, "units inputs"]:
    new = torch.where(kept, w, 0.0)
    if not bool(psi.diagonal().any()):
        return new
    for units, inputs in _alike(kept):
        lost = (w - new)[units] @ psi[:, inputs]  # (Ψ_KR w_R)ᵀ: Ψ is symmetric
        factor = _factor(psi[inputs][:, inputs])
        new[units[:, None], inputs] += torch.cholesky_solve(lost.T, factor).T
    return new


def _factor(psi: Float64[Tensor, "inputs inputs"]) -> Float64[Tensor, "inputs inputs"]:
    factor, failed = torch.linalg.cholesky_ex(psi)
    if int(failed):
        raise ValueError(
            "the damping is too small: some inputs are so nearly sums of others that their second "
            f"moments have no inverse in float64; raise it, to {_DAMPING} for example"
        )
    return factor


def _alike(kept: Bool[Tensor, "units inputs"]) -> Iterator[tuple[Tensor, Tensor]]:
    """Units that keep the same inputs, with those inputs; units that keep none are left out."""
    patterns, which = torch.unique(kept, dim=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        if bool(pattern.any()):
            yield (which == number).nonzero()[:, 0], pattern.nonzero()[:, 0]
