"""Allocation: from scores to masks, i.e. how many weights each parameter keeps, and which.

All take scores by parameter name (larger = kept) and give bool masks by the same names. Of equal
scores the first by position are kept: parameters in the order of `scores`, then row by row. With
`mask` only the weights that it keeps are candidates, so that the result is nested in it; a density
is always of all the weights, not of the survivors.
"""

from collections.abc import Mapping
from types import MappingProxyType

from surfeit.core import unknown
from surfeit.prune.allocation.candidates import Allocation
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

# Those that take one density; layerwise_mask takes one a parameter, n_of_m_mask none.
ALLOCATIONS: Mapping[str, Allocation] = MappingProxyType(
    {"global": global_mask, "uniform": uniform_mask, "erk": erk_mask}
)


def allocation_named(name: str) -> Allocation:
    """The allocation in `ALLOCATIONS` called `name`.

    Raises:
        ValueError: if there is none; the nearest names are suggested.
    """
    if not isinstance(name, str) or name not in ALLOCATIONS:
        raise unknown("allocation", name, ALLOCATIONS)
    return ALLOCATIONS[name]
