"""Neural collapse: the spread of a layer's outputs within classes, beside that between them."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from surfeit.core import check_finite, check_tensor

_LEAST = 1e-12  # of the largest singular value: smaller ones are rounding


def within_over_between(
    outputs: Float[Tensor, "examples units"], labels: Int64[Tensor, " examples"]
) -> float:
    """The variability of outputs within classes over that between classes: NC1.

    `tr(Σ_W Σ_B⁺) / C` of C classes, where `Σ_W` is the mean over classes of their covariance,
    `Σ_B` that of the C class means about their own mean, and `⁺` the pseudo-inverse. 0 where all
    outputs of a class are one. Scaling or rotating the outputs changes nothing.

    Args:
        outputs: what a layer gives for each example; computed in float64.
        labels: of at least two classes; their numbers do not matter.

    Raises:
        ValueError: if there is not one label an example, there is one class only, all class means
            are one, or an entry is not finite.

    Source: Papyan, Han and Donoho 2020, section 2.C (NC1), of classes of equal size, which makes
    both means those of the examples.
    Cost: O(examples · units · classes).
    """
    check_tensor("labels", labels)
    check_finite(outputs, "outputs")
    if outputs.dim() != 2 or list(labels.shape) != [len(outputs)]:
        raise ValueError(
            f"outputs must be [examples, units] with a label each, got {list(outputs.shape)} and "
            f"labels {list(labels.shape)}"
        )
    outputs = outputs.detach().double()
    classes, place = labels.unique(return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"collapse needs examples of two classes or more, got {len(classes)}")
    members = torch.nn.functional.one_hot(place).double() / place.bincount().double()
    means = members.T @ outputs
    between = means - means.mean(0)
    _, lengths, axes = torch.linalg.svd(between, full_matrices=False)
    # What rounding leaves of means beside their size is no direction, nor are C of C means.
    rounding = float(means.abs().max()) * max(between.shape) * torch.finfo(torch.float64).eps
    there = lengths > max(float(lengths[0]) * _LEAST, rounding)
    there[len(classes) - 1 :] = False
    if not there.any():
        raise ValueError("all classes have one mean: there is nothing between them")
    along = (outputs - means[place]) @ axes[there].T / lengths[there]
    # Σ_B⁺ is C V S⁻² Vᵀ, and Σ_W weighs an example by 1 / (C · size of its class).
    weights = members.sum(1) / len(classes)
    return float((weights @ along.square()).sum())
