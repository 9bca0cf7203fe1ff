"""The largest scores: of all parameters together, or of each at a density of its own."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from surfeit.prune.allocation.candidates import (
    candidates,
    check_enough,
    check_names,
    check_scores,
    keep_counts,
    largest,
    numbers,
)
from surfeit.prune.checks import check_alive, check_density
from surfeit.prune.prunable import Mask


def global_mask(
    scores: Mapping[str, Tensor], density: float, *, mask: Mapping[str, Tensor] | None = None
) -> Mask:
    """Keeps the largest scores of all parameters together: exactly `round(density N)` of N.

    Args:
        scores: by parameter name, shaped like the weights; any real dtype, infinities allowed.
        density: fraction of all weights to keep, in (0, 1].
        mask: the mask to stay within, of the same names and shapes.

    Raises:
        ValueError: if the density is outside (0, 1], more is asked for than survives, a candidate's
            score is NaN, or scores and mask differ in names or shapes.
        CollapseError: if a parameter would keep none, naming its layer.

    Cost: O(N); 20M weights take under two seconds on one core.
    """
    check_density(density)
    found = candidates(scores, mask)
    count = round(density * sum(value.numel() for value in found.values()))
    survivors = sum(int(value.sum()) for value in found.values())
    check_enough("all parameters together", count, survivors)
    values = [numbers(scores[name], found[name]) for name in found]
    everywhere = largest(np.concatenate(values), count) if count else np.zeros(survivors, bool)
    parts = torch.from_numpy(everywhere).split([len(value) for value in values])
    result = {
        name: torch.zeros_like(candidate).masked_scatter_(candidate, part)
        for (name, candidate), part in zip(found.items(), parts, strict=True)
    }
    check_alive(result)
    return result


def layerwise_mask(
    scores: Mapping[str, Tensor],
    densities: Mapping[str, float],
    *,
    mask: Mapping[str, Tensor] | None = None,
) -> Mask:
    """Keeps the largest scores of each parameter: exactly `round(density n)` of its n.

    Args:
        scores: as in `global_mask`.
        densities: fraction to keep, in (0, 1], for each name in `scores`.
        mask: the mask to stay within, of the same names and shapes.

    Raises:
        ValueError: as `global_mask`; or if the densities are not by name (one for all is
            `uniform_mask`'s), or their names and those of the scores differ.
        CollapseError: if a parameter's count rounds to none, naming its layer.
    """
    check_scores(scores)
    if not isinstance(densities, Mapping):
        raise ValueError(
            "densities must be by parameter name, such as "
            f'{{"{next(iter(scores), "fc1.weight")}": 0.3, ...}}, got {densities!r}: '
            "layerwise_mask takes one of each parameter's own; for the same density everywhere "
            "pass it to uniform_mask"
        )
    check_names("density", densities, scores)
    for name in scores:
        check_density(densities[name], f" for {name!r}")
    found = candidates(scores, mask)
    counts = {name: round(densities[name] * value.numel()) for name, value in found.items()}
    return keep_counts(scores, counts, found)
