"""All criteria by name, and the one way to find one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from surfeit.core import unknown
from surfeit.core.catalog import Catalog

if TYPE_CHECKING:
    from surfeit.prune.criteria.criterion import Criterion

GREEDY = "greedy_"
"""What a name begins with if units are scored by a greedy order, see `unit_scores`."""

_ENTRIES: "dict[str, Criterion | str]" = {
    "magnitude": "surfeit.prune.criteria.weight_vectors:MAGNITUDE",
    "frame_potential": "surfeit.prune.criteria.weight_vectors:FRAME_POTENTIAL",
    "inner_product": "surfeit.prune.criteria.weight_vectors:INNER_PRODUCT",
    "raw_frame_potential": "surfeit.prune.criteria.weight_vectors:RAW_FRAME_POTENTIAL",
    "fpgm": "surfeit.prune.criteria.median:FPGM",
    "activation_correlation": "surfeit.prune.criteria.outputs:ACTIVATION_CORRELATION",
    "taylor_unit": "surfeit.prune.criteria.slopes:TAYLOR_UNIT",
    "random": "surfeit.prune.criteria.chance:RANDOM",
}
CRITERIA: "Mapping[str, Criterion]" = Catalog(_ENTRIES)
"""All criteria by name."""


def usual_criteria() -> "dict[str, Criterion]":
    """The criteria that tables and reports take where none is named."""
    return {name: criterion for name, criterion in CRITERIA.items() if criterion.usual}


def criterion_named(name: str) -> "Criterion":
    """The criterion called `name`, or so in the keys of runs, with dashes or underscores.

    Raises:
        ValueError: if there is none; the nearest names are suggested, as they were written. Of a
            greedy order, `greedy_NAME` of `surfeit.prune.unit_scores`, what is to be given instead.
    """
    key = name.replace("-", "_")
    by_former = {one.former: one for one in CRITERIA.values() if one.former is not None}
    if key in CRITERIA:
        return CRITERIA[key]
    if key in by_former:
        return by_former[key]
    plain = key.removeprefix(GREEDY)
    if plain != key and plain in CRITERIA:
        given = plain if "_" in name else plain.replace("_", "-")
        if not CRITERIA[plain].pairs:
            raise ValueError(
                f"there is no {name!r}: a unit's {given!r} is the same whatever has gone: give that"
            )
        raise ValueError(
            f"{name!r} scores the units of tickets and of pruning while training: where units are "
            f"removed one by one, {given!r} is greedy as it is: give that"
        )
    dashed = [one.replace("_", "-") for one in CRITERIA]
    raise unknown("criterion", name, CRITERIA if "_" in name else dashed)
