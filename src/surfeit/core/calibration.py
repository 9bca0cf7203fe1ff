"""Whether a classifier is as often right as it says."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def calibration_error(
    outputs: Float[Tensor, "n classes"], labels: Int64[Tensor, " n"], *, bins: int = 15
) -> float:
    """The expected calibration error: how far confidence and accuracy are apart, on average.

    With the softmax's largest probability `p_i` as confidence and equal bins `B` of (0, 1]:
    `ECE = Σ_B |B| / n · |mean of p_i in B − share of right answers in B|`.

    Args:
        outputs: logits.
        labels: the right classes.
        bins: at least 1.

    Returns:
        a fraction in [0, 1]; 0 is perfect. It is biased upwards: with n / bins right answers of
        probability p a bin, even a perfect classifier has about `√(2 p (1 − p) bins / (π n))`.

    Raises:
        ValueError: if shapes do not fit, there is no example, an output is not finite, or bins is
            below 1.

    Source: Guo et al. 2017, "On calibration of modern neural networks", equation 3. Cost: O(n).
    """
    if outputs.dim() != 2 or labels.shape != outputs.shape[:1] or not len(labels):
        raise ValueError(
            "calibration needs outputs [n, classes] and labels [n], at least one, got "
            f"{list(outputs.shape)} and {list(labels.shape)}"
        )
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    if not bool(outputs.isfinite().all()):
        raise ValueError("outputs must be finite, got NaN or infinity")
    confidence, answer = outputs.double().softmax(1).max(1)
    right = (answer == labels).double()
    place = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gaps = torch.zeros(bins, dtype=torch.float64, device=outputs.device)
    gaps.index_add_(0, place, confidence - right)
    return float(gaps.abs().sum()) / len(labels)
