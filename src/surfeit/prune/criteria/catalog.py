"""All criteria by name, and the one way to find one."""

from collections.abc import Mapping
from types import MappingProxyType

from surfeit.core import unknown
from surfeit.prune.criteria.chance import RANDOM
from surfeit.prune.criteria.criterion import Criterion
from surfeit.prune.criteria.median import FPGM
from surfeit.prune.criteria.outputs import ACTIVATION_CORRELATION
from surfeit.prune.criteria.slopes import TAYLOR_UNIT
from surfeit.prune.criteria.weight_vectors import (
    FRAME_POTENTIAL,
    INNER_PRODUCT,
    MAGNITUDE,
    RAW_FRAME_POTENTIAL,
)

_ENTRIES = {
    criterion.name: criterion
    for criterion in (
        MAGNITUDE,
        FRAME_POTENTIAL,
        INNER_PRODUCT,
        RAW_FRAME_POTENTIAL,
        FPGM,
        ACTIVATION_CORRELATION,
        TAYLOR_UNIT,
        RANDOM,
    )
}
CRITERIA: Mapping[str, Criterion] = MappingProxyType(_ENTRIES)
"""All criteria by name."""


def usual_criteria() -> dict[str, Criterion]:
    """The criteria that tables and reports take where none is named."""
    return {name: criterion for name, criterion in CRITERIA.items() if criterion.usual}


def criterion_named(name: str) -> Criterion:
    """The criterion called `name`, or so in the keys of runs, with dashes or underscores.

    Raises:
        ValueError: if there is none; the nearest names are suggested, as they were written.
    """
    key = name.replace("-", "_")
    by_former = {one.former: one for one in CRITERIA.values() if one.former is not None}
    if key in CRITERIA:
        return CRITERIA[key]
    if key in by_former:
        return by_former[key]
    dashed = [one.replace("_", "-") for one in CRITERIA]
    raise unknown("criterion", name, CRITERIA if "_" in name else dashed)
