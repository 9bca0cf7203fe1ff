"""Robust early learning: at each step only the critical weights follow the gradient."""

from collections.abc import Sequence

import torch
from torch import Tensor


def of_critical(
    params: Sequence[Tensor], grads: Sequence[Tensor], share: float
) -> Sequence[Tensor]:
    """The gradients of the critical weights, scaled by the share; zero for all other weights.

    Of all `n` weights together those with the `⌊share · n⌋` largest `|w · ∂L/∂w|` are critical (one
    at least; equal ones all are): `share · ∂L/∂w` moves them. What the optimiser itself adds, such
    as weight decay, L1 and momentum, moves every weight. Biases and other parameters of one axis
    keep their gradients.

    Args:
        params: the trained parameters.
        grads: the mean loss's gradients, one a parameter; they are not changed.
        share: in (0, 1], one minus the share of wrong labels; 1 leaves all gradients as they are.

    Source: Xia et al. 2021, "Robust early-learning: hindering the memorization of noisy labels",
    with the scale, the one threshold for all layers and the momentum of non-critical weights as in
    the authors' program. Cost: one selection of the k-th of n numbers.
    """
    weights = [place for place, value in enumerate(params) if value.dim() > 1]
    if share == 1 or not weights:
        return grads
    products = {place: (params[place] * grads[place]).abs() for place in weights}
    every = torch.cat([value.flatten() for value in products.values()])
    kept = max(int(share * len(every)), 1)
    least = every.kthvalue(len(every) - kept + 1).values
    critical = list(grads)
    for place, product in products.items():
        critical[place] = grads[place] * (product >= least) * share
    return critical
