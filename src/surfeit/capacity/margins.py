"""Margins of outputs, the widest margin of a linear separator, and where gradient descent goes."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.integrate import solve_ivp
from scipy.optimize import nnls
from scipy.special import expit
from torch import Tensor

from surfeit.core import check_positive, one_thread

_SEPARABLE = 1e-9
"""Of the residual that separates: below it no direction is left that has all examples ahead."""


def margins(
    outputs: Float[Tensor, "examples classes"], targets: Int[Tensor, " examples"]
) -> Float[Tensor, " examples"]:
    """By how much the right class's output exceeds the largest other one's: `f_y − max_{j≠y} f_j`.

    Negative where an example is misclassified. Multiplying the last layer multiplies it: compare
    margins of different networks only once they are normalised.

    Args:
        outputs: f, before any softmax, at least two classes.
        targets: y, in [0, classes).

    Raises:
        ValueError: if shapes do not fit, there are fewer than two classes, or a target is none.
    """
    if outputs.dim() != 2 or outputs.shape[1] < 2 or targets.shape != outputs.shape[:1]:
        raise ValueError(
            "outputs must be [examples, 2 or more classes] with a target each, got "
            f"{list(outputs.shape)} and {list(targets.shape)}"
        )
    if len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < outputs.shape[1]:
        raise ValueError(f"targets must be in [0, {outputs.shape[1]}), got others")
    right = outputs.gather(1, targets[:, None])
    others = outputs.scatter(1, targets[:, None], -torch.inf)
    return right[:, 0] - others.amax(1)


@one_thread()
def hard_margin(
    inputs: Float[Tensor, "examples features"], signs: Float[Tensor, " examples"]
) -> Float[Tensor, " features"]:
    """The shortest ŵ with `y_i ⟨ŵ, x_i⟩ ≥ 1` for all i: the widest margin, through the origin.

    The margin, from the hyperplane to the nearest example, is `γ = 1/‖ŵ‖`. It is the least distance
    problem of Lawson and Hanson, whose dual is solved by non-negative least squares: exact, to
    rounding, and with a finite number of steps.

    Args:
        inputs: x, one row an example.
        signs: y, each 1 or −1.

    Returns:
        ŵ, float64.

    Raises:
        ValueError: if shapes do not match, an input is not finite, a sign is another, or no
            hyperplane through the origin separates the examples.

    Source: Lawson and Hanson 1974, chapter 23. Cost: of non-negative least squares of
    (features + 1) x examples.
    """
    ahead = _signed(inputs, signs).numpy()
    system = np.vstack([ahead.T, np.ones(len(ahead))])
    wanted = np.zeros(len(system))
    wanted[-1] = 1.0
    scale = np.abs(ahead).max(initial=0.0) or 1.0
    system[:-1] /= scale
    weights, distance = nnls(system, wanted)
    left = system @ weights - wanted
    if distance**2 <= _SEPARABLE:
        raise ValueError(
            "no hyperplane through the origin separates the examples, so that none has a margin"
        )
    return torch.from_numpy(-left[:-1] / left[-1] / scale)


@one_thread()
def logistic_descent(
    inputs: Float[Tensor, "examples features"],
    signs: Float[Tensor, " examples"],
    *,
    rate: float,
    places: Sequence[int],
) -> Float[Tensor, "places features"]:
    """Gradient descent from 0 on `L(w) = (1/n) Σ log(1 + exp(−y_i ⟨w, x_i⟩))`, at some steps.

    Where the examples are separable there is no minimum: w grows as `ŵ log t` with bounded
    remainder for almost all data, ŵ the `hard_margin`, and so its direction tends to that of the
    widest margin and its norm gains `1/γ` for each unit of log t, whatever the rate.

    Args:
        inputs, signs: as of `hard_margin`, separable or not.
        rate: at most `8 / λ₁` of the inputs' mean square is stable.
        places: the steps at which w is kept, ascending, each at least 0.

    Returns:
        w, float64.

    Raises:
        ValueError: as `hard_margin`, but for separability; if the rate is not above 0, or places
            are not ascending whole numbers.

    Source: Soudry et al. 2018 (1710.10345), theorem 3. Cost: O(n features) a step: 10 µs for a few
    dozen.
    """
    ahead = _signed(inputs, signs).numpy()
    check_positive("rate", rate)
    whole = all(type(one) is int and one >= 0 for one in places)
    if not places or not whole or list(places) != sorted(set(places)):
        raise ValueError(f"places must be ascending whole numbers from 0 on, got {tuple(places)}")
    weights, pulls = np.zeros(ahead.shape[1]), ahead.T * (rate / len(ahead))
    kept, wanted = [], set(places)
    for step in range(places[-1] + 1):
        if step in wanted:
            kept.append(weights.copy())
        weights += pulls @ expit(-(ahead @ weights))
    return torch.from_numpy(np.stack(kept))


@one_thread()
def logistic_flow(
    inputs: Float[Tensor, "examples features"],
    signs: Float[Tensor, " examples"],
    *,
    times: Sequence[float],
) -> Float[Tensor, "times features"]:
    """The limit of `logistic_descent` for small rates, `dw/dt = −∇L(w)` from 0: t is rate x steps.

    Taken in log(1 + t), where what is left to do per unit of it stays of one size: 10¹² is reached
    in as many evaluations as 10¹ has dozens of steps.

    Args:
        inputs, signs: as of `logistic_descent`.
        times: at which w is kept, ascending, each at least 0.

    Returns:
        w, float64, to a relative error of about 1e-7.

    Raises:
        ValueError: as `logistic_descent`, with times in place of places.

    Cost: some hundred evaluations a unit of log t at most, of O(n features).
    """
    ahead = _signed(inputs, signs).numpy()
    ascending = list(times) == sorted(set(times))
    if not len(times) or not ascending or not 0 <= times[0] <= times[-1] < math.inf:
        raise ValueError(f"times must be ascending numbers from 0 on, got {tuple(times)}")
    pulls = ahead.T / len(ahead)

    def change(log_time: float, weights: np.ndarray) -> np.ndarray:
        return math.exp(log_time) * (pulls @ expit(-(ahead @ weights)))

    places = np.log1p(np.asarray(times, dtype=float))
    if places[-1] == 0:
        return torch.zeros(1, ahead.shape[1], dtype=torch.float64)
    start = np.zeros(ahead.shape[1])
    path = solve_ivp(
        change, (0.0, places[-1]), start, t_eval=places, method="LSODA", rtol=1e-8, atol=1e-10
    )
    return torch.from_numpy(np.ascontiguousarray(path.y.T))


def _signed(inputs: Tensor, signs: Tensor) -> Tensor:
    """`y_i x_i`, float64, once both are checked."""
    if inputs.dim() != 2 or not inputs.numel() or signs.shape != inputs.shape[:1]:
        raise ValueError(
            "inputs must be [examples, features], none of them 0, with a sign each, got "
            f"{list(inputs.shape)} and {list(signs.shape)}"
        )
    given, wanted = inputs.detach().cpu().double(), signs.detach().cpu().double()
    if not bool(torch.isfinite(given).all()):
        raise ValueError("inputs must be finite: some are not")
    if not bool((wanted.abs() == 1).all()):
        raise ValueError("signs must be 1 or −1: some are not")
    return given * wanted[:, None]
