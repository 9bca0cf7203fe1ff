"""How least squares is shrunk: by steps that stop early, by L2, and by L1, which makes zeros.

The loss is quadratic, `½ Σ λ_k (w_k − w*_k)²`, with λ_k and the coordinates k those of its
Hessian's eigenvectors; of `½ ‖X w − y‖² / n` the Hessian is `Xᵀ X / n`. A share is what is left of
the solution `w*_k`, in [0, 1] where nothing overshoots.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import one_thread
from surfeit.least_squares.checks import (
    check_not_negative,
    check_numbers,
    check_positive,
    check_size,
)


def stopped_share(
    eigenvalues: Float[Tensor, " directions"], *, rate: float, steps: int
) -> Float[Tensor, " directions"]:
    """What gradient descent from 0 has of the solution after some steps: `1 − (1 − rate λ)^steps`.

    Args:
        eigenvalues: λ >= 0.
        rate: > 0; above 2 / λ it diverges.
        steps: >= 1.

    Returns:
        float64 [directions].

    Raises:
        ValueError: if an eigenvalue is negative or not finite, or rate or steps are out of range.

    Source: Goodfellow, Bengio and Courville 2016, section 7.8.
    """
    values = _checked(eigenvalues)
    check_positive("rate", rate)
    check_size("steps", steps)
    return 1 - (1 - rate * values) ** steps


def penalised_share(
    eigenvalues: Float[Tensor, " directions"], *, penalty: float
) -> Float[Tensor, " directions"]:
    """What L2, `½ penalty ‖w‖²`, leaves of the solution: `λ / (λ + penalty)`.

    Args:
        eigenvalues: λ >= 0.
        penalty: > 0.

    Returns:
        float64 [directions].

    Raises:
        ValueError: as `stopped_share`.

    Source: Goodfellow, Bengio and Courville 2016, section 7.1.1.
    """
    values = _checked(eigenvalues)
    check_positive("penalty", penalty)
    return values / (values + penalty)


def penalty_of_steps(
    eigenvalues: Float[Tensor, " directions"], *, rate: float, steps: int
) -> Float[Tensor, " directions"]:
    """The L2 that leaves as much as descent that stops, along each eigenvector by itself.

    `λ q / (1 − q)` with `q = (1 − rate λ)^steps`. Where `s = steps · rate · λ` and `rate · λ` are
    small it is `1 / (steps · rate)`, for all directions the same; as long as `rate · λ` alone is
    small it is `s / (e^s − 1)` times that: no single L2 does in all directions what stopping does.

    Args:
        eigenvalues: λ >= 0; of 0 it is the limit, `1 / (steps · rate)`.
        rate: in (0, 1 / λ], so that descent does not overshoot.
        steps: >= 1.

    Returns:
        float64 [directions], at least 0.

    Raises:
        ValueError: as `stopped_share`, or if descent overshoots.

    Source: Goodfellow, Bengio and Courville 2016, section 7.8.
    """
    share = stopped_share(eigenvalues, rate=rate, steps=steps)
    values = eigenvalues.detach().double()
    if float(values.max()) * rate > 1:
        raise ValueError(
            f"rate must be at most 1 / λ = {1 / float(values.max()):.4g}, where descent does not "
            f"overshoot, got {rate}"
        )
    # Of small λ the share is a difference of two numbers near 1.
    left = -torch.special.expm1(steps * torch.log1p(-rate * values))
    found = values * (1 - left) / left
    return torch.where(share == 0, 1 / (steps * rate), found)


def soft_threshold(values: Float[Tensor, "..."], amount: float) -> Float[Tensor, "..."]:
    """`sign(v) · max(|v| − amount, 0)`: what L1 leaves of each value; at most `amount` leaves zero.

    It solves `min_w ½ (w − v)² + amount |w|`. Along eigenvectors that are axes, L1 of strength α
    leaves the solution's coordinates w* the threshold `α / λ`, where L2 only scales them.

    Args:
        values: any real numbers.
        amount: >= 0.

    Raises:
        ValueError: if the amount is negative or not finite.

    Source: Goodfellow, Bengio and Courville 2016, section 7.1.2; Tibshirani 1996.
    """
    check_not_negative("amount", amount)
    return values.sign() * (values.abs() - amount).clamp(min=0)


@one_thread()
def sparse_solution(
    inputs: Float[Tensor, "examples features"],
    targets: Float[Tensor, "examples outputs"],
    *,
    penalty: float,
    tolerance: float = 1e-6,
    most_steps: int = 20_000,
) -> Float[Tensor, "features outputs"]:
    """The weights of least loss with L1: `½ ‖X W − Y‖² / n + penalty Σ |W|`, zeros exact.

    Proximal steps, `W ← soft_threshold(W − G / L, penalty / L)` with G the gradient and L the
    Hessian's largest eigenvalue, with Nesterov's momentum, restarted where the loss rises. They end
    where no entry is further than `tolerance · penalty` from optimal: `G = −penalty · sign(W)`
    where W is not 0, `|G| <= penalty` where it is.

    Args:
        inputs: X.
        targets: Y.
        penalty: > 0; from `max |Xᵀ Y| / n` on all weights are zero.
        tolerance: > 0.
        most_steps: after which it gives up.

    Returns:
        float64 [features, outputs].

    Raises:
        ValueError: if shapes do not fit, values are not finite, the penalty or the tolerance is not
            above 0, or it has not converged.

    Source: Beck and Teboulle 2009 (FISTA); O'Donoghue and Candès 2015 (restart).
    Cost: O(features² · outputs) a step, a few hundred of them.
    """
    check_numbers("inputs", inputs, (None, None))
    check_numbers("targets", targets, (len(inputs), None))
    check_positive("penalty", penalty)
    check_positive("tolerance", tolerance)
    rows = inputs.detach().double()
    hessian = rows.T @ rows / len(rows)
    pull = rows.T @ targets.detach().double() / len(rows)
    largest = float(torch.linalg.eigvalsh(hessian)[-1])
    weights = torch.zeros_like(pull)
    if largest == 0:
        return weights
    ahead, momentum = weights, 1.0
    for _ in range(most_steps):
        moved = ahead - (hessian @ ahead - pull) / largest
        after = soft_threshold(moved, penalty / largest)
        if float(((ahead - after) * (after - weights)).sum()) > 0:  # it goes uphill
            ahead, momentum = weights, 1.0
            continue
        further = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead = after + (momentum - 1) / further * (after - weights)
        weights, momentum = after, further
        if _distance(weights, hessian @ weights - pull, penalty) <= tolerance * penalty:
            return weights
    raise ValueError(
        f"L1 of {penalty:g} has not converged to {tolerance:g} of it in {most_steps:,} steps: "
        "allow more steps or a larger tolerance"
    )


def _distance(weights: Tensor, gradient: Tensor, penalty: float) -> float:
    """How far the entry that is furthest from optimal is."""
    moving = (gradient + penalty * weights.sign()).abs()
    resting = (gradient.abs() - penalty).clamp(min=0)
    return float(torch.where(weights == 0, resting, moving).max())


def _checked(eigenvalues: Tensor) -> Tensor:
    check_numbers("eigenvalues", eigenvalues, (None,))
    if bool((eigenvalues < 0).any()):
        raise ValueError(f"eigenvalues must be at least 0, got {float(eigenvalues.min()):.4g}")
    return eigenvalues.detach().double()
