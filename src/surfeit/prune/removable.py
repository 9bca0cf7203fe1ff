"""How far along a removal curve the network is as good as before: estimates, read off the curve.

`surfeit.prune.removal_bounds` says with confidence how many can go.
"""

from numbers import Real

from jaxtyping import Float
from torch import Tensor

from surfeit.core import Objective, check_tensor, squared_error
from surfeit.prune.tally import RemovalCurve

Points = Float[Tensor, " removals+1"]


def removable(accuracies: Points | RemovalCurve, *, loss: float = 0.01) -> int:
    """How many units a curve lets go before accuracy has fallen by more than `loss`: an estimate.

    Of all images, not of these, it is too many about every second time; `removal_bounds` gives
    bounds. It is the largest k such that `a_j ≥ a_0 − loss` for all j ≤ k: a later recovery does
    not count.

    Args:
        accuracies: a curve of `removal_curves`, or [removals + 1], fractions, the dense network
            first, as from `removal_curve`. Of a tensor nobody knows that it holds no losses, so one
            that ends higher than it began, as losses do, is refused.
        loss: accepted fall as a fraction in [0, 1].

    Returns:
        a number in [0, removals].

    Raises:
        ValueError: if the curve is empty, no curve, of losses or not of fractions in [0, 1], or
            loss is none.
    """
    _check_number("loss", loss)
    if not 0 <= loss <= 1:
        raise ValueError(f"loss must be a fraction in [0, 1], got {loss}")
    points = _accuracies(accuracies)
    if not bool(((points >= 0) & (points <= 1)).all()):
        raise ValueError(f"accuracies must be finite fractions in [0, 1], got {points.tolist()}")
    first, last = float(points[0]), float(points[-1])
    if isinstance(accuracies, Tensor) and last > first + loss + 1e-9:
        raise ValueError(
            f"accuracies must not end higher than they began, got {first:.4g} at first and "
            f"{last:.4g} at last: of losses take removable_by_loss(losses, rise=...). If these are "
            "accuracies, pass the curve itself, as removal_curves gives it"
        )
    # A fall of exactly `loss` is allowed: 0.98 − 0.97 is a little more than 0.01 in binary.
    fallen = points[0] - points > loss + 1e-9
    return int(fallen.int().argmax()) - 1 if bool(fallen.any()) else len(points) - 1


def removable_by_loss(losses: Points | RemovalCurve, *, rise: float) -> int:
    """How many units a curve lets go before the loss has risen by more than `rise`: an estimate.

    No bounds are known of it. It is the largest k such that `l_j ≤ l_0 + rise` for all j ≤ k: a
    later recovery does not count.

    Args:
        losses: a curve of `removal_curves` that has losses, or [removals + 1], the dense network
            first, as from `removal_curve` where there are no classes.
        rise: accepted rise, at least 0, in the losses' own unit: see `accepted_rise`.

    Returns:
        a number in [0, removals].

    Raises:
        ValueError: if the curve is empty, no curve, without losses or not finite, or the rise is
            negative or no number.
    """
    _check_number("rise", rise)
    if not rise >= 0:
        raise ValueError(f"rise must be at least 0, got {rise}")
    points = _losses(losses)
    if not bool(points.isfinite().all()):
        raise ValueError(f"losses must be finite, got {points.tolist()}")
    dense = points[0].double()
    # As in `removable`, a rise of exactly that much is allowed in spite of rounding.
    risen = points.double() - dense > rise + 1e-9 * (abs(dense) + rise)
    return int(risen.int().argmax()) - 1 if bool(risen.any()) else len(points) - 1


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

    Raises:
        ValueError: if `loss` is negative or no number.
    """
    _check_number("loss", loss)
    if not loss >= 0:
        raise ValueError(f"loss must be at least 0, got {loss}")
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


def _accuracies(given: Tensor | RemovalCurve) -> Tensor:
    if isinstance(given, RemovalCurve):
        if given.accuracy is None:
            raise ValueError(
                "the curve is of losses, got no accuracies: take removable_by_loss(curve, rise=...)"
            )
        given = given.accuracy
    return _checked("accuracies", given)


def _losses(given: Tensor | RemovalCurve) -> Tensor:
    if isinstance(given, RemovalCurve):
        if given.loss is None:
            raise ValueError(
                "the curve is of accuracies, got no losses: take removable(curve, loss=...), or "
                "removal_curves(..., losses=True)"
            )
        given = given.loss
    return _checked("losses", given)


def _checked(name: str, points: Tensor) -> Tensor:
    check_tensor(name, points)
    if points.dim() != 1 or len(points) == 0:
        raise ValueError(f"{name} must be [removals + 1], got {list(points.shape)}")
    return points


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name} must be a number such as 0.01, got {value!r}")
