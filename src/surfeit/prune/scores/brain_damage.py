"""Optimal brain damage: what the loss gains, to second order, when a weight goes."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from surfeit.core import Objective, Params, Split, cross_entropy, differentiable, squared_error
from surfeit.prune.evidence import Evidence
from surfeit.prune.evidence.loss import all_finite, batches, judged
from surfeit.prune.scores.inputs import scored_layers, weight_of
from surfeit.prune.scores.watching import Module, input_rows, output_rows, watched

# Numbers held at once for a batch: 256 MB in float32.
_AT_ONCE = 2**26


def obd(evidence: Evidence) -> Params:
    """`h w² / 2`: weights whose removal costs most, if each went alone from a minimum, are kept.

    With h the diagonal of the Gauss-Newton matrix, see `gauss_newton_diagonal`, as in the paper.

    Returns:
        float64 scores shaped like the weights, in the loss's unit, >= 0; 0 for removed weights.

    Raises:
        ValueError: as `gauss_newton_diagonal`.

    Source: LeCun, Denker and Solla 1990, section 2. Cost: as `gauss_newton_diagonal`.
    """
    h = gauss_newton_diagonal(evidence)
    return {name: h[name] * w.double().square() / 2 for name, w in evidence.weights.items()}


def gauss_newton_diagonal(evidence: Evidence) -> Params:
    """The exact diagonal of the mean loss's Gauss-Newton matrix over the split.

    `h_q = mean_n Σ_k (∂z_n/∂w_q · s_nk)²`, with z_n an example's outputs and `Σ_k s_nk s_nkᵀ` the
    loss's Hessian in them: for the cross-entropy, p_n being their softmax, `s_nk = √p_nk (e_k -
    p_n)`; for the squared error `s_nk = √2 e_k`. Where an example has several positions, its loss
    is their mean, and k runs over the outputs of all of them.

    Where the network is piecewise linear (ReLU, leaky ReLU, pools, batch normalisation in
    evaluation mode), its outputs are linear in each single weight and h is the diagonal of the
    Hessian itself; with smooth activations it leaves out the term of their curvature, which may be
    negative. No estimate, so no standard error: Hutchinson's probes need thousands of
    Hessian-vector products for an accuracy of a few percent an entry.

    Returns:
        float64 tensors shaped like the weights, >= 0.

    Raises:
        ValueError: if there is no split, the objective is another one, a prunable parameter is no
            weight of a Linear or convolution layer, a layer runs more than once or never in a
            forward pass, its inputs' first axis is not that of the examples, or the network's
            outputs on the split are not finite.

    Source: LeCun et al. 1990 (the approximation); Dangel, Kunstner and Hennig 2020
    (the exact diagonal by square roots). Cost: a backward pass an output over the split and,
    for convolutions, about as much again for each example's own gradient.
    """
    if evidence.objective not in (cross_entropy, squared_error):
        raise ValueError(
            "obd knows the curvature of cross_entropy and squared_error, not of "
            f"{evidence.objective.name}: choose a score that looks at weights or gradients, such "
            "as taylor"
        )
    layers = scored_layers(evidence, "obd")
    names = {name: weight_of(evidence.layers[name]) for name in layers}
    sums = {name: torch.zeros_like(evidence.weights[names[name]]).double() for name in layers}
    split = evidence.examples
    like = next(iter(evidence.weights.values()))
    for batch in batches(split, _examples_at_once(evidence, layers), like):
        for name, part in _batch_sums(evidence, layers, batch):
            sums[name] += part.view_as(sums[name])
    h = {names[name]: total / len(split) for name, total in sums.items()}
    return all_finite("Gauss-Newton diagonal", h)


@torch.no_grad()
def _examples_at_once(evidence: Evidence, layers: Mapping[str, Module]) -> int:
    """As many as leave the layers' rows and each example's own gradient of a layer in memory."""
    rows, gradients = 0, [0]

    def see(name: str, x: Tensor, _: Tensor) -> None:
        nonlocal rows
        if len(x) != 1:
            raise ValueError(
                f"layer {name!r} reads {list(x.shape)} of a single example, whose first axis is "
                "not that of the examples: obd cannot tell their gradients apart; choose a score "
                "such as taylor"
            )
        positions = input_rows(layers[name], x)
        rows += positions.numel()
        if positions.shape[2] > 1:
            gradients.append(layers[name].weight.numel())

    like = next(iter(evidence.weights.values()))
    with watched(layers, see):
        evidence.network(next(batches(evidence.examples, 1, like)).inputs)
    return max(1, min(evidence.batch_size, _AT_ONCE // (rows + max(gradients))))


def _batch_sums(
    evidence: Evidence, layers: Mapping[str, Module], batch: Split
) -> Iterator[tuple[str, Tensor]]:
    """Each layer's sum over examples of squared gradients, [groups, units, inputs], by output."""
    rows: Params = {}
    outputs: Params = {}

    def see(name: str, x: Tensor, y: Tensor) -> Tensor:
        rows[name] = input_rows(layers[name], x.detach()).clone()
        outputs[name] = y
        # What follows gets a copy: an activation in place would overwrite what is differentiated.
        return y.clone()

    leaves = {name: w.clone().requires_grad_() for name, w in evidence.weights.items()}
    with torch.enable_grad(), differentiable(evidence.network), watched(layers, see):
        z = judged(evidence.network, leaves, batch, evidence.objective)
    for s in _roots(z.detach(), evidence.objective):
        slopes = torch.autograd.grad(
            z, list(outputs.values()), s, retain_graph=True, materialize_grads=True
        )
        for name, slope in zip(outputs, slopes, strict=True):
            yield name, _squared_gradients(rows[name], output_rows(layers[name], slope))


def _roots(z: Tensor, objective: Objective) -> Iterator[Tensor]:
    """The vectors `s_k`, shaped like the outputs: their squares add up to the loss's Hessian."""
    at = z.reshape(len(z), -1, z.shape[-1]) if z.dim() > 1 else z[:, None, None]
    p = at.softmax(dim=2)
    for position in range(at.shape[1]):
        for k in range(at.shape[2]):
            s = torch.zeros_like(at)
            if objective == cross_entropy:
                own = p[:, position]
                s[:, position] = -own * own[:, k : k + 1].sqrt()
                s[:, position, k] += own[:, k].sqrt()
            else:
                s[:, position, k] = 2**0.5
            yield (s / at.shape[1] ** 0.5 if at.shape[1] > 1 else s).view_as(z)


def _squared_gradients(rows: Tensor, slopes: Tensor) -> Tensor:
    """`Σ_n (∂/∂W of example n)²`."""
    if rows.shape[2] == 1:  # the square of a product is the product of the squares
        return slopes[:, :, 0].square().permute(1, 2, 0) @ rows[:, :, 0].square().transpose(0, 1)
    return (slopes.mT @ rows).square_().sum(dim=0)
