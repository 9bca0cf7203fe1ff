"""Allocation: from scores to masks, i.e. how many weights each parameter keeps, and which.

All take scores by parameter name (larger = kept) and give bool masks by the same names. Of equal
scores the first by position are kept: parameters in the order of `scores`, then row by row. With
`mask` only the weights that it keeps are candidates, so that the result is nested in it; a density
is always of all the weights, not of the survivors.
"""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.prune.allocation.candidates import Allocation
    from surfeit.prune.allocation.catalog import ALLOCATIONS, allocation_named
    from surfeit.prune.allocation.groups import n_of_m_mask
    from surfeit.prune.allocation.largest import global_mask, layerwise_mask
    from surfeit.prune.allocation.levels import layer_rates, level_densities
    from surfeit.prune.allocation.shares import erk_mask, uniform_mask

__all__ = [
    "ALLOCATIONS",
    "Allocation",
    "allocation_named",
    "erk_mask",
    "global_mask",
    "layer_rates",
    "layerwise_mask",
    "level_densities",
    "n_of_m_mask",
    "uniform_mask",
]

lazy_front(__name__)
