"""Chance: the control of every other criterion."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from surfeit.core import weight_matrix
from surfeit.prune.criteria.criterion import Criterion
from surfeit.prune.evidence import Evidence


def random(
    weight: Float[Tensor, "units inputs"], generator: torch.Generator | None = None
) -> Float[Tensor, " units"]:
    """A random rank for each unit: every order is equally likely.

    Args:
        weight: only its number of units matters.
        generator: a CPU generator, e.g. `Streams(seed).get("removal", "fc1", repeat)`.

    Raises:
        ValueError: if there is no generator, or the weight is no layer's.
    """
    if generator is None:
        raise ValueError(
            "the criterion random needs a generator, got None: pass e.g. "
            'generator=Streams(0).get("removal")'
        )
    ranks = torch.randperm(len(weight_matrix(weight)), generator=generator)
    return ranks.double().to(weight.device)


def random_scores(evidence: Evidence) -> dict[str, Float64[Tensor, " units"]]:
    """A uniform number in [0, 1) for each unit, layer after layer.

    No ranks: those of a large layer would exceed those of a small one, where a global allocation
    compares them.

    Raises:
        ValueError: if the evidence has no generator.
    """
    scores = {}
    for name in evidence.unit_layers:
        W = evidence.matrix(name)
        draws = torch.rand(len(W), generator=evidence.draws, dtype=torch.float64)
        scores[name] = draws.to(W.device)
    return scores


RANDOM = Criterion(
    name="random",
    says="Chance: units go in random order, as a control of the others.",
    first="units in random order",
    of_weights=random,
    of_evidence=random_scores,
    draws=True,
    usual=True,
)
