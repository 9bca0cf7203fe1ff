"""The allocations that take one density, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from surfeit.core import unknown
from surfeit.prune.allocation.candidates import Allocation
from surfeit.prune.allocation.largest import global_mask
from surfeit.prune.allocation.shares import erk_mask, uniform_mask

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
