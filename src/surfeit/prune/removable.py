"""How far along a removal curve the network is as good as before."""

from jaxtyping import Float
from torch import Tensor

from surfeit.core import Objective, squared_error


def removable(accuracies: Float[Tensor, " removals+1"], *, loss: float = 0.01) -> int:
    """How many units can go before accuracy has fallen by more than `loss`.

    The largest k such that `a_j ≥ a_0 − loss` for all j ≤ k: a later recovery does not count.

    Args:
        accuracies: [removals + 1], fractions, the dense network first, as from `removal_curve`.
        loss: accepted fall as a fraction in [0, 1].

    Returns:
        a number in [0, removals].

    Raises:
        ValueError: if the curve is empty, no curve or not of fractions in [0, 1], or loss is none.
    """
    if accuracies.dim() != 1 or len(accuracies) == 0:
        raise ValueError(f"accuracies must be [removals + 1], got {list(accuracies.shape)}")
    if not bool(((accuracies >= 0) & (accuracies <= 1)).all()):
        raise ValueError(
            f"accuracies must be finite fractions in [0, 1], got {accuracies.tolist()}"
        )
    if not 0 <= loss <= 1:
        raise ValueError(f"loss must be a fraction in [0, 1], got {loss}")
    # A fall of exactly `loss` is allowed: 0.98 − 0.97 is a little more than 0.01 in binary.
    fallen = accuracies[0] - accuracies > loss + 1e-9
    return int(fallen.int().argmax()) - 1 if bool(fallen.any()) else len(accuracies) - 1


def removable_by_loss(losses: Float[Tensor, " removals+1"], *, rise: float) -> int:
    """How many units can go before the loss has risen by more than `rise`.

    The largest k such that `l_j ≤ l_0 + rise` for all j ≤ k: a later recovery does not count.

    Args:
        losses: [removals + 1], the dense network first, as from `removal_curve` where there are no
            classes.
        rise: accepted rise, at least 0, in the losses' own unit: see `accepted_rise`.

    Returns:
        a number in [0, removals].

    Raises:
        ValueError: if the curve is empty, no curve or not finite, or the rise is negative.
    """
    if losses.dim() != 1 or len(losses) == 0:
        raise ValueError(f"losses must be [removals + 1], got {list(losses.shape)}")
    if not bool(losses.isfinite().all()):
        raise ValueError(f"losses must be finite, got {losses.tolist()}")
    if not rise >= 0:
        raise ValueError(f"rise must be at least 0, got {rise}")
    dense = losses[0].double()
    # As in `removable`, a rise of exactly that much is allowed in spite of rounding.
    risen = losses.double() - dense > rise + 1e-9 * (abs(dense) + rise)
    return int(risen.int().argmax()) - 1 if bool(risen.any()) else len(losses) - 1


def accepted_rise(dense: float, targets: Tensor, objective: Objective, *, loss: float) -> float:
    """How much the loss may rise where no more than `loss` is to be lost.

    Where the squared error of real targets is the loss, `R² = 1 − loss / variance` says what it is
    worth: R² may fall by `loss`, and the loss so rise by `loss · variance`. Of any other loss, a
    share of itself: `loss · |dense|`.

    Args:
        dense: the loss of the dense network.
        targets: what it was measured on.
        objective: whose loss it is.
        loss: what may be lost, a fraction, at least 0: 0.01 is a point of R², or 1 % of the loss.
    """
    variance = explained_variance(targets, objective)
    return loss * (abs(dense) if variance is None else variance)


def explained_variance(targets: Tensor, objective: Objective) -> float | None:
    """The loss of always answering the targets' mean, of which R² is the share that is explained.

    `1/n Σ |target − mean|²`, summed over the outputs; None where the loss is no squared error of
    real targets, or the targets never change.
    """
    if objective.name != squared_error.name or not targets.is_floating_point():
        return None
    real = targets.double()
    variance = float((real - real.mean(0)).square().sum() / len(real))
    return variance or None
