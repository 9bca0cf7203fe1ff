"""Gradient descent with momentum on least squares: its losses, and by what a step shrinks them.

The loss is `L(w) = (1/2n) Σ (⟨w, x_i⟩ − y_i)²`, with gradient g and `H = (1/n) Σ x_i x_iᵀ`. A step
is `v ← μ v + g`, then `w ← w − η v`, or by Nesterov `w ← w − η (g + μ v)`. In an eigenvector of H
with eigenvalue λ it is linear in v and in the distance d from the solution, where g is λ d.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import one_thread
from surfeit.least_squares.checks import check_numbers, check_positive, check_size


@one_thread()
def contraction(
    inputs: Float[Tensor, "examples features"],
    *,
    rate: float,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> float:
    """What each step multiplies the distance from the solution by, in the limit of many steps.

    In an eigenvector of H it is the largest modulus of the step's eigenvalues z:

        z² − (1 + μ − ηλ) z + μ = 0                  momentum (Polyak's heavy ball)
        z² − (1 + μ) (1 − ηλ) z + μ (1 − ηλ) = 0     Nesterov

    The result is the largest over all λ above 0; the excess loss shrinks by its square. It is
    `max |1 − ηλ|` without momentum. The best of one rate is `(κ − 1)/(κ + 1)`, with κ = λ_1/λ_k
    the condition number of H, and of rate and momentum `(√κ − 1)/(√κ + 1)`.

    Args:
        inputs: x, one row an example.
        rate: η, above 0.
        momentum: μ, in [0, 1).
        nesterov: whether the step is Nesterov's.

    Returns:
        1 and more where it does not converge.

    Raises:
        ValueError: if the inputs are no matrix, not real and finite, or all 0; if the rate or the
            momentum is out of range, or Nesterov's step has no momentum.

    Source: Polyak 1964; Nesterov 1983; in torch's form Sutskever et al. 2013.

    Cost: O(n k min(n, k)), of singular values.
    """
    check_numbers("the inputs", inputs, (None, None))
    _check_step(rate, momentum, nesterov)
    sizes = torch.linalg.svdvals(inputs.detach().cpu().double())
    kept = sizes[sizes > sizes[0] * max(inputs.shape) * torch.finfo(torch.float64).eps]
    if not len(kept):
        raise ValueError("the inputs must not all be 0: then every step leaves the loss as it is")
    shrinks = 1 - rate * kept**2 / len(inputs)
    total = (1 + momentum) * shrinks if nesterov else momentum + shrinks
    product = momentum * shrinks if nesterov else torch.full_like(shrinks, momentum)
    root = (total.to(torch.complex128) ** 2 - 4 * product).sqrt()
    return float(torch.stack([(total + root) / 2, (total - root) / 2]).abs().max())


@one_thread()
def momentum_losses(
    inputs: Float[Tensor, "examples features"],
    targets: Float[Tensor, " examples"],
    start: Float[Tensor, " features"],
    *,
    rate: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    steps: int,
) -> Float[Tensor, " losses"]:
    """`L(w_t) − L(w*)` at each step t from 0 on, with v = 0 at first: each eigenvector by itself.

    Args:
        inputs, rate, momentum, nesterov: as of `contraction`.
        targets: y.
        start: w_0.
        steps: at least 0.

    Returns:
        float64 [steps + 1].

    Raises:
        ValueError: as `contraction`, or if targets, start or steps do not fit.

    Cost: O(k) a step, after singular values.
    """
    check_numbers("the inputs", inputs, (None, None))
    check_numbers("the targets", targets, (len(inputs),))
    check_numbers("the start", start, (inputs.shape[1],))
    check_size("steps", steps, 0)
    _check_step(rate, momentum, nesterov)
    left, sizes, right = torch.linalg.svd(inputs.detach().cpu().double(), full_matrices=False)
    values = sizes**2 / len(inputs)
    # Neither the loss nor a step sees anything of the other directions.
    kept = sizes > sizes[0] * max(inputs.shape) * torch.finfo(torch.float64).eps
    solved = torch.where(kept, (left.T @ targets.detach().cpu().double()) / sizes, 0.0)
    distance = torch.where(kept, right @ start.detach().cpu().double() - solved, 0.0)
    speed, losses = torch.zeros_like(distance), []
    for _ in range(steps + 1):
        losses.append(values @ distance.square() / 2)
        slope = values * distance
        speed = momentum * speed + slope
        distance = distance - rate * (slope + momentum * speed if nesterov else speed)
    return torch.stack(losses)


def _check_step(rate: float, momentum: float, nesterov: bool) -> None:
    check_positive("rate", rate)
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must be in [0, 1), got {momentum}")
    if nesterov and not momentum:
        raise ValueError("Nesterov's step needs a momentum above 0, got 0")
