"""What a change of the network does to the images of a split, with its interval."""

from jaxtyping import Bool
from torch import Tensor

from surfeit.study import paired_interval


def paired(before: Bool[Tensor, " n"], after: Bool[Tensor, " n"]) -> dict[str, float | int]:
    """Accuracies before and after, and the paired interval of their change; all fractions."""
    change = paired_interval(before.numpy(), after.numpy())
    return {
        "images": len(before),
        "before": float(before.double().mean()),
        "after": float(after.double().mean()),
        "change": change.estimate,
        "lower": change.lower,
        "upper": change.upper,
    }
