"""The elbow of a curve."""

import torch
from jaxtyping import Float
from torch import Tensor

# A straight line has no elbow; this much of its height is taken for rounding.
_STRAIGHT = 1e-9


def elbow(values: Float[Tensor, " points"]) -> int | None:
    """The index at which a curve turns from steep to flat, or `None` if it nowhere does.

    Both axes are scaled so that the curve runs from (0, 1) to (1, 0); the elbow is the point
    farthest below the chord, the one with the greatest

    `1 − k/K − (values_k − values_K) / (values_0 − values_K)`.

    So it changes neither with the curve's scale, offset nor sign (rising curves that flatten work
    as well), but it does with where the curve is cut off: give it whole. It is a definition, not an
    estimate: every convex curve has one. Of equal distances the first counts.

    >>> elbow(residual_energy(weight))  # the report's rank
    >>> elbow(residual_share(weight))  # of the norm itself: another

    Args:
        values: at 0, 1, ..., K, equally spaced; at least 3, finite, the ends different.

    Returns:
        the index, in [1, K − 1]; `None` for a straight line or a curve nowhere below its chord.

    Raises:
        ValueError: if the values are not as said above.

    Source: Satopää et al. 2011 ("kneedle", without smoothing).
    """
    if values.dim() != 1 or len(values) < 3:
        raise ValueError(f"an elbow needs at least 3 values in a row, got {list(values.shape)}")
    curve = values.detach().double()
    if not bool(torch.isfinite(curve).all()) or curve[0] == curve[-1]:
        raise ValueError(
            "values must be finite and end elsewhere than they begin, "
            f"got {curve[0].item()} to {curve[-1].item()}"
        )
    height = (curve - curve[-1]) / (curve[0] - curve[-1])
    below = torch.linspace(1, 0, len(curve), dtype=torch.float64, device=curve.device) - height
    best = int((below >= below.max() - _STRAIGHT).nonzero()[0])
    return best if below[best] > _STRAIGHT else None
