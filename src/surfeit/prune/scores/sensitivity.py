"""Scores from the loss's first derivatives, and GraSP's from their flow.

With w the weights, g = ∇L and H the Hessian of the objective's mean L over the split. All are
float64, shaped like the weights; each raises a ValueError if the evidence has no split.

Batch normalisations normalise by a batch's statistics while a network is trained, and by those that
they have kept otherwise. `snip` and `grasp` were published for new networks, whose kept statistics
say nothing yet: their `mode` chooses, and says what it is by default (`Evidence.loss`).
"""

import torch

from surfeit.core import Params
from surfeit.prune.evidence import Evidence
from surfeit.prune.options import MINIBATCH, Mode, check_minibatch


def snip(evidence: Evidence, *, mode: Mode | None = None) -> Params:
    """`|g w|`: weights whose removal changes the loss most, either way, are kept.

    It is |∂L/∂c| at c = 1 for a gate c on the weight. The paper divides by the sum over all
    weights, which changes no order.

    Args:
        evidence: with a split; in training mode its `batch_size` is the batches' size.
        mode: `training`, batch normalisations by the statistics of each batch, as in the paper;
            `evaluation`, by those that they keep; by default each that has seen no batch yet (mean
            0, variance 1) by the batch's and the others by their own, so that a new network is
            taken in training mode and a trained one in evaluation mode.

    Raises:
        ValueError: as `Evidence.loss`.

    Source: Lee, Ajanthan and Torr 2019 (SNIP), section 4; there for initial weights and one batch,
    here for whatever weights the model has, over the split. Cost: one gradient.
    """
    g = evidence.gradients_of(evidence.loss(mode))
    return {name: (g[name].double() * w).abs() for name, w in evidence.weights.items()}


def grasp(evidence: Evidence, *, temperature: float = 1.0, mode: Mode | None = None) -> Params:
    """`w (Hg)`: weights whose removal weakens the gradient flow `‖g‖²` most are kept.

    Removing a weight, `δ = -w_q e_q`, changes the flow by `2 δᵀHg = -2 w_q (Hg)_q`. The paper's
    score is half of that change, `S = -w ⊙ Hg`, and removes the weights of the *largest* S; ours is
    its negative, as larger = kept everywhere here.

    Args:
        evidence: with a split; in training mode its `batch_size` is the batches' size.
        temperature: what the logits are divided by, > 0. The paper's formulas have none (1), the
            authors' program divides by 200, which gives other masks.
        mode: as in `snip`.

    Raises:
        ValueError: as `Evidence.loss`.

    Source: Wang, Zhang and Grosse 2020 (GraSP), algorithm 1, there for initial weights and a few
    images a class. Cost: one gradient and one Hessian-vector product.
    """
    loss = evidence.loss(mode, temperature=temperature)
    flow = evidence.hessian_vector_product(evidence.gradients_of(loss), loss)
    return {name: flow[name].double() * w for name, w in evidence.weights.items()}


def taylor(evidence: Evidence, *, minibatch: int = MINIBATCH) -> Params:
    """`mean_b (g_b w)²`: weights whose removal changes the loss of many minibatches are kept.

    With g_b the gradient of the mean loss over minibatch b, and the mean over minibatches weighted
    by their examples, since the last may be shorter: to first order, the mean square of what
    a minibatch's loss changes by. The square of the whole split's mean would rank as `snip`, and
    that mean is about zero once the network is trained. In evaluation mode.

    Args:
        evidence: with a split; a score of the whole training set is worth many of a few examples.
        minibatch: examples of which a gradient is taken at once, from the split in its order: 1 for
            each example's own.

    Raises:
        ValueError: if minibatch is no integer >= 1, or as `Evidence.gradients`.

    Source: Molchanov et al. 2019, equation 8. Cost: one gradient, in minibatches.
    """
    check_minibatch(minibatch)
    squares = evidence.squared_gradients(minibatch)
    return {name: squares[name] * torch.square(w.double()) for name, w in evidence.weights.items()}
