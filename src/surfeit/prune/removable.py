"""How far along a removal curve the network is as good as before."""

from jaxtyping import Float
from torch import Tensor


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
