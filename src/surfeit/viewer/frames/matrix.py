"""The inner products of all pairs of a layer's units, negative ones too."""

import numpy as np

from surfeit.viewer.frames.units import Units
from surfeit.viewer.wire import encode

MOST_UNITS = 1_024
"""Of more, a screen could not show each pair."""

STEPS = 127
NONE = -128
"""In the place of a pair of which one unit has no direction."""


def matrix_frame(units: Units, *, own: int | None = None, note: str | None = None) -> bytes:
    """All inner products in the bytes that `surfeit.viewer.wire` describes, rounded to 1/127.

    The array "products" is int8 [units, units]: `round(127 · product)`; −128 where a unit has no
    direction.

    Args:
        units: of one layer, or of two merged.
        own: how many are of the first run; all if not given.
        note: what is to be known of it.

    Raises:
        ValueError: if there are more than 1,024 units.

    Cost: O(units² · columns).
    """
    count = len(units)
    if count > MOST_UNITS:
        raise ValueError(f"the matrix shows up to {MOST_UNITS:,} units, here are {count:,}")
    products = (units.rows @ units.rows.T).clamp(-1, 1).mul(STEPS).round().numpy().astype(np.int8)
    nowhere = (units.rows.norm(dim=1) == 0).numpy()
    products[nowhere] = products[:, nowhere] = NONE
    header = {
        "units": count,
        "own": count if own is None else own,
        "level": units.level,
        "note": note,
    }
    return encode(header, {"products": products})
