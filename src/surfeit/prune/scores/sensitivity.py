"""Scores from the loss's first derivatives, and GraSP's from their flow.

With w the weights, g = ∇L and H the Hessian of the objective's mean L over the split (evaluation
mode). All are float64, shaped like the weights; each raises a ValueError if the evidence has no
split.
"""

import torch

from surfeit.core import Params
from surfeit.prune.scores.evidence import Evidence


def snip(evidence: Evidence) -> Params:
    """`|g w|`: weights whose removal changes the loss most, either way, are kept.

    It is |∂L/∂c| at c = 1 for a gate c on the weight. The paper divides by the sum over all
    weights, which changes no order.

    Source: Lee, Ajanthan and Torr 2019 (SNIP), section 4; there for initial weights and one batch,
    here for whatever weights the model has, over the split. Cost: one gradient.
    """
    g = evidence.gradients
    return {name: (g[name].double() * w).abs() for name, w in evidence.weights.items()}


def grasp(evidence: Evidence) -> Params:
    """`w (Hg)`: weights whose removal weakens the gradient flow `‖g‖²` most are kept.

    Removing a weight, `δ = -w_q e_q`, changes the flow by `2 δᵀHg = -2 w_q (Hg)_q`. The paper's
    score is half of that change, `S = -w ⊙ Hg`, and removes the weights of the *largest* S; ours is
    its negative, as larger = kept everywhere here.

    Source: Wang, Zhang and Grosse 2020 (GraSP), algorithm 1. Their program divides the outputs by a
    temperature of 200 and takes a few images a class in training mode; here the temperature is 1.
    Cost: one gradient and one Hessian-vector product.
    """
    flow = evidence.hessian_vector_product(evidence.gradients)
    return {name: flow[name].double() * w for name, w in evidence.weights.items()}


def taylor(evidence: Evidence) -> Params:
    """`(g w)²`: weights whose removal changes the loss most, to first order and squared, are kept.

    The order is that of `snip`; sums and means over groups of weights differ.

    Source: Molchanov et al. 2019, section 3, whose mean of squares over batches is here the square
    of the mean over the split. Cost: one gradient.
    """
    return {name: torch.square(value) for name, value in snip(evidence).items()}
