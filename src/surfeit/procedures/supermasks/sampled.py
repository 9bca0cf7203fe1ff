"""Accuracy under masks drawn with learned probabilities."""

import torch

from surfeit.core import Split
from surfeit.procedures.supermasks.bernoulli import BernoulliMask
from surfeit.procedures.supermasks.criteria import accuracy


def sampled_accuracy(
    masked: BernoulliMask, split: Split, *, samples: int, generator: torch.Generator
) -> list[float]:
    """The accuracies of the untrained network under masks drawn with the learned probabilities.

    Args:
        masked: with its learned scores, on the CPU.
        split: what to measure on.
        samples: how many masks, at least 1.
        generator: draws them.

    Returns:
        a fraction a mask.

    Raises:
        ValueError: if `samples` is not positive.

    Source: Zhou et al. 2019 report means over ten masks. Cost: a forward pass over the split each.
    """
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    drawn = [masked.extract(masked.draw(generator)) for _ in range(samples)]
    return [accuracy(one, split) for one in drawn]
