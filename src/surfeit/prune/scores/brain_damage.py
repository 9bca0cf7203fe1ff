"""Optimal brain damage: what the loss gains, to second order, when a weight goes."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from surfeit.core import Layer, Params, call
from surfeit.prune.scores.evidence import Evidence
from surfeit.prune.scores.inputs import scored_layers
from surfeit.prune.scores.loss import all_finite, batches
from surfeit.prune.scores.network import weight_name
from surfeit.prune.scores.watching import input_rows, output_rows, watched

# Numbers held at once for a batch: 256 MB in float32.
_AT_ONCE = 2**26


def obd(evidence: Evidence) -> Params:
    """`h w² / 2`: weights whose removal costs most, if each went alone from a minimum, are kept.

    With h the diagonal of the Gauss-Newton matrix, see `gauss_newton_diagonal`, as in the paper.

    Returns:
        float64 scores shaped like the weights, in nats, >= 0; 0 for removed weights.

    Raises:
        ValueError: as `gauss_newton_diagonal`.

    Source: LeCun, Denker and Solla 1990, section 2. Cost: as `gauss_newton_diagonal`.
    """
    h = gauss_newton_diagonal(evidence)
    return {name: h[name] * w.double().square() / 2 for name, w in evidence.weights.items()}


def gauss_newton_diagonal(evidence: Evidence) -> Params:
    """The exact diagonal of the mean cross-entropy's Gauss-Newton matrix over the split.

    `h_q = mean_n Σ_k (∂z_n/∂w_q · s_nk)²`, with z_n an image's outputs, p_n their softmax and
    `s_nk = √p_nk (e_k - p_n)`, so that `Σ_k s_nk s_nkᵀ` is the loss's Hessian in the outputs.

    Where the network is piecewise linear (ReLU, leaky ReLU, pools, batch normalisation in
    evaluation mode), its outputs are linear in each single weight and h is the diagonal of the
    Hessian itself; with smooth activations it leaves out the term of their curvature, which may be
    negative. No estimate, so no standard error: Hutchinson's probes need thousands of
    Hessian-vector products for an accuracy of a few percent an entry.

    Returns:
        float64 tensors shaped like the weights, >= 0.

    Raises:
        ValueError: if there is no split, a prunable parameter is no weight of a Linear or
            convolution layer, a layer runs more than once or never in a forward pass, or the
            network's outputs on the split are not finite.

    Source: LeCun et al. 1990 (the approximation); Dangel, Kunstner and Hennig 2020
    (the exact diagonal by square roots). Cost: a backward pass a class over the split and, for
    convolutions, about as much again for each image's own gradient.
    """
    layers = scored_layers(evidence, "obd")
    weights = evidence.weights
    sums = {name: torch.zeros_like(weights[weight_name(name)]).double() for name in layers}
    split = evidence.examples
    like = next(iter(weights.values()))
    for batch in batches(split, _images_at_once(evidence, layers), like):
        for name, part in _batch_sums(evidence, layers, batch.images):
            sums[name] += part.view_as(sums[name])
    h = {weight_name(name): total / len(split) for name, total in sums.items()}
    return all_finite("Gauss-Newton diagonal", h)


@torch.no_grad()
def _images_at_once(evidence: Evidence, layers: Mapping[str, Layer]) -> int:
    """As many as leave the layers' rows and each image's own gradient of a layer in memory."""
    rows, gradients = 0, [0]

    def see(name: str, x: Tensor, _: Tensor) -> None:
        nonlocal rows
        positions = input_rows(layers[name], x)
        rows += positions.numel()
        if positions.shape[2] > 1:
            gradients.append(layers[name].weight.numel())

    like = next(iter(evidence.weights.values()))
    with watched(layers, see):
        evidence.network(next(batches(evidence.examples, 1, like)).images)
    return max(1, min(evidence.batch_size, _AT_ONCE // (rows + max(gradients))))


def _batch_sums(
    evidence: Evidence, layers: Mapping[str, Layer], images: Tensor
) -> Iterator[tuple[str, Tensor]]:
    """Each layer's sum over images of squared gradients, as [groups, units, inputs], by class."""
    rows: Params = {}
    outputs: Params = {}

    def see(name: str, x: Tensor, y: Tensor) -> Tensor:
        rows[name] = input_rows(layers[name], x.detach()).clone()
        outputs[name] = y
        # What follows gets a copy: an activation in place would overwrite what is differentiated.
        return y.clone()

    leaves = {name: w.clone().requires_grad_() for name, w in evidence.weights.items()}
    with torch.enable_grad(), watched(layers, see):
        logits = call(evidence.network, leaves, images)
    p = logits.detach().softmax(dim=1)
    for k in range(p.shape[1]):
        s = -p * p[:, k : k + 1].sqrt()
        s[:, k] += p[:, k].sqrt()
        slopes = torch.autograd.grad(
            logits, list(outputs.values()), s, retain_graph=True, materialize_grads=True
        )
        for name, slope in zip(outputs, slopes, strict=True):
            yield name, _squared_gradients(rows[name], output_rows(layers[name], slope))


def _squared_gradients(rows: Tensor, slopes: Tensor) -> Tensor:
    """`Σ_n (∂/∂W of image n)²`."""
    if rows.shape[2] == 1:  # the square of a product is the product of the squares
        return slopes[:, :, 0].square().permute(1, 2, 0) @ rows[:, :, 0].square().transpose(0, 1)
    return (slopes.mT @ rows).square_().sum(dim=0)
