"""Random scores: the control of every other."""

import torch

from surfeit.core import Params
from surfeit.prune.evidence import Evidence


def random(evidence: Evidence) -> Params:
    """A uniform number in [0, 1) for each weight: every mask of a density is equally likely.

    Drawn in float64 from the evidence's generator, layer after layer in the order of the model: a
    second call draws other numbers.

    Raises:
        ValueError: if the evidence has no generator.
    """
    return {
        name: torch.rand(w.shape, generator=evidence.draws, dtype=torch.float64).to(w.device)
        for name, w in evidence.weights.items()
    }
