"""One density overall, shared out over the parameters by a rule: uniform or Erdős-Rényi-kernel."""

import math
from collections.abc import Mapping

from torch import Tensor

from surfeit.prune.allocation.candidates import (
    candidates,
    check_enough,
    keep_counts,
)
from surfeit.prune.checks import check_density, collapse
from surfeit.prune.prunable import Mask

_ROUNDING = 1e-9  # relative: 0.07 · 100 is a little more than 7 in binary, 0.29 · 100 a little less


def uniform_mask(
    scores: Mapping[str, Tensor], density: float, *, mask: Mapping[str, Tensor] | None = None
) -> Mask:
    """Keeps the largest scores of each parameter, at the same density everywhere.

    Each parameter is within one weight of `density n`, and all together keep exactly
    `round(density N)`: the weights left over by rounding down go where most was cut off. (Where
    `mask` leaves no room for one there, another parameter takes it, and may get a second one.)

    Args:
        scores: as in `global_mask`.
        density: fraction of every parameter to keep, in (0, 1].
        mask: the mask to stay within, of the same names and shapes.

    Raises:
        ValueError: as `global_mask`, of each parameter.
        CollapseError: if a parameter's share is less than half a weight, or none is left for it.
    """
    check_density(density)
    found = candidates(scores, mask)
    shares = {name: density * value.numel() for name, value in found.items()}
    for name, share in shares.items():
        check_enough(repr(name), _floor(share), int(found[name].sum()))
    return keep_counts(scores, _counts(shares, density, found), found)


def erk_mask(
    scores: Mapping[str, Tensor], density: float, *, mask: Mapping[str, Tensor] | None = None
) -> Mask:
    """Keeps the largest scores of each parameter, at Erdős-Rényi-kernel densities.

    A parameter's density is `ε (n_in + n_out + k_h + k_w) / (n_in n_out k_h k_w)`, at most 1 (with
    `mask`: at most what survives of it), with `ε` such that all together keep exactly
    `round(density N)`: small layers stay denser than large ones.

    Args:
        scores: as in `global_mask`; the sides are those of their shapes.
        density: fraction of all weights to keep, in (0, 1].
        mask: the mask to stay within, of the same names and shapes.

    Raises:
        ValueError: as `global_mask`.
        CollapseError: as `uniform_mask`.

    Source: Evci et al. 2020 (RigL), section 3; Mocanu et al. 2018 for linear layers.
    """
    check_density(density)
    found = candidates(scores, mask)
    total = density * sum(value.numel() for value in found.values())
    limits = {name: int(value.sum()) for name, value in found.items()}
    shares = _filled({name: sum(value.shape) for name, value in found.items()}, limits, total)
    return keep_counts(scores, _counts(shares, density, found), found)


def _filled(sides: Mapping[str, int], limits: Mapping[str, int], total: float) -> dict[str, float]:
    """Shares of `total` in proportion to `sides`; what is beyond a limit goes to the rest."""
    shares: dict[str, float] = {}
    while len(shares) < len(sides):
        free = [name for name in sides if name not in shares]
        scale = (total - sum(shares.values())) / sum(sides[name] for name in free)
        full = [name for name in free if scale * sides[name] >= limits[name]]
        if not full:
            return shares | {name: scale * sides[name] for name in free}
        shares |= {name: float(limits[name]) for name in full}
    return shares


def _counts(shares: Mapping[str, float], density: float, found: Mask) -> dict[str, int]:
    """Whole counts that add up to `round(density N)`, each within one weight of its share."""
    for name, share in shares.items():
        if share < 0.5:  # whatever the others leave over: the same layer at the same density
            raise collapse(name, found[name].numel())
    limits = {name: int(value.sum()) for name, value in found.items()}
    total = round(density * sum(value.numel() for value in found.values()))
    check_enough("all parameters together", total, sum(limits.values()))
    counts = {name: min(_floor(share), limits[name]) for name, share in shares.items()}
    rest = total - sum(counts.values())
    # A layer of less than one weight goes first: it must not be rounded away for a larger one.
    order = sorted(shares, key=lambda name: (counts[name] > 0, counts[name] - shares[name]))
    while rest > 0:
        for name in [name for name in order if counts[name] < limits[name]][:rest]:
            counts[name] += 1
            rest -= 1
    return counts


def _floor(share: float) -> int:
    return math.floor(share * (1 + _ROUNDING))
